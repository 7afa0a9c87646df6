import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { spelled } from '../src/spelling';

test('what turns the direction of text, or has no width, is named, and what is seen stays', () => {
  assert.equal(spelled('a\u202eb\u200b\u{e0041}'), 'a[U+202E]b[U+200B][U+E0041]');
  assert.equal(spelled('\u0000\u001b[2J\u0085'), '[U+0000][U+001B][2J[U+0085]');
  assert.equal(spelled('Grüße, עברית, 日本語, 👍🏽 \u00a0\n'), 'Grüße, עברית, 日本語, 👍🏽 \u00a0\n');
});

test('the front end of JupyterLab names the same ones', () => {
  const [own, other] = ['src/spelling.ts', '../labextension/src/spelling.ts'].map(path =>
    /\/\[.*\]\/gu/.exec(readFileSync(path, 'utf8'))?.[0]
  );
  assert.ok(own !== undefined && own === other);
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import React from 'react';

import { element, spelled } from '../src/spelling';

const CONTROLS = '\u0000\u0007\u001b\u007f\u0085\u009b\u2028\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u200c\u200d\u2060\ufeff\u00ad';

test('what turns the direction of text, or has no width, is named', () => {
  for (const letter of CONTROLS) {
    const code = (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    assert.equal(spelled(`a${letter}b`), `a[U+${code}]b`);
  }
  assert.equal(spelled('\u{e0041}'), '[U+E0041]');
});

test('what is seen stays', () => {
  for (const text of ['plain', 'Grüße, ελ, עברית, عربي, 日本語, 👍🏽 é e\u0301', 'a\nb\tc\u00a0d']) {
    assert.equal(spelled(text), text);
  }
});

test('the library names the same ones', () => {
  const python = readFileSync('../../audit_lab/seal/hidden_letters.py', 'utf8');
  const [, ...lines] = /_HIDDEN = \(\n\s*"(.*)"\n\s*"(.*)"\n\)/.exec(python) ?? [];
  const listed = lines.join('').replace(/\\U000(e[0-9a-f]{4})/g, '\\u{$1}');
  assert.notEqual(listed, '');
  const script = readFileSync('src/spelling.ts', 'utf8');
  assert.ok(script.includes(`/[${listed}]/gu`));
});

test('an element names them in its text and in what is read out of it, and nowhere else', () => {
  const made = element('a', { href: '\u202e', title: 'a\u202eb', 'aria-label': '\u200b' }, 'x\u202ey', 3, ['\u200b', null]);
  assert.deepEqual(made.props, {
    href: '\u202e',
    title: 'a[U+202E]b',
    'aria-label': '[U+200B]',
    children: ['x[U+202E]y', 3, ['[U+200B]', null]]
  });
});

test('a component is given what it was given', () => {
  const Shown = ({ title }: { title: string }): React.JSX.Element => element('b', null, title);
  assert.equal((element(Shown as React.ElementType, { title: '\u202e' }).props as { title: string }).title, '\u202e');
});

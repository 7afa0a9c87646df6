import assert from 'node:assert/strict';
import { test } from 'node:test';

import { completions, written } from '../src/completion';

const COLUMNS = ['decision', 'outputs.score', 'inputs.distance_miles', 'inputs.carrier', 'decision_rule'].map(name => ({
  name,
  kind: 'text'
}));

test('columns continue the word before the cursor, those that begin with it first', () => {
  assert.deepEqual(completions('dis', 3, COLUMNS), { start: 0, names: ['inputs.distance_miles'] });
  assert.deepEqual(completions('deci', 4, COLUMNS).names, ['decision', 'decision_rule']);
  assert.deepEqual(completions("decision = 'late' AND sco", 25, COLUMNS), { start: 22, names: ['outputs.score'] });
  assert.deepEqual(completions('inputs.c > 3', 8, COLUMNS).names, ['inputs.carrier']);
});

test('inside a text, and where nothing is written, there is nothing to continue', () => {
  assert.deepEqual(completions("decision = 'deci", 16, COLUMNS).names, []);
  assert.deepEqual(completions('', 0, COLUMNS).names, []);
  assert.deepEqual(completions('a > 3 ', 6, COLUMNS).names, []);
});

test('a name that is no plain word is quoted', () => {
  assert.equal(written('inputs.distance_miles'), 'inputs.distance_miles');
  assert.equal(written('inputs.my "odd" one'), 'inputs."my ""odd"" one"');
  assert.equal(written('two words'), '"two words"');
  assert.equal(written('inputs.a.b'), 'inputs."a.b"');
});

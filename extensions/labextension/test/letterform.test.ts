import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clues, EMPTY_LETTER, lacking } from '../src/letterform';

test('what was typed becomes clues, without spaces around and without what is empty', () => {
  assert.deepEqual(clues({ ...EMPTY_LETTER, customer: ' 4711 ', decision: 'deny' }), {
    customer: '4711',
    decision: 'deny',
    within: '2h'
  });
});

test('the id is no clue', () => {
  assert.equal('id' in clues({ ...EMPTY_LETTER, id: 'p-1' }), false);
});

test('a form without a log, or with nothing to search for, says what is lacking', () => {
  assert.equal(lacking('', { ...EMPTY_LETTER, id: 'p-1' }), 'Choose the audit log first.');
  assert.match(lacking('credit', EMPTY_LETTER) ?? '', /^Give the id/);
  assert.match(lacking('credit', { ...EMPTY_LETTER, zone: 'Europe/Oslo' }) ?? '', /^Give the id/);
  assert.equal(lacking('credit', { ...EMPTY_LETTER, id: 'p-1' }), null);
  assert.equal(lacking('credit', { ...EMPTY_LETTER, amount: '3777' }), null);
});

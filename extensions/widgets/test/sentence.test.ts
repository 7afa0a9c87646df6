import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sentence } from '../src/sentence';

const whole = { rows: 1234567, read: 0, since: '', until: '', sort: '', descending: true };

test('rows, order and a stretch of time are said', () => {
  assert.equal(sentence(whole), '1,234,567 predictions, in stored order.');
  assert.equal(sentence({ ...whole, sort: 'outputs.score' }), '1,234,567 predictions, by outputs.score, greatest first.');
  assert.equal(
    sentence({ ...whole, since: '2015-02-01T10:30:00+00:00', sort: 'decision', descending: false }),
    '1,234,567 predictions, from 2015-02-01 10:30 to the end (UTC), by decision, least first.'
  );
  assert.equal(
    sentence({ ...whole, until: '2015-02-01T00:00:00.000Z' }),
    '1,234,567 predictions, from the beginning to 2015-02-01 00:00 (UTC), in stored order.'
  );
});

test('what is not counted yet, and how far reading is, is said', () => {
  assert.equal(sentence({ ...whole, rows: -1, read: 262144 }), 'Counting, in stored order; 262,144 rows read.');
});

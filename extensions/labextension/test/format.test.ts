import assert from 'node:assert/strict';
import { test } from 'node:test';

import { count, instant, parted, score, span } from '../src/format';

test('a time is written in UTC to the second', () => {
  assert.equal(instant('2015-06-30T18:05:00.123456+00:00'), '2015-06-30 18:05:00 UTC');
  assert.equal(instant('2015-06-30T18:05:00Z'), '2015-06-30 18:05:00 UTC');
});

test('a time in another zone is shown as it came', () => {
  assert.equal(instant('2015-06-30T18:05:00+02:00'), '2015-06-30T18:05:00+02:00');
});

test('a missing time says so', () => {
  assert.equal(instant(null), 'no time recorded');
});

test('a span names both days, and one day once', () => {
  assert.equal(span('2015-01-01T00:00:00+00:00', '2015-12-31T23:00:00+00:00'), '2015-01-01 – 2015-12-31');
  assert.equal(span('2015-01-01T00:00:00+00:00', '2015-01-01T23:00:00+00:00'), '2015-01-01');
  assert.equal(span(null, null), null);
});

test('a long id keeps its tail apart, a short one stays whole', () => {
  assert.deepEqual(parted('0151f9bc-ecda-72a4-84fa-5cc56b79785b'), ['0151f9bc-ecda-72a4-84fa-5cc5', '6b79785b']);
  assert.deepEqual(parted('p-001'), ['p-001', '']);
});

test('one is not many', () => {
  assert.equal(count(1, 'prediction'), '1 prediction');
  assert.equal(count(100000, 'prediction'), '100,000 predictions');
});

test('a score has four places', () => {
  assert.equal(score(0.123456), '0.1235');
});

test('rounding never carries a score over its threshold', () => {
  assert.equal(score(0.49999, 0.5), '0.49999');
  assert.equal(score(0.50001, 0.5), '0.5000');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { placed } from '../src/alerts';
import type { Mark } from '../src/messages';

const FIRST = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;

function mark(from: number, to = from): Mark {
  const at = (day: number): string => new Date(FIRST + day * DAY).toISOString();
  return { from: at(from), to: at(to), since: at(from), until: at(to), words: '', urgent: false };
}

test('an alert stands at its time, as wide as its window', () => {
  const [one] = placed([mark(25, 75)], FIRST, 100 * DAY);
  assert.deepEqual(one, { left: 0.25, width: 0.5, lane: 0 });
});

test('a moment is wide enough to be pressed, at the end too, and none stands outside', () => {
  const [outside, first, last] = placed([mark(-40, -30), mark(50), mark(100)], FIRST, 100 * DAY);
  assert.equal(first?.width, 0.014);
  assert.equal(last?.left, 1 - 0.014);
  assert.equal(outside?.left, 0);
});

test('marks that would cover one another stand in lanes, the last of which takes the rest', () => {
  const marks = [mark(10, 30), mark(20, 40), mark(35), ...Array.from({ length: 9 }, () => mark(80))];
  const lanes = placed(marks, FIRST, 100 * DAY).map(each => each.lane);
  assert.deepEqual(lanes, [0, 1, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5]);
});

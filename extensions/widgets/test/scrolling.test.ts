import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fullHeight, lastFirst, rowAt, ROW_HEIGHT, topOf } from '../src/scrolling';

const WINDOW = 20 * ROW_HEIGHT;

test('a short table scrolls row by row', () => {
  assert.equal(fullHeight(1_000), 1_000 * ROW_HEIGHT);
  assert.equal(rowAt(0, 1_000, WINDOW), 0);
  assert.equal(rowAt(10 * ROW_HEIGHT, 1_000, WINDOW), 10);
  assert.equal(rowAt(fullHeight(1_000), 1_000, WINDOW), 980);
});

test('a long table is reached from the first row to the last within what a browser lays out', () => {
  const rows = 100_000_000;
  assert.ok(fullHeight(rows) <= 8_000_000);
  assert.equal(rowAt(0, rows, WINDOW), 0);
  assert.equal(rowAt(fullHeight(rows) - WINDOW, rows, WINDOW), rows - 20);
});

test('the end of the bar is the last row, also in a window that cuts a row', () => {
  const cut = 18 * ROW_HEIGHT + 16;
  assert.equal(rowAt(fullHeight(99_953) - cut, 99_953, cut), 99_953 - 18);
});

test('where the bar stands for a row, the row is found again', () => {
  for (const rows of [30, 5_000, 10_000_000]) {
    for (const share of [0, 0.3, 0.77, 1]) {
      const row = Math.round(share * lastFirst(rows, WINDOW));
      assert.ok(Math.abs(rowAt(topOf(row, rows, WINDOW), rows, WINDOW) - row) <= 1);
    }
  }
});

test('a table that fits stands at its first row', () => {
  assert.equal(rowAt(500, 5, WINDOW), 0);
  assert.equal(rowAt(0, 0, WINDOW), 0);
  assert.equal(topOf(0, 0, WINDOW), 0);
});

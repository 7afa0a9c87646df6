import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MOST_ASKED, Pages } from '../src/pages';

const rows = (name: string, ...cells: (string | number | null)[]) => ({ names: [name], cells: [cells] });

test('rows are asked for once, and again only when they were given up', () => {
  const pages = new Pages();
  assert.deepEqual(pages.missing(10, 28), [{ first: 10, count: 18 }]);
  assert.deepEqual(pages.missing(10, 28), []);
  assert.deepEqual(pages.missing(12, 30), [{ first: 28, count: 2 }]);
  pages.giveUp();
  assert.deepEqual(pages.missing(10, 12), [{ first: 10, count: 2 }]);
});

test('only what is missing is asked for, and no more at once than one answer holds', () => {
  const pages = new Pages();
  pages.put(5, rows('score', 0.5, 0.6));
  assert.deepEqual(pages.missing(4, 8), [{ first: 4, count: 1 }, { first: 7, count: 1 }]);
  assert.deepEqual(pages.missing(100, 145), [{ first: 100, count: MOST_ASKED }, { first: 140, count: 5 }]);
});

test('a cell is found by its row and column, and undefined where it is not here', () => {
  const pages = new Pages();
  pages.put(40, rows('score', 0.5, null));
  assert.equal(pages.cell(40, 'score'), 0.5);
  assert.equal(pages.cell(41, 'score'), null);
  assert.equal(pages.cell(0, 'score'), undefined);
  assert.equal(pages.cell(40, 'other'), undefined);
  pages.put(40, rows('other', 'x'));
  assert.equal(pages.cell(40, 'other'), 'x');
  assert.equal(pages.cell(40, 'score'), 0.5);
  pages.clear();
  assert.equal(pages.cell(40, 'score'), undefined);
});

test('the oldest rows are forgotten, and can be asked for again', () => {
  const pages = new Pages();
  for (let row = 0; row < 8_000; row += 1) {
    pages.put(row, rows('score', row));
  }
  assert.equal(pages.cell(0, 'score'), undefined);
  assert.equal(pages.cell(7_999, 'score'), 7_999);
  assert.deepEqual(pages.missing(0, 1), [{ first: 0, count: 1 }]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BLOCK, Pages } from '../src/pages';

const rows = (name: string, ...cells: (string | number | null)[]) => ({ names: [name], cells: [cells] });

test('a block is asked for once, and again only when it was given up', () => {
  const pages = new Pages();
  assert.deepEqual(pages.missing(BLOCK - 10, BLOCK + 20), [0, BLOCK]);
  assert.deepEqual(pages.missing(BLOCK - 10, BLOCK + 20), []);
  pages.giveUp();
  assert.deepEqual(pages.missing(BLOCK - 10, BLOCK), [0]);
});

test('a cell is found by its row and column, and undefined where it is not here', () => {
  const pages = new Pages();
  pages.put(BLOCK, rows('score', 0.5, null));
  assert.equal(pages.cell(BLOCK, 'score'), 0.5);
  assert.equal(pages.cell(BLOCK + 1, 'score'), null);
  assert.equal(pages.cell(0, 'score'), undefined);
  assert.equal(pages.cell(BLOCK, 'other'), undefined);
  pages.clear();
  assert.equal(pages.cell(BLOCK, 'score'), undefined);
});

test('the oldest blocks are forgotten, and can be asked for again', () => {
  const pages = new Pages();
  for (let number = 0; number < 200; number += 1) {
    pages.missing(number * BLOCK, number * BLOCK + 1);
    pages.put(number * BLOCK, rows('score', number));
  }
  assert.equal(pages.cell(0, 'score'), undefined);
  assert.equal(pages.cell(199 * BLOCK, 'score'), 199);
  assert.deepEqual(pages.missing(0, 1), [0]);
});

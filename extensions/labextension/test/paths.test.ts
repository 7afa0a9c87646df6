import assert from 'node:assert/strict';
import { test } from 'node:test';

import { folderOf, nameOf, relativePath } from '../src/paths';

test('the folder of a file', () => {
  assert.equal(folderOf('notebooks/deep/a.ipynb'), 'notebooks/deep');
  assert.equal(folderOf('a.ipynb'), '');
});

test('the last name of a path', () => {
  assert.equal(nameOf('sample_data/flights'), 'flights');
  assert.equal(nameOf('.'), '.');
});

const CASES: [string, string, string][] = [
  ['', 'sample_data/flights', 'sample_data/flights'],
  ['notebooks', 'sample_data/flights', '../sample_data/flights'],
  ['a/b/c', 'a/d', '../../d'],
  ['a/b', 'a/b/log', 'log'],
  ['a/b', 'a', '..'],
  ['a', 'a', '.'],
  ['notebooks', '.', '..'],
  ['ab', 'abc/log', '../abc/log']
];

for (const [from, target, expected] of CASES) {
  test(`from '${from}' to '${target}'`, () => {
    assert.equal(relativePath(from, target), expected);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { told } from '../src/messages';

test('messages of the kernel are read', () => {
  assert.deepEqual(told({ kind: 'page', state: 2, first: 100, id: 7 }), { kind: 'page', state: 2, first: 100 });
  const bars = [{ words: '0 to 1', count: 3, where: 'score >= 0' }, { words: 'all others', count: 1, where: null }];
  assert.deepEqual(told({ kind: 'histogram', state: 0, column: 'score', bars }), { kind: 'histogram', state: 0, column: 'score', bars });
  const steps = [{ start: '2015-01-01T00:00:00+00:00', decision: 'late', count: 4 }];
  const alerts = [{ from: 'a', to: 'b', since: 'c', until: 'd', words: 'Alert, high', urgent: true }];
  assert.deepEqual(told({ kind: 'timeline', state: 0, step: '1w', steps, alerts, alerts_said: 'no' }), {
    kind: 'timeline', state: 0, step: '1w', steps, alerts, said: 'no'
  });
  assert.deepEqual(told({ kind: 'problem', state: 1, problem: 'no' }), { kind: 'problem', state: 1, problem: 'no' });
  assert.deepEqual(told({ kind: 'progress', state: 1, done: 5 }), { kind: 'progress', state: 1, done: 5 });
});

test('whatever else comes is nothing', () => {
  const wrong: unknown[] = [
    null, 'page', {}, { kind: 'page', state: 0 }, { kind: 'page', first: 0 }, { kind: 'else', state: 0 },
    { kind: 'histogram', state: 0, column: 'a', bars: [{ words: 1, count: 2, where: null }] },
    { kind: 'timeline', state: 0, step: '1d', steps: 'many', alerts: [], alerts_said: '' },
    { kind: 'timeline', state: 0, step: '1d', steps: [], alerts: [{ from: 'a', words: '<b>' }], alerts_said: '' }, { kind: 'problem', state: 0, problem: 3 }
  ];
  for (const one of wrong) {
    assert.equal(told(one), null);
  }
});

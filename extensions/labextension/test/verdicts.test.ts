import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BADGES, badge, REPLAY_MEANINGS, replayTold, VERIFICATION_MEANINGS, verificationTold } from '../src/verdicts';

const AT = '2026-03-01T12:00:00+00:00';

test('a sealed log that nobody verified here says so, and so does one that is not sealed', () => {
  const none = { verdict: null, verified_at: null, findings: 0 };
  assert.equal(badge({ ...none, sealed: true }).words, 'sealed, not verified');
  assert.equal(badge({ ...none, sealed: false }).words, 'not sealed');
});

test('a verified log says when, a failing one how many findings', () => {
  const good = badge({ sealed: true, verdict: 'VERIFIED', verified_at: AT, findings: 0 });
  assert.deepEqual([good.words, good.mark], ['VERIFIED, 2026-03-01 12:00:00 UTC', 'good']);
  const bad = badge({ sealed: true, verdict: 'FAILED', verified_at: AT, findings: 1 });
  assert.deepEqual([bad.words, bad.mark], ['FAILED: 1 finding', 'bad']);
});

test('every verdict of the library has a meaning and a next step of its own', () => {
  const told = [
    ...['VERIFIED', 'UNANCHORED', 'STALE', 'FAILED', 'REFUSED'].map(verdict => verificationTold(verdict)),
    verificationTold('UNANCHORED', false),
    ...['EXACT', 'WITHIN_TOLERANCE', 'DIVERGED', 'UNREPLAYABLE'].map(replayTold)
  ];
  assert.equal(new Set(told.map(each => each.means)).size, told.length);
  assert.ok(told.every(each => each.next !== ''));
});

test('a verdict that is not known is never shown as good', () => {
  assert.equal(verificationTold('PERFECT').mark, 'warning');
  assert.equal(replayTold('toString').mark, 'warning');
});

test('of a log without a seal nothing is said of a key, and every badge says what to do', () => {
  assert.doesNotMatch(verificationTold('UNANCHORED', false).means, /key/);
  assert.match(verificationTold('UNANCHORED', true).means, /key/);
  for (const sealed of [true, false]) {
    for (const verdict of [null, 'VERIFIED', 'UNANCHORED', 'STALE', 'FAILED', 'REFUSED']) {
      assert.ok(badge({ sealed, verdict, verified_at: AT, findings: 2 }).told.length > 20);
    }
  }
});

test('the help page explains every verdict in the words that are shown beside it', () => {
  const meanings = new Map(VERIFICATION_MEANINGS.map(each => [each.words, each]));
  for (const verdict of ['VERIFIED', 'UNANCHORED', 'STALE', 'FAILED', 'REFUSED']) {
    assert.equal(meanings.get(verdict)?.means, verificationTold(verdict).means);
    assert.equal(meanings.get(verdict)?.next, verificationTold(verdict).next);
  }
  assert.ok(VERIFICATION_MEANINGS.some(each => each.means === verificationTold('UNANCHORED', false).means));
  for (const { words, means, next } of REPLAY_MEANINGS) {
    assert.deepEqual([means, next], [replayTold(words).means, replayTold(words).next]);
  }
  assert.equal(REPLAY_MEANINGS.length, 4);
});

test('the help page explains the words of a badge that has no verdict', () => {
  for (const sealed of [true, false]) {
    const { words, told } = badge({ sealed, verdict: null, verified_at: null, findings: 0 });
    const meaning = BADGES.find(each => each.words === words);
    assert.ok(meaning !== undefined && told.endsWith(meaning.next));
  }
});

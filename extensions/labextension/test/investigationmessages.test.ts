import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseCases, parseLetter, parseLineage } from '../src/investigationmessages';
import { MessageError } from '../src/parsing';

const EDGE = { from: 'model:loans@1', relation: 'wasGeneratedBy', to: 'run:r-1', stated_by: 'runs', at: null };
const GAP = { code: 'NO_COMMIT', what: 'No commit is named', effect: 'The code cannot be read' };
const LINEAGE = {
  log: 'loans',
  id: 'p-1',
  summary: ['Two steps back', '<b>as text</b>'],
  picture: '<svg/>',
  lineage: { edges: [EDGE], gaps: [GAP] }
};

const CANDIDATE = {
  place: 'p-1@predictions/part-00000.parquet:7',
  prediction_id: 'p-1',
  local_time: '2026-03-01 12:00',
  decision: null,
  model_version: '1.0.0',
  matches: 2,
  why: 'the time, the amount'
};

const CASE = {
  path: 'cases/INC-1',
  case_id: 'INC-1',
  question: 'Who?',
  log: 'loans',
  actor: 'ana',
  status: 'open',
  exhibits: 2,
  findings: 1,
  open_actions: 0,
  is_concluded: false,
  edited: ['findings.json'],
  sign_offs: ['reviewed, recorded by rex'],
  void_sign_offs: ['approved, recorded by ana'],
  problem: null
};

test('a lineage keeps its edges, its gaps and its picture', () => {
  assert.deepEqual(parseLineage(LINEAGE), {
    log: 'loans',
    id: 'p-1',
    summary: ['Two steps back', '<b>as text</b>'],
    picture: '<svg/>',
    edges: [EDGE],
    gaps: [GAP]
  });
});

test('a lineage without its gaps is refused: silence is not completeness', () => {
  const wrong = { ...LINEAGE, lineage: { edges: [] } };
  assert.throws(() => parseLineage(wrong), new MessageError('gaps is not a list'));
});

test('an edge that leads nowhere is refused by name', () => {
  const wrong = { ...LINEAGE, lineage: { edges: [{ ...EDGE, to: null }], gaps: [] } };
  assert.throws(() => parseLineage(wrong), new MessageError('to is not a text'));
});

test('a letter has its candidates in the order of the server, and what was asked', () => {
  const second = { ...CANDIDATE, place: 'p-2@s:1', prediction_id: 'p-2', matches: 1 };
  const asked = ['around 12:00', 'amount 1200'];
  const read = parseLetter({ summary: ['Searched 40'], letter: { asked, candidates: [CANDIDATE, second] } });
  assert.deepEqual(read, { summary: ['Searched 40'], asked, candidates: [CANDIDATE, second] });
});

test('a candidate that does not say how much of the letter it matches is refused', () => {
  const { matches: _, ...rest } = CANDIDATE;
  const wrong = { summary: [], letter: { asked: [], candidates: [rest] } };
  assert.throws(() => parseLetter(wrong), new MessageError('matches is missing'));
});

test('a case keeps how it stands, its sign-offs, void ones apart, and the files that were edited by hand', () => {
  assert.deepEqual(parseCases({ cases: [CASE], complete: false }), { cases: [CASE], complete: false });
});

test('a case that cannot be read comes with its problem', () => {
  const nothing = { case_id: null, question: null, log: null, actor: null, status: null };
  const problem = { message: 'case.toml is torn', next_step: 'Restore it.' };
  const { cases } = parseCases({ cases: [{ ...CASE, ...nothing, problem }], complete: true });
  assert.equal(cases[0]?.case_id, null);
  assert.deepEqual(cases[0]?.problem, { ...problem, places: [] });
});

test('a case that does not say whether it is concluded is refused', () => {
  const wrong = { cases: [{ ...CASE, is_concluded: 'no' }], complete: true };
  assert.throws(() => parseCases(wrong), new MessageError('is_concluded is not true or false'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseDecision, parseLogs, parsePredictions, parseProblem } from '../src/messages';
import { MessageError } from '../src/parsing';

const DECISION = {
  prediction_id: 'p-1',
  place: 'p-1@predictions/part-00000.parquet:7',
  occurred_at: '2015-06-30T18:05:00+00:00',
  model_name: 'delay-risk',
  stated_version: 'v2',
  in_force: { versions: ['v3'], agrees: false, statement: 'v3 was in force' },
  score: 0.25,
  label: 'on time',
  threshold: 0.5,
  decision: 'on time',
  decision_rule: 'threshold',
  inputs: [
    { feature: 'distance_miles', value: 733, unit: 'mile' },
    { feature: 'embedding', value: [1, 2], unit: null }
  ],
  lineage: [{ from: 'model:delay-risk@v2', relation: 'wasGeneratedBy', to: 'run:r1' }],
  events: [{ at: '2015-04-01T00:00:00+00:00', kind: 'deployment', severity: 'info', summary: 'v2 deployed' }],
  approvals: [{ act: 'approved', approver: 'A. Chen' }],
  overrides: [],
  outcome: null,
  final_decision: 'late',
  findings: [{ code: 'overridden', what: 'Changed from on time to late' }],
  gaps: [{ code: 'NO_OUTCOME', what: 'No outcome', effect: 'The prediction cannot be judged' }]
};

test('a decision keeps its values', () => {
  const { log, decision } = parseDecision({ log: 'flights', decision: DECISION });
  assert.equal(log, 'flights');
  assert.equal(decision.in_force?.agrees, false);
  assert.deepEqual(decision.in_force?.versions, ['v3']);
  assert.deepEqual(decision.inputs[0], { feature: 'distance_miles', value: 733, unit: 'mile' });
  assert.equal(decision.approvals[0]?.['approver'], 'A. Chen');
  assert.equal(decision.outcome, null);
  assert.equal(decision.final_decision, 'late');
  assert.deepEqual(decision.findings, [{ code: 'overridden', what: 'Changed from on time to late' }]);
});

test('a final decision that was erased is none, and findings that are missing are refused', () => {
  const { decision } = parseDecision({ log: 'flights', decision: { ...DECISION, final_decision: null } });
  assert.equal(decision.final_decision, null);
  const { findings: _, ...rest } = DECISION;
  assert.throws(() => parseDecision({ log: 'flights', decision: rest }), new MessageError('findings is not a list'));
});

test('an input that is not a plain value is shown as its JSON', () => {
  const { decision } = parseDecision({ log: 'flights', decision: DECISION });
  assert.equal(decision.inputs[1]?.value, '[1,2]');
});

test('inputs that are missing from the log are an empty list', () => {
  const { decision } = parseDecision({ log: 'flights', decision: { ...DECISION, inputs: null } });
  assert.deepEqual(decision.inputs, []);
});

test('a label that is a number is shown as it is', () => {
  const { decision } = parseDecision({ log: 'flights', decision: { ...DECISION, label: 1 } });
  assert.equal(decision.label, '1');
});

test('a decision whose score is a text is refused by name', () => {
  const wrong = { log: 'flights', decision: { ...DECISION, score: '0.25' } };
  assert.throws(() => parseDecision(wrong), new MessageError('score is not a number'));
});

test('a decision without gaps is refused: silence is not completeness', () => {
  const { gaps: _, ...rest } = DECISION;
  assert.throws(() => parseDecision({ log: 'flights', decision: rest }), new MessageError('gaps is not a list'));
});

test('a broken log comes with its problem and nulls', () => {
  const { logs } = parseLogs({
    logs: [
      {
        path: 'broken',
        origin: null,
        description: null,
        notes: [],
        predictions: null,
        models: [],
        first_time: null,
        last_time: null,
        integrity: { sealed: true, verdict: 'FAILED', verified_at: '2026-03-01T12:00:00+00:00', findings: 2 },
        problem: { message: 'The manifest is not JSON', next_step: 'Restore it.' }
      }
    ],
    complete: true
  });
  assert.deepEqual(logs[0]?.integrity, {
    sealed: true,
    verdict: 'FAILED',
    verified_at: '2026-03-01T12:00:00+00:00',
    findings: 2
  });
  assert.deepEqual(logs[0]?.problem, { message: 'The manifest is not JSON', next_step: 'Restore it.', places: [] });
});

test('a list of logs that is not a list is refused', () => {
  assert.throws(() => parseLogs({ logs: {}, complete: true }), new MessageError('logs is not a list'));
  assert.throws(() => parseLogs('<html>'), new MessageError('answer is not an object'));
});

test('predictions may lack all but their id', () => {
  const { predictions } = parsePredictions({ log: 'flights', search: '', predictions: [{ prediction_id: 'p-1' }] });
  assert.deepEqual(predictions, [
    { prediction_id: 'p-1', occurred_at: null, model_name: null, model_version: null, decision: null, score: null }
  ]);
});

test('a prediction without an id is refused', () => {
  const answer = { log: 'flights', search: '', predictions: [{ decision: 'late' }] };
  assert.throws(() => parsePredictions(answer), new MessageError('prediction_id is not a text'));
});

test('a problem keeps the places of an ambiguous id', () => {
  const problem = parseProblem({ message: 'Twice', next_step: 'Choose.', places: ['a@s:1', 'a@s:2'] });
  assert.deepEqual(problem.places, ['a@s:1', 'a@s:2']);
});

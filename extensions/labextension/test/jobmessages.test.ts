import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isOpen, type Job, parseJob, parseJobs } from '../src/jobmessages';
import { MessageError } from '../src/parsing';

const JOB = {
  id: 'a1',
  kind: 'verify-log',
  about: 'credit',
  state: 'running',
  started_at: '2026-03-01T12:00:00+00:00',
  ended_at: null,
  progress: { what: 'rows', done: 3, total: 10 },
  result: null,
  problem: null
};

const REPORT = {
  subject: 'credit',
  verdict: 'FAILED',
  findings: [{ code: 'file.changed', file: 'a.parquet', meaning: 'its digest differs', next_step: 'Restore it' }],
  checked: ['digests'],
  not_checked: [],
  anchors: [],
  signers: [],
  notes: []
};

test('a running job has its progress and is open', () => {
  const job = parseJob(JOB);
  assert.deepEqual(job.progress, { what: 'rows', done: 3, total: 10 });
  assert.equal(isOpen(job), true);
});

test('a verification keeps its findings', () => {
  const job = parseJob({ ...JOB, state: 'done', progress: null, result: { files: [], verification: REPORT } });
  assert.equal(isOpen(job), false);
  assert.equal(job.result?.verification?.verdict, 'FAILED');
  assert.equal(job.result?.verification?.findings[0]?.next_step, 'Restore it');
  assert.equal(job.result?.dossier, null);
});

test('a verification that lacks what was not checked is refused: silence is not completeness', () => {
  const { not_checked: _, ...rest } = REPORT;
  const wrong = { ...JOB, state: 'done', result: { files: [], verification: rest } };
  assert.throws(() => parseJob(wrong), new MessageError('not_checked is not a list'));
});

test('a state that is none counts as failed, and never as open', () => {
  assert.equal(isOpen(parseJob({ ...JOB, state: 'exploded' })), false);
});

test('jobs that are no list are refused', () => {
  assert.throws(() => parseJobs({ jobs: 'none' }), new MessageError('jobs is not a list'));
});

test('a progress without a number is refused by name', () => {
  assert.throws(() => parseJob({ ...JOB, progress: { what: 'rows', total: 3 } }), new MessageError('done is missing'));
});

const DOSSIER = {
  prediction_id: 'p-1',
  answer: ["decided 'approve'"],
  decided: [{ name: 'Decision', value: 'approve' }],
  version: [{ name: 'Version', value: '1.0.0' }],
  replay: { verdict: 'EXACT', meaning: 'It comes out again', why: 'Every bit is equal', environment: ['Python 3.11'] },
  why: { decided_by: 'the threshold', sentences: ['income raised it'], reasons: ['R-1'] },
  wanting: [{ code: 'NO_OUTCOME', what: 'No outcome', effect: 'It cannot be judged', owner: { duty: 'the desk', names: [] } }]
};

function done(result: unknown): Job {
  return parseJob({ ...JOB, kind: 'dossier', state: 'done', progress: null, result });
}

test('a dossier keeps its answer, its replay, its reasons and what is missing with who can close it', () => {
  const { result } = done({ files: ['dossiers/p-1.pdf'], dossier: DOSSIER });
  assert.deepEqual(result, { files: ['dossiers/p-1.pdf'], sealed: true, verification: null, dossier: DOSSIER });
});

test('a dossier that does not say what is missing is refused, and so is a gap that nobody owns', () => {
  const { wanting, ...rest } = DOSSIER;
  assert.throws(() => done({ files: [], dossier: rest }), new MessageError('wanting is not a list'));
  const [gap] = wanting;
  const ownerless = { ...DOSSIER, wanting: [{ ...gap, owner: null }] };
  assert.throws(() => done({ files: [], dossier: ownerless }), new MessageError('owner is not an object'));
});

test('a verification says whether what it is of has a seal, and nothing else may stand there', () => {
  assert.equal(done({ files: [], sealed: false, verification: REPORT }).result?.sealed, false);
  assert.equal(done({ files: [], verification: REPORT }).result?.sealed, true);
  assert.throws(() => done({ files: [], sealed: 'no' }), new MessageError('sealed is not true or false'));
});

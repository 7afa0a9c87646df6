/** What the server says of long work: jobs, verifications and dossiers; `audit_lab/lab/messages.py` is the same. */

import { parseProblem, type Problem } from './messages';
import { absent, flag, list, number, numberOrNull, plainText, record, text, textOrNull } from './parsing';

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Progress {
  what: string;
  done: number;
  total: number | null;
}

export interface VerificationFinding {
  code: string;
  file: string;
  meaning: string;
  next_step: string;
}

export interface Verification {
  subject: string;
  verdict: string;
  findings: VerificationFinding[];
  checked: string[];
  not_checked: string[];
  anchors: string[];
  signers: string[];
  notes: string[];
}

export interface Fact {
  name: string;
  value: string;
}

/** What is missing on record about a decision, and who owns that. */
export interface Wanting {
  code: string;
  what: string;
  effect: string;
  /** Whose duty it is to close the gap, and the names that the log gives for that. */
  owner: { duty: string; names: string[] };
}

/** The answer to a letter about one decision, of which the form shows these parts. */
export interface Dossier {
  prediction_id: string;
  answer: string[];
  decided: Fact[];
  version: Fact[];
  replay: { verdict: string; meaning: string; why: string; environment: string[] };
  why: { decided_by: string; sentences: string[]; reasons: string[] };
  wanting: Wanting[];
}

export interface JobResult {
  files: string[];
  /** Whether what was verified has a seal; what was not verified counts as sealed. */
  sealed: boolean;
  verification: Verification | null;
  dossier: Dossier | null;
}

export interface Job {
  id: string;
  kind: string;
  about: string;
  state: JobState;
  started_at: string;
  ended_at: string | null;
  progress: Progress | null;
  result: JobResult | null;
  problem: Problem | null;
}

/** What a browser may ask for as a job. */
export type Asked =
  | { kind: 'verify-log'; log: string; trust?: string }
  | { kind: 'verify-bundle'; bundle: string; trust?: string }
  | { kind: 'dossier'; log: string; id: string; formats: ('pdf' | 'html' | 'json')[]; folder: string; timezone: string }
  | { kind: 'bundle'; log: string; id: string; folder: string; actor: string; purpose: string }
  | { kind: 'export'; case: string; folder: string; notebook?: string; actor?: string };

const STATES: readonly string[] = ['waiting', 'running', 'done', 'failed', 'cancelled'];

export function isOpen(job: Job): boolean {
  return job.state === 'waiting' || job.state === 'running';
}

export function parseJobs(answer: unknown): Job[] {
  return list(record(answer, 'answer'), 'jobs', parseJob);
}

export function parseJob(value: unknown, name = 'job'): Job {
  const job = record(value, name);
  const state = text(job, 'state');
  return {
    id: text(job, 'id'),
    kind: text(job, 'kind'),
    about: text(job, 'about'),
    state: STATES.includes(state) ? (state as JobState) : 'failed',
    started_at: text(job, 'started_at'),
    ended_at: textOrNull(job, 'ended_at'),
    progress: absent(job, 'progress') ? null : progress(job['progress']),
    result: absent(job, 'result') ? null : result(job['result']),
    problem: absent(job, 'problem') ? null : parseProblem(job['problem'])
  };
}

function progress(value: unknown): Progress {
  const told = record(value, 'progress');
  return { what: text(told, 'what'), done: number(told, 'done'), total: numberOrNull(told, 'total') };
}

function result(value: unknown): JobResult {
  const made = record(value, 'result');
  return {
    files: list(made, 'files', plainText),
    sealed: absent(made, 'sealed') || flag(made, 'sealed'),
    verification: absent(made, 'verification') ? null : verification(made['verification']),
    dossier: absent(made, 'dossier') ? null : dossier(made['dossier'])
  };
}

function verification(value: unknown): Verification {
  const report = record(value, 'verification');
  return {
    subject: text(report, 'subject'),
    verdict: text(report, 'verdict'),
    findings: list(report, 'findings', finding),
    checked: list(report, 'checked', plainText),
    not_checked: list(report, 'not_checked', plainText),
    anchors: list(report, 'anchors', plainText),
    signers: list(report, 'signers', plainText),
    notes: list(report, 'notes', plainText)
  };
}

function finding(value: unknown, name: string): VerificationFinding {
  const found = record(value, name);
  return {
    code: text(found, 'code'),
    file: text(found, 'file'),
    meaning: text(found, 'meaning'),
    next_step: text(found, 'next_step')
  };
}

function dossier(value: unknown): Dossier {
  const made = record(value, 'dossier');
  const replay = record(made['replay'], 'replay');
  const why = record(made['why'], 'why');
  return {
    prediction_id: text(made, 'prediction_id'),
    answer: list(made, 'answer', plainText),
    decided: list(made, 'decided', fact),
    version: list(made, 'version', fact),
    replay: {
      verdict: text(replay, 'verdict'),
      meaning: text(replay, 'meaning'),
      why: text(replay, 'why'),
      environment: list(replay, 'environment', plainText)
    },
    why: {
      decided_by: text(why, 'decided_by'),
      sentences: list(why, 'sentences', plainText),
      reasons: list(why, 'reasons', plainText)
    },
    wanting: list(made, 'wanting', wanting)
  };
}

function fact(value: unknown, name: string): Fact {
  const stated = record(value, name);
  return { name: text(stated, 'name'), value: text(stated, 'value') };
}

function wanting(value: unknown, name: string): Wanting {
  const gap = record(value, name);
  const owner = record(gap['owner'], 'owner');
  return {
    code: text(gap, 'code'),
    what: text(gap, 'what'),
    effect: text(gap, 'effect'),
    owner: { duty: text(owner, 'duty'), names: list(owner, 'names', plainText) }
  };
}

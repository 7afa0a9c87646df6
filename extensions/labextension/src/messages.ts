/**
 * What the server extension tells the panel; `audit_lab/lab/messages.py` is the same.
 * Nothing that arrives is believed: each parser returns the typed message or throws a `MessageError` that names the field.
 */

import { absent, flag, list, numberOrNull, plainText, record, scalar, text, textOrNull, type Row, type Scalar } from './parsing';

export interface Problem {
  message: string;
  next_step: string;
  /** Where an ambiguous id stands, each as `id@segment:row`. */
  places: string[];
}

/** A log's badge; the last three speak of the last verification on this server of the log's present state. */
export interface Integrity {
  sealed: boolean;
  verdict: string | null;
  verified_at: string | null;
  findings: number;
}

export interface LogEntry {
  path: string;
  origin: string | null;
  description: string | null;
  notes: string[];
  predictions: number | null;
  models: string[];
  first_time: string | null;
  last_time: string | null;
  integrity: Integrity;
  problem: Problem | null;
}

export interface LogsAnswer {
  logs: LogEntry[];
  complete: boolean;
}

export interface PredictionRow {
  prediction_id: string;
  occurred_at: string | null;
  model_name: string | null;
  model_version: string | null;
  decision: string | null;
  score: number | null;
}

export interface PredictionsAnswer {
  log: string;
  search: string;
  predictions: PredictionRow[];
}

export type { Row, Scalar };

export interface InForce {
  versions: string[];
  agrees: boolean | null;
  statement: string;
}

export interface InputValue {
  feature: string;
  value: Scalar;
  unit: string | null;
}

export interface Edge {
  from: string;
  relation: string;
  to: string;
}

export interface LogEvent {
  at: string | null;
  kind: string | null;
  severity: string | null;
  summary: string | null;
}

export interface Gap {
  code: string;
  what: string;
  effect: string;
}

/** Something that is on record and should not be as it is, or that must be known to judge the decision. */
export interface Finding {
  code: string;
  what: string;
}

export interface Decision {
  prediction_id: string;
  place: string | null;
  occurred_at: string | null;
  model_name: string | null;
  stated_version: string | null;
  in_force: InForce | null;
  score: number | null;
  label: string | null;
  threshold: number | null;
  decision: string | null;
  decision_rule: string | null;
  artifact_sha256: string | null;
  training_cutoff: string | null;
  inputs: InputValue[];
  lineage: Edge[];
  events: LogEvent[];
  approvals: Row[];
  overrides: Row[];
  outcome: Row | null;
  /** The decision after the last override that nothing corrects; null where that was erased, or nothing was decided. */
  final_decision: string | null;
  findings: Finding[];
  gaps: Gap[];
}

export interface DecisionAnswer {
  log: string;
  decision: Decision;
}

export function parseLogs(answer: unknown): LogsAnswer {
  const message = record(answer, 'answer');
  return { logs: list(message, 'logs', logEntry), complete: flag(message, 'complete') };
}

export function parsePredictions(answer: unknown): PredictionsAnswer {
  const message = record(answer, 'answer');
  return {
    log: text(message, 'log'),
    search: text(message, 'search'),
    predictions: list(message, 'predictions', predictionRow)
  };
}

export function parseDecision(answer: unknown): DecisionAnswer {
  const message = record(answer, 'answer');
  return { log: text(message, 'log'), decision: decision(record(message['decision'], 'decision')) };
}

export function parseProblem(answer: unknown): Problem {
  const message = record(answer, 'problem');
  const places = message['places'] === undefined ? [] : list(message, 'places', plainText);
  return { message: text(message, 'message'), next_step: text(message, 'next_step'), places };
}

function logEntry(value: unknown, name: string): LogEntry {
  const entry = record(value, name);
  return {
    path: text(entry, 'path'),
    origin: textOrNull(entry, 'origin'),
    description: textOrNull(entry, 'description'),
    notes: list(entry, 'notes', plainText),
    predictions: numberOrNull(entry, 'predictions'),
    models: list(entry, 'models', plainText),
    first_time: textOrNull(entry, 'first_time'),
    last_time: textOrNull(entry, 'last_time'),
    integrity: integrity(entry['integrity']),
    problem: absent(entry, 'problem') ? null : parseProblem(entry['problem'])
  };
}

function integrity(value: unknown): Integrity {
  const badge = record(value, 'integrity');
  return {
    sealed: flag(badge, 'sealed'),
    verdict: textOrNull(badge, 'verdict'),
    verified_at: textOrNull(badge, 'verified_at'),
    findings: numberOrNull(badge, 'findings') ?? 0
  };
}

function predictionRow(value: unknown, name: string): PredictionRow {
  const row = record(value, name);
  return {
    prediction_id: text(row, 'prediction_id'),
    occurred_at: textOrNull(row, 'occurred_at'),
    model_name: textOrNull(row, 'model_name'),
    model_version: textOrNull(row, 'model_version'),
    decision: textOrNull(row, 'decision'),
    score: numberOrNull(row, 'score')
  };
}

function decision(message: Row): Decision {
  return {
    prediction_id: text(message, 'prediction_id'),
    place: textOrNull(message, 'place'),
    occurred_at: textOrNull(message, 'occurred_at'),
    model_name: textOrNull(message, 'model_name'),
    stated_version: textOrNull(message, 'stated_version'),
    in_force: absent(message, 'in_force') ? null : inForce(message['in_force']),
    score: numberOrNull(message, 'score'),
    label: labelOf(message['label']),
    threshold: numberOrNull(message, 'threshold'),
    decision: textOrNull(message, 'decision'),
    decision_rule: textOrNull(message, 'decision_rule'),
    artifact_sha256: textOrNull(message, 'artifact_sha256'),
    training_cutoff: textOrNull(message, 'training_cutoff'),
    inputs: absent(message, 'inputs') ? [] : list(message, 'inputs', inputValue),
    lineage: list(message, 'lineage', edge),
    events: list(message, 'events', logEvent),
    approvals: list(message, 'approvals', record),
    overrides: list(message, 'overrides', record),
    outcome: absent(message, 'outcome') ? null : record(message['outcome'], 'outcome'),
    final_decision: textOrNull(message, 'final_decision'),
    findings: list(message, 'findings', finding),
    gaps: list(message, 'gaps', gap)
  };
}

/** A model's class, which may be a number, as a text. */
function labelOf(value: unknown): string | null {
  const label = scalar(value);
  return label === null ? null : String(label);
}

function inForce(value: unknown): InForce {
  const message = record(value, 'in_force');
  return {
    versions: list(message, 'versions', plainText),
    agrees: absent(message, 'agrees') ? null : flag(message, 'agrees'),
    statement: text(message, 'statement')
  };
}

function inputValue(value: unknown, name: string): InputValue {
  const input = record(value, name);
  return { feature: text(input, 'feature'), value: scalar(input['value']), unit: textOrNull(input, 'unit') };
}

function edge(value: unknown, name: string): Edge {
  const message = record(value, name);
  return { from: text(message, 'from'), relation: text(message, 'relation'), to: text(message, 'to') };
}

function logEvent(value: unknown, name: string): LogEvent {
  const event = record(value, name);
  return {
    at: textOrNull(event, 'at'),
    kind: textOrNull(event, 'kind'),
    severity: textOrNull(event, 'severity'),
    summary: textOrNull(event, 'summary')
  };
}

function finding(value: unknown, name: string): Finding {
  const message = record(value, name);
  return { code: text(message, 'code'), what: text(message, 'what') };
}

export function gap(value: unknown, name: string): Gap {
  const message = record(value, name);
  return { code: text(message, 'code'), what: text(message, 'what'), effect: text(message, 'effect') };
}

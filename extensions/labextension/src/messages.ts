/**
 * What the server extension tells the panel; `audit_lab/lab/messages.py` is the same.
 * Nothing that arrives is believed: each parser returns the typed message or throws a `MessageError` that names the field.
 */

export interface Problem {
  message: string;
  next_step: string;
  /** Where an ambiguous id stands, each as `id@segment:row`. */
  places: string[];
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

export type Scalar = string | number | boolean | null;

/** A row of a log's table, of which the view shows the columns that it knows. */
export type Row = Readonly<Record<string, unknown>>;

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

/** The server's answer is not the message that it should be. */
export class MessageError extends Error {}

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
    problem: absent(entry, 'problem') ? null : parseProblem(entry['problem'])
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
    label: textOrNull(message, 'label'),
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

function gap(value: unknown, name: string): Gap {
  const message = record(value, name);
  return { code: text(message, 'code'), what: text(message, 'what'), effect: text(message, 'effect') };
}

function record(value: unknown, name: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MessageError(`${name} is not an object`);
  }
  return value as Row;
}

function list<T>(from: Row, name: string, parse: (value: unknown, name: string) => T): T[] {
  const value = from[name];
  if (!Array.isArray(value)) {
    throw new MessageError(`${name} is not a list`);
  }
  return value.map((item: unknown, index) => parse(item, `${name}[${index}]`));
}

function plainText(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new MessageError(`${name} is not a text`);
  }
  return value;
}

function text(from: Row, name: string): string {
  return plainText(from[name], name);
}

function textOrNull(from: Row, name: string): string | null {
  return absent(from, name) ? null : text(from, name);
}

function numberOrNull(from: Row, name: string): number | null {
  const value = from[name] ?? null;
  if (value !== null && typeof value !== 'number') {
    throw new MessageError(`${name} is not a number`);
  }
  return value;
}

function flag(from: Row, name: string): boolean {
  const value = from[name];
  if (typeof value !== 'boolean') {
    throw new MessageError(`${name} is not true or false`);
  }
  return value;
}

/** An input as recorded: what is not a plain value, such as a list, is shown as its JSON. */
function scalar(value: unknown): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return value === undefined ? null : JSON.stringify(value);
}

function absent(from: Row, name: string): boolean {
  return from[name] === undefined || from[name] === null;
}

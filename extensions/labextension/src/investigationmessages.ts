/** What the server says of lineages, letters and cases; `audit_lab/lab/messages.py` is the same. */

import { type Gap, gap, parseProblem, type Problem } from './messages';
import { absent, flag, list, number, plainText, record, text, textOrNull } from './parsing';

export interface LineageEdge {
  from: string;
  relation: string;
  to: string;
  stated_by: string | null;
  at: string | null;
}

export interface LineageAnswer {
  log: string;
  id: string;
  summary: string[];
  /** SVG, which is only ever shown as an image: nothing in it runs. */
  picture: string;
  edges: LineageEdge[];
  gaps: Gap[];
}

export interface Candidate {
  place: string;
  prediction_id: string;
  local_time: string | null;
  decision: string | null;
  model_version: string | null;
  matches: number;
  why: string;
}

export interface LetterAnswer {
  summary: string[];
  asked: string[];
  candidates: Candidate[];
}

export interface CaseEntry {
  path: string;
  case_id: string | null;
  question: string | null;
  log: string | null;
  actor: string | null;
  status: string | null;
  exhibits: number;
  findings: number;
  open_actions: number;
  is_concluded: boolean;
  edited: string[];
  sign_offs: string[];
  void_sign_offs: string[];
  problem: Problem | null;
}

export interface CasesAnswer {
  cases: CaseEntry[];
  complete: boolean;
}

export function parseLineage(answer: unknown): LineageAnswer {
  const message = record(answer, 'answer');
  const lineage = record(message['lineage'], 'lineage');
  return {
    log: text(message, 'log'),
    id: text(message, 'id'),
    summary: list(message, 'summary', plainText),
    picture: text(message, 'picture'),
    edges: list(lineage, 'edges', edge),
    gaps: list(lineage, 'gaps', gap)
  };
}

export function parseLetter(answer: unknown): LetterAnswer {
  const message = record(answer, 'answer');
  const letter = record(message['letter'], 'letter');
  return {
    summary: list(message, 'summary', plainText),
    asked: list(letter, 'asked', plainText),
    candidates: list(letter, 'candidates', candidate)
  };
}

export function parseCases(answer: unknown): CasesAnswer {
  const message = record(answer, 'answer');
  return { cases: list(message, 'cases', caseEntry), complete: flag(message, 'complete') };
}

function edge(value: unknown, name: string): LineageEdge {
  const message = record(value, name);
  return {
    from: text(message, 'from'),
    relation: text(message, 'relation'),
    to: text(message, 'to'),
    stated_by: textOrNull(message, 'stated_by'),
    at: textOrNull(message, 'at')
  };
}

function candidate(value: unknown, name: string): Candidate {
  const message = record(value, name);
  return {
    place: text(message, 'place'),
    prediction_id: text(message, 'prediction_id'),
    local_time: textOrNull(message, 'local_time'),
    decision: textOrNull(message, 'decision'),
    model_version: textOrNull(message, 'model_version'),
    matches: number(message, 'matches'),
    why: text(message, 'why')
  };
}

function caseEntry(value: unknown, name: string): CaseEntry {
  const entry = record(value, name);
  return {
    path: text(entry, 'path'),
    case_id: textOrNull(entry, 'case_id'),
    question: textOrNull(entry, 'question'),
    log: textOrNull(entry, 'log'),
    actor: textOrNull(entry, 'actor'),
    status: textOrNull(entry, 'status'),
    exhibits: number(entry, 'exhibits'),
    findings: number(entry, 'findings'),
    open_actions: number(entry, 'open_actions'),
    is_concluded: flag(entry, 'is_concluded'),
    edited: list(entry, 'edited', plainText),
    sign_offs: list(entry, 'sign_offs', plainText),
    void_sign_offs: list(entry, 'void_sign_offs', plainText),
    problem: absent(entry, 'problem') ? null : parseProblem(entry['problem'])
  };
}

/** What the server tells of the stored rows behind a decision. */

import { absent, flag, list, number, plainText, record, text, textOrNull } from './parsing';

/** One stored value, by its canonical bytes: text where they are UTF-8, else hexadecimal digits after `hex:`. */
export interface StoredValue {
  column: string;
  type: string;
  bytes: string;
}

export interface StoredRow {
  table: string;
  file: string | null;
  file_row: number;
  file_sha256: string | null;
  content: string | null;
  leaf: string | null;
  sealed_leaf: string | null;
  is_as_sealed: boolean | null;
  values: StoredValue[];
}

export interface SourceAnswer {
  rows: StoredRow[];
  /** Of each row where it is stored, and whether it is as it was sealed. */
  summary: string[];
}

export function parseSource(answer: unknown): SourceAnswer {
  const message = record(answer, 'answer');
  return {
    rows: list(record(message['source'], 'source'), 'rows', storedRow),
    summary: list(message, 'summary', plainText)
  };
}

function storedRow(value: unknown, name: string): StoredRow {
  const row = record(value, name);
  return {
    table: text(row, 'table'),
    file: textOrNull(row, 'file'),
    file_row: number(row, 'file_row'),
    file_sha256: textOrNull(row, 'file_sha256'),
    content: textOrNull(row, 'content'),
    leaf: textOrNull(row, 'leaf'),
    sealed_leaf: textOrNull(row, 'sealed_leaf'),
    is_as_sealed: absent(row, 'is_as_sealed') ? null : flag(row, 'is_as_sealed'),
    values: list(row, 'values', storedValue)
  };
}

function storedValue(value: unknown, name: string): StoredValue {
  const stored = record(value, name);
  return { column: text(stored, 'column'), type: text(stored, 'type'), bytes: text(stored, 'bytes') };
}

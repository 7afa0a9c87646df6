// Rows as they cross, and a value in words.

import { tableFromIPC } from '@uwdata/flechette';

import type { Cell, Rows } from './pages';

export function rowsOf(buffer: DataView | ArrayBuffer): Rows {
  const bytes = buffer instanceof DataView ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  const table = tableFromIPC(bytes);
  const names = table.names.map(String);
  const cells = names.map(name => Array.from(table.getChild(name).toArray() as ArrayLike<Cell>));
  return { names, cells };
}

export function words(value: Cell | undefined): string {
  if (value === undefined) {
    return '\u2026';
  }
  if (value === null) {
    return '\u2013';
  }
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
}

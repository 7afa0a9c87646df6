// The names of columns that fit what is being written in the field of the filter.

const MOST = 8;

export type Column = { name: string; kind: string };
export type Completion = { start: number; names: string[] };

/** The word before the cursor, from where it starts, and the columns that continue it. */
export function completions(text: string, cursor: number, columns: Column[]): Completion {
  const before = text.slice(0, cursor);
  const quotes = (before.match(/'/g) ?? []).length;
  const word = /[A-Za-z_][A-Za-z0-9_.]*$/.exec(before)?.[0] ?? '';
  if (word === '' || quotes % 2 === 1) {
    return { start: cursor, names: [] };
  }
  const sought = word.toLowerCase();
  const fits = columns.map(column => column.name).filter(name => name !== word && name.toLowerCase().includes(sought));
  const ranked = fits.sort((one, other) => rank(one, sought) - rank(other, sought) || one.localeCompare(other));
  return { start: cursor - word.length, names: ranked.slice(0, MOST) };
}

/** The name as an expression writes it: quoted where it is no plain word. */
export function written(name: string): string {
  const dot = name.indexOf('.');
  const table = name.slice(0, Math.max(dot, 0));
  const parts = table === 'inputs' || table === 'outputs' ? [table, name.slice(dot + 1)] : [name];
  return parts.map(part => (/^[A-Za-z_]\w*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');
}

function rank(name: string, sought: string): number {
  const at = name.toLowerCase().indexOf(sought);
  return at === 0 || name[at - 1] === '.' ? 0 : 1;
}

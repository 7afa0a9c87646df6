// What the table shows, in one sentence.

export interface Shown {
  /** How many rows there are, below zero while that is counted; and how many were read, where that is waited for. */
  rows: number;
  read: number;
  since: string;
  until: string;
  sort: string;
  descending: boolean;
}

export function sentence({ rows, read, since, until, sort, descending }: Shown): string {
  const [from, to] = [since, until].map(each => each.slice(0, 16).replace('T', ' '));
  const range = from || to ? `, from ${from || 'the beginning'} to ${to || 'the end'} (UTC)` : '';
  const order = sort === '' ? 'in stored order' : `by ${sort}, ${descending ? 'greatest' : 'least'} first`;
  const count = rows < 0 ? 'Counting' : `${rows.toLocaleString('en')} predictions`;
  return `${count}${range}, ${order}${read > 0 ? `; ${read.toLocaleString('en')} rows read` : ''}.`;
}

// Rows that were read, by their ranks; the oldest are forgotten. Columns of a row may come one part after another.

export type Cell = string | number | boolean | null;
export type Rows = { names: string[]; cells: Cell[][] };
export type Run = { first: number; count: number };

/** The most rows of one answer. */
export const MOST_ASKED = 40;
const MOST_ROWS = 4000;

export class Pages {
  private readonly rows = new Map<number, Map<string, Cell>>();
  private readonly waiting = new Set<number>();

  /** The runs of rows that are neither here nor asked for, each for one answer; they count as asked for then. */
  missing(first: number, stop: number): Run[] {
    const runs: Run[] = [];
    for (let row = first; row < stop; row += 1) {
      const last = runs[runs.length - 1];
      if (this.rows.has(row) || this.waiting.has(row)) {
        continue;
      }
      this.waiting.add(row);
      if (last !== undefined && last.first + last.count === row && last.count < MOST_ASKED) {
        last.count += 1;
      } else {
        runs.push({ first: row, count: 1 });
      }
    }
    return runs;
  }

  put(first: number, { names, cells }: Rows): void {
    const count = Math.max(0, ...cells.map(column => column.length));
    for (let number = 0; number < count; number += 1) {
      const row = this.rows.get(first + number) ?? new Map<string, Cell>();
      names.forEach((name, place) => row.set(name, cells[place]?.[number] ?? null));
      this.rows.set(first + number, row);
      this.waiting.delete(first + number);
    }
    for (const oldest of this.rows.keys()) {
      if (this.rows.size <= MOST_ROWS) {
        break;
      }
      this.rows.delete(oldest);
    }
  }

  /** What is asked for and was not answered: it may be asked for again. */
  giveUp(): void {
    this.waiting.clear();
  }

  clear(): void {
    this.rows.clear();
    this.waiting.clear();
  }

  cell(row: number, name: string): Cell | undefined {
    return this.rows.get(row)?.get(name);
  }
}

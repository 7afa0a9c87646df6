// Rows that were read, by blocks; the oldest are forgotten.

export type Cell = string | number | boolean | null;
export type Rows = { names: string[]; cells: Cell[][] };

export const BLOCK = 40;
const MOST_BLOCKS = 100;

export class Pages {
  private readonly blocks = new Map<number, Rows>();
  private readonly waiting = new Set<number>();

  /** The blocks that hold some of these rows and are neither here nor asked for; they count as asked for then. */
  missing(first: number, stop: number): number[] {
    const starts: number[] = [];
    for (let start = Math.floor(first / BLOCK) * BLOCK; start < stop; start += BLOCK) {
      if (!this.blocks.has(start) && !this.waiting.has(start)) {
        starts.push(start);
        this.waiting.add(start);
      }
    }
    return starts;
  }

  put(start: number, rows: Rows): void {
    this.waiting.delete(start);
    this.blocks.set(start, rows);
    for (const oldest of this.blocks.keys()) {
      if (this.blocks.size <= MOST_BLOCKS) {
        break;
      }
      this.blocks.delete(oldest);
    }
  }

  /** What is asked for and was not answered: it may be asked for again. */
  giveUp(): void {
    this.waiting.clear();
  }

  clear(): void {
    this.blocks.clear();
    this.waiting.clear();
  }

  cell(row: number, name: string): Cell | undefined {
    const start = Math.floor(row / BLOCK) * BLOCK;
    const block = this.blocks.get(start);
    const column = block?.names.indexOf(name) ?? -1;
    return column < 0 ? undefined : block?.cells[column]?.[row - start];
  }
}

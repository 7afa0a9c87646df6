// Which rows are in sight. A browser lays out some millions of pixels at most, so beyond that the bar stands for a share.

export const ROW_HEIGHT = 24;
const MOST_PIXELS = 8_000_000;

/** The height that the whole table is given, for so many rows and a window of so many pixels. */
export function fullHeight(rows: number): number {
  return Math.min(rows * ROW_HEIGHT, MOST_PIXELS);
}

/** The first row in sight where the bar stands at `top`. */
export function rowAt(top: number, rows: number, windowHeight: number): number {
  const last = lastFirst(rows, windowHeight);
  const range = fullHeight(rows) - windowHeight;
  if (last === 0 || range <= 0) {
    return 0;
  }
  if (top >= range - 1) {
    return last;
  }
  const row = rows * ROW_HEIGHT <= MOST_PIXELS ? Math.round(top / ROW_HEIGHT) : Math.round((top / range) * last);
  return Math.max(0, Math.min(row, last));
}

/** Where the bar stands when `row` is the first in sight. */
export function topOf(row: number, rows: number, windowHeight: number): number {
  const last = lastFirst(rows, windowHeight);
  if (rows * ROW_HEIGHT <= MOST_PIXELS) {
    return row * ROW_HEIGHT;
  }
  return last === 0 ? 0 : (row / last) * (fullHeight(rows) - windowHeight);
}

/** The last row that can be the first in sight. */
export function lastFirst(rows: number, windowHeight: number): number {
  return Math.max(0, rows - Math.floor(windowHeight / ROW_HEIGHT));
}

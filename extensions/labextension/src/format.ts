/** How times and numbers are written: all of what was recorded, in UTC, the same in every country. */

const INSTANT = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?(?:Z|\+00:00)?$/;

/** Write a UTC time of the log for reading, to the second; another time is shown as it came. */
export function instant(iso: string | null): string {
  if (iso === null) {
    return 'no time recorded';
  }
  const parts = INSTANT.exec(iso);
  return parts === null ? iso : `${parts[1]} ${parts[2]} UTC`;
}

/** Write the day of a UTC time. */
export function day(iso: string): string {
  return INSTANT.exec(iso)?.[1] ?? iso;
}

/** Write the span of a log in days. */
export function span(first: string | null, last: string | null): string | null {
  if (first === null || last === null) {
    return null;
  }
  return day(first) === day(last) ? day(first) : `${day(first)} – ${day(last)}`;
}

/** Cut a long id before its tail: ids made within one hour differ in their last characters. */
export function parted(id: string, tail = 8): [string, string] {
  return id.length > 2 * tail ? [id.slice(0, -tail), id.slice(-tail)] : [id, ''];
}

/** Write a count with thin groups of thousands. */
export function count(rows: number, noun: string): string {
  return `${rows.toLocaleString('en-US')} ${noun}${rows === 1 ? '' : 's'}`;
}

/** Write a score to four places, where rounding does not move it across the threshold that it was held against. */
export function score(value: number, threshold: number | null = null): string {
  const rounded = Number(value.toFixed(4));
  const moved = threshold !== null && rounded >= threshold !== value >= threshold;
  return moved ? String(value) : value.toFixed(4);
}

// Volume by time and decision, and alerts over it; a stretch that is brushed narrows the table down to it.

import { Alerts } from './alerts';
import { drawn, element } from './element';
import type { Mark, Step } from './messages';

const WIDTH = 1000;
const HEIGHT = 64;
const SHADES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

export class Timeline {
  readonly node = element('div', { class: 'al-timeline' });
  private starts: string[] = [];
  private step = '';
  private dragging = false;
  private later: (() => void) | null = null;

  private readonly alerts: Alerts;

  constructor(private readonly brushed: (since: string, until: string) => void) {
    this.alerts = new Alerts(brushed);
  }

  show(step: string, steps: Step[], alerts: Mark[], said: string): void {
    // What is under a hand stays until it lets go.
    if (this.dragging) {
      this.later = () => this.show(step, steps, alerts, said);
      return;
    }
    this.step = step;
    this.starts = [...new Set(steps.map(each => each.start))].sort();
    const decisions = [...new Set(steps.map(each => each.decision))].sort();
    if (this.starts.length === 0) {
      this.node.replaceChildren(element('p', {}, 'No times to draw.'));
      return;
    }
    const totals = new Map<string, number>();
    for (const each of steps) {
      totals.set(each.start, (totals.get(each.start) ?? 0) + each.count);
    }
    const most = Math.max(...totals.values());
    const first = Date.parse(this.starts[0] ?? '');
    const length = this.stop().getTime() - first;
    const svg = drawn('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    const base = new Map<string, number>();
    for (const each of [...steps].sort((one, other) => decisions.indexOf(one.decision) - decisions.indexOf(other.decision))) {
      const height = (each.count / most) * (HEIGHT - 2);
      const under = base.get(each.start) ?? 0;
      base.set(each.start, under + height);
      const x = ((Date.parse(each.start) - first) / length) * WIDTH;
      const width = ((after(each.start, step).getTime() - Date.parse(each.start)) / length) * WIDTH;
      const shade = SHADES[decisions.indexOf(each.decision) % SHADES.length] ?? 'a';
      const words = `${each.start.slice(0, 16).replace('T', ' ')} UTC, ${each.decision}: ${each.count.toLocaleString('en')}`;
      svg.append(
        drawn(
          'rect',
          { class: `al-shade-${shade}`, x, y: HEIGHT - under - height, width: Math.max(width - 0.6, 0.6), height },
          drawn('title', {}, words)
        )
      );
    }
    const brush = drawn('rect', { class: 'al-brush', x: 0, y: 0, width: 0, height: HEIGHT });
    svg.append(brush);
    this.follow(svg, brush, first, length);
    const legend = element('div', { class: 'al-legend' });
    decisions.forEach((decision, number) => {
      const shade = SHADES[number % SHADES.length] ?? 'a';
      legend.append(element('span', { class: `al-key al-key-${shade}` }), element('span', {}, decision));
    });
    const from = this.starts[0]?.slice(0, 10) ?? '';
    const to = this.stop().toISOString().slice(0, 10);
    legend.append(element('span', { class: 'al-range' }, `${from} to ${to} (UTC), by ${WORDS[step] ?? step}; drag to narrow down`));
    this.alerts.show(alerts, first, length);
    // What stands there already stays: the mark that was pressed keeps the keyboard.
    if (this.node.firstChild !== this.alerts.node) {
      this.node.replaceChildren(this.alerts.node);
    }
    while (this.node.childNodes.length > 1) {
      this.node.lastChild?.remove();
    }
    this.node.append(svg, legend, ...(said === '' ? [] : [element('p', { class: 'al-noted' }, said)]));
  }

  private stop(): Date {
    return after(this.starts[this.starts.length - 1] ?? '', this.step);
  }

  private follow(svg: SVGSVGElement, brush: SVGRectElement, first: number, length: number): void {
    const at = (event: PointerEvent): number => {
      const box = svg.getBoundingClientRect();
      return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    };
    let from = -1;
    svg.addEventListener('pointerdown', event => {
      from = at(event);
      this.dragging = true;
      svg.setPointerCapture(event.pointerId);
    });
    const letGo = (): void => {
      from = -1;
      brush.setAttribute('width', '0');
      this.dragging = false;
      this.later?.();
      this.later = null;
    };
    svg.addEventListener('pointercancel', letGo);
    svg.addEventListener('pointermove', event => {
      if (from >= 0) {
        const to = at(event);
        brush.setAttribute('x', String(Math.min(from, to) * WIDTH));
        brush.setAttribute('width', String(Math.abs(to - from) * WIDTH));
      }
    });
    svg.addEventListener('pointerup', event => {
      if (from < 0) {
        return;
      }
      const to = at(event);
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      const step = this.step;
      const starts = this.starts.filter(start => {
        const begin = (Date.parse(start) - first) / length;
        const end = (after(start, this.step).getTime() - first) / length;
        return end > low && begin < high;
      });
      letGo();
      const [since, last] = [starts[0], starts[starts.length - 1]];
      if (since !== undefined && last !== undefined) {
        this.brushed(since, after(last, step).toISOString());
      }
    });
  }
}

const WORDS: Record<string, string> = {
  '1m': 'minute', '5m': 'five minutes', '15m': 'quarter of an hour', '1h': 'hour', '6h': 'six hours', '1d': 'day',
  '1w': 'week', '1mo': 'month', '3mo': 'quarter', '1y': 'year'
};

/** The end of a step of time that begins at `start`. */
export function after(start: string, step: string): Date {
  const date = new Date(start);
  const [, count, unit] = /^(\d+)(mo|m|h|d|w|y)$/.exec(step) ?? [];
  const steps = Number(count ?? 0);
  const minutes: Record<string, number> = { m: 1, h: 60, d: 1440, w: 10080 };
  if (unit === 'mo') {
    date.setUTCMonth(date.getUTCMonth() + steps);
  } else if (unit === 'y') {
    date.setUTCFullYear(date.getUTCFullYear() + steps);
  } else {
    date.setTime(date.getTime() + steps * (minutes[unit ?? 'm'] ?? 1) * 60_000);
  }
  return date;
}

// Alerts over the timeline: each a mark at its time, read out in words, reached by the keyboard, and pressed to select.

import { element } from './element';
import type { Mark } from './messages';

/** The narrowest mark, and how far marks of one lane stand apart, as shares of the timeline. */
const NARROWEST = 0.014;
const APART = 0.002;
const MOST_LANES = 6;
const LANE_PIXELS = 16;
const STEPS: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

/** Where a mark stands: from 0 to 1 along the timeline, and in which lane. */
export type Placed = { left: number; width: number; lane: number };

/** Give each alert, in order of time, the first lane in which it covers none before it. */
export function placed(marks: readonly Mark[], first: number, length: number): Placed[] {
  const ends: number[] = [];
  const share = (at: string): number => Math.max(0, Math.min(1, (Date.parse(at) - first) / length));
  return marks.map(mark => {
    const left = Math.min(share(mark.from), 1 - NARROWEST);
    const width = Math.max(share(mark.to) - left, NARROWEST);
    const free = Array.from({ length: MOST_LANES }, (_, lane) => lane).find(lane => (ends[lane] ?? -1) < left);
    const lane = free ?? MOST_LANES - 1;
    ends[lane] = Math.max(ends[lane] ?? -1, left + width + APART);
    return { left, width, lane };
  });
}

export class Alerts {
  readonly node = element('div', { class: 'al-alerts', role: 'group', 'aria-label': 'Alerts' });

  constructor(private readonly chosen: (since: string, until: string) => void) {
    this.node.addEventListener('keydown', event => this.pressed(event));
  }

  /** Draw marks over a timeline that begins at `first` and is `length` milliseconds long. */
  show(marks: readonly Mark[], first: number, length: number): void {
    const places = placed(marks, first, length);
    const lanes = Math.max(0, ...places.map(each => each.lane + 1));
    this.node.hidden = marks.length === 0;
    this.node.style.height = `${lanes * LANE_PIXELS}px`;
    const held = this.buttons().findIndex(button => button === document.activeElement);
    this.node.replaceChildren(
      ...marks.map((mark, number) => {
        const { left, width, lane } = places[number] ?? { left: 0, width: NARROWEST, lane: 0 };
        const button = element('button', {
          type: 'button',
          class: mark.urgent ? 'al-alert al-urgent' : 'al-alert',
          title: mark.words,
          'aria-label': mark.words,
          tabindex: number === 0 ? '0' : '-1'
        });
        button.style.left = `${left * 100}%`;
        button.style.width = `${width * 100}%`;
        button.style.top = `${lane * LANE_PIXELS}px`;
        button.addEventListener('click', () => this.chosen(mark.since, mark.until));
        return button;
      })
    );
    if (held >= 0) {
      this.reach(Math.min(held, marks.length - 1));
    }
  }

  private buttons(): HTMLButtonElement[] {
    return [...this.node.querySelectorAll('button')];
  }

  /** One of them is reached by the tabulator, the others from it by the arrow keys. */
  private pressed(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    if (step !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const buttons = this.buttons();
      const now = buttons.findIndex(button => button === document.activeElement);
      this.reach(Math.max(0, Math.min(now + step, buttons.length - 1)));
    }
  }

  private reach(number: number): void {
    this.buttons().forEach((button, place) => {
      button.tabIndex = place === number ? 0 : -1;
      if (place === number) {
        button.focus();
      }
    });
  }
}

// What one column holds: its order, and bars that narrow the table down to their rows.

import { element } from './element';
import type { Bar } from './messages';
import { spelled } from './spelling';

export interface Choices {
  sort(column: string, descending: boolean): void;
  add(where: string): void;
}

export class Facet {
  readonly node = element('div', { class: 'al-facet', role: 'dialog', 'aria-label': 'Column', hidden: '' });
  private readonly list = element('div', { class: 'al-bars' });
  private column = '';
  private opener: HTMLElement | null = null;

  constructor(private readonly choices: Choices) {
    this.node.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Escape') {
        this.close();
      }
    });
  }

  open(column: string, kind: string, opener: HTMLElement, within: HTMLElement): void {
    this.column = column;
    this.opener = opener;
    const buttons = element('div', { class: 'al-line' });
    if (kind !== 'other') {
      buttons.append(this.button('Least first', false), this.button('Greatest first', true));
    }
    const close = element('button', { type: 'button' }, 'Close');
    close.addEventListener('click', () => this.close());
    buttons.append(close);
    this.list.replaceChildren(element('p', {}, 'Counting \u2026'));
    this.node.setAttribute('aria-label', spelled(`Column ${column}`));
    this.node.replaceChildren(element('strong', {}, column), buttons, this.list);
    this.node.hidden = false;
    const [box, around] = [opener.getBoundingClientRect(), within.getBoundingClientRect()];
    this.node.style.left = `${Math.max(0, Math.min(box.left - around.left, around.width - 330))}px`;
    this.node.style.top = `${box.bottom - around.top + 4}px`;
    (this.node.querySelector('button') as HTMLButtonElement).focus();
  }

  bars(column: string, bars: Bar[]): void {
    if (column !== this.column || this.node.hidden) {
      return;
    }
    if (bars.length === 0) {
      this.list.replaceChildren(element('p', {}, 'Nothing to count: there are no values, or nearly every one differs.'));
      return;
    }
    const most = Math.max(...bars.map(bar => bar.count), 1);
    this.list.replaceChildren(
      ...bars.map(bar => {
        const line = element('button', { type: 'button', class: 'al-bar-line' });
        const fill = element('span', { class: 'al-fill' });
        fill.style.width = `${(bar.count / most) * 100}%`;
        line.append(
          element('span', { class: 'al-words' }, bar.words),
          element('span', { class: 'al-length' }, fill),
          element('span', { class: 'al-count' }, bar.count.toLocaleString('en'))
        );
        const where = bar.where;
        if (where === null) {
          line.disabled = true;
        } else {
          line.title = spelled(`Only rows where ${where}`);
          line.addEventListener('click', () => {
            this.close();
            this.choices.add(where);
          });
        }
        return line;
      })
    );
  }

  private button(words: string, descending: boolean): HTMLButtonElement {
    const made = element('button', { type: 'button' }, words);
    made.addEventListener('click', () => {
      this.close();
      this.choices.sort(this.column, descending);
    });
    return made;
  }

  private close(): void {
    this.node.hidden = true;
    this.opener?.focus();
  }
}

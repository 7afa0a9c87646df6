// The field in which an expression is written, with the names of columns that continue it.

import { completions, written, type Column } from './completion';
import { element } from './element';

export class FilterField {
  private readonly field = element('input', {
    type: 'text',
    class: 'al-filter',
    spellcheck: 'false',
    autocomplete: 'off',
    role: 'combobox',
    'aria-expanded': 'false',
    'aria-autocomplete': 'list',
    'aria-label': 'Filter',
    placeholder: "Filter, for example: outputs.score > 0.9 AND decision = 'late'"
  });
  private readonly offers = element('ul', { class: 'al-offers', role: 'listbox', 'aria-label': 'Columns', hidden: '' });
  readonly node = element('div', { class: 'al-field' }, this.field, this.offers);
  /** The names that are offered, as the log has them, and which of them is chosen. */
  private names: string[] = [];
  private offered = -1;

  constructor(
    private readonly columns: () => Column[],
    private readonly apply: () => void
  ) {
    this.field.addEventListener('keydown', event => this.typed(event));
    this.field.addEventListener('input', () => this.offer());
    this.field.addEventListener('blur', () => this.hideOffers());
  }

  get value(): string {
    return this.field.value;
  }

  set value(text: string) {
    this.field.value = text;
  }

  private offer(): void {
    const { names } = completions(this.field.value, this.field.selectionStart ?? 0, this.columns());
    this.names = names;
    this.offered = -1;
    this.offers.replaceChildren(
      ...names.map(name => {
        const one = element('li', { role: 'option', 'aria-selected': 'false' }, name);
        one.addEventListener('mousedown', event => {
          event.preventDefault();
          this.complete(name);
        });
        return one;
      })
    );
    this.offers.hidden = names.length === 0;
    this.field.setAttribute('aria-expanded', String(names.length > 0));
  }

  private complete(name: string): void {
    const cursor = this.field.selectionStart ?? 0;
    const { start } = completions(this.field.value, cursor, this.columns());
    const text = written(name);
    this.field.value = this.field.value.slice(0, start) + text + this.field.value.slice(cursor);
    this.field.setSelectionRange(start + text.length, start + text.length);
    this.hideOffers();
  }

  hideOffers(): void {
    this.offers.hidden = true;
    this.field.setAttribute('aria-expanded', 'false');
  }

  private typed(event: KeyboardEvent): void {
    event.stopPropagation();
    const offers = this.offers.hidden ? [] : [...this.offers.children];
    if (offers.length > 0 && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
      event.preventDefault();
      this.offered = (this.offered + (event.key === 'ArrowDown' ? 1 : offers.length - 1) + (this.offered < 0 && event.key === 'ArrowUp' ? 1 : 0)) % offers.length;
      offers.forEach((one, number) => one.setAttribute('aria-selected', String(number === this.offered)));
    } else if (offers.length > 0 && (event.key === 'Tab' || event.key === 'Enter') && (this.offered >= 0 || event.key === 'Tab')) {
      event.preventDefault();
      this.complete(this.names[Math.max(this.offered, 0)] ?? '');
    } else if (event.key === 'Enter') {
      this.apply();
    } else if (event.key === 'Escape') {
      this.hideOffers();
    }
  }
}

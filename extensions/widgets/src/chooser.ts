// The list from which the columns that are shown are chosen.

import type { Column } from './completion';
import { element } from './element';

const MOST_COLUMNS = 40;

export function columnsToChoose(columns: () => Column[], shown: () => string[], choose: (names: string[]) => void): HTMLElement[] {
  const list = element('div', { class: 'al-columns' });
  for (const column of columns()) {
    const box = element('input', { type: 'checkbox' });
    box.checked = shown().includes(column.name);
    box.addEventListener('change', () => {
      const chosen = new Set(shown());
      box.checked ? chosen.add(column.name) : chosen.delete(column.name);
      const order = columns().map(each => each.name);
      choose(order.filter(name => chosen.has(name)).slice(0, MOST_COLUMNS));
    });
    list.append(element('label', {}, box, column.name));
  }
  return [element('summary', {}, 'Columns'), list];
}

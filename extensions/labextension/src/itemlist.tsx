import React from 'react';

import { element } from './spelling';

/** A list of buttons in which the arrow keys move, and Home and End jump. */
export function ItemList(props: { label: string; children: React.ReactNode }): React.JSX.Element {
  return (
    <ul className="auditlab-List" aria-label={props.label} onKeyDown={moveFocus}>
      {props.children}
    </ul>
  );
}

function moveFocus(event: React.KeyboardEvent<HTMLUListElement>): void {
  const items = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('button')];
  const at = items.findIndex(item => item === document.activeElement);
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (target !== undefined) {
    items[Math.max(0, Math.min(target, items.length - 1))]?.focus();
    event.preventDefault();
  }
}

// Elements made of text and attributes only: nothing that came from a log is ever read as markup, and what of it nobody
// would see is named.

import { spelled } from './spelling';

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, spelled(value));
  }
  made.append(...children.map(child => (typeof child === 'string' ? spelled(child) : child)));
  return made;
}

export function drawn<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number>,
  ...children: (Node | string)[]
): SVGElementTagNameMap[K] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, spelled(String(value)));
  }
  made.append(...children.map(child => (typeof child === 'string' ? spelled(child) : child)));
  return made;
}

/** Let a node say one text. */
export function say(node: Node, text: string): void {
  node.textContent = spelled(text);
}

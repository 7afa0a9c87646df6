/**
 * Characters that nobody sees, made visible: controls, what turns the direction of text, what has no width.
 * `audit_lab/seal/hidden_letters.py` names the same ones.
 */

import React from 'react';

const HIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const SPOKEN = ['alt', 'aria-label', 'placeholder', 'title'] as const;

type Properties = Readonly<Record<string, unknown>> | null;

/** Return text in which each hidden character is its name in brackets, like `[U+202E]`. */
export function spelled(text: string): string {
  return text.replace(HIDDEN, letter => `[U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`);
}

/** Make an element, as JSX asks for it: whatever text of it is seen or read out names what would not be seen in it. */
export function element(type: React.ElementType, properties: Properties, ...children: React.ReactNode[]): React.JSX.Element {
  const told = typeof type === 'string' ? spelledIn(properties) : properties;
  return React.createElement(type, told, ...children.map(seen));
}

function seen(child: React.ReactNode): React.ReactNode {
  if (typeof child === 'string') {
    return spelled(child);
  }
  return Array.isArray(child) && child.some(each => typeof each === 'string') ? child.map(seen) : child;
}

function spelledIn(properties: Properties): Properties {
  const told: Record<string, unknown> = { ...properties };
  for (const name of SPOKEN) {
    const value = told[name];
    if (typeof value === 'string') {
      told[name] = spelled(value);
    }
  }
  return told;
}

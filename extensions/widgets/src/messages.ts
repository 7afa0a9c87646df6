// What the kernel says. Nothing is believed before it was looked at.

export type Bar = { words: string; count: number; where: string | null };
export type Step = { start: string; decision: string; count: number };
/** An alert: from when to when it is drawn, what a press on it selects, and how it is read out. */
export type Mark = { from: string; to: string; since: string; until: string; words: string; urgent: boolean };
export type Told =
  | { kind: 'page'; state: number; first: number }
  | { kind: 'histogram'; state: number; column: string; bars: Bar[] }
  | { kind: 'timeline'; state: number; step: string; steps: Step[]; alerts: Mark[]; said: string }
  | { kind: 'progress'; state: number; done: number }
  | { kind: 'problem'; state: number; problem: string };

type Fields = Record<string, unknown>;

export function told(message: unknown): Told | null {
  if (!isFields(message) || typeof message.state !== 'number') {
    return null;
  }
  const state = message.state;
  switch (message.kind) {
    case 'page':
      return typeof message.first === 'number' ? { kind: 'page', state, first: message.first } : null;
    case 'histogram':
      return typeof message.column === 'string' && isListOf(message.bars, isBar)
        ? { kind: 'histogram', state, column: message.column, bars: message.bars }
        : null;
    case 'timeline':
      return typeof message.step === 'string' &&
        isListOf(message.steps, isStep) &&
        isListOf(message.alerts, isMark) &&
        typeof message.alerts_said === 'string'
        ? { kind: 'timeline', state, step: message.step, steps: message.steps, alerts: message.alerts, said: message.alerts_said }
        : null;
    case 'progress':
      return typeof message.done === 'number' ? { kind: 'progress', state, done: message.done } : null;
    case 'problem':
      return typeof message.problem === 'string' ? { kind: 'problem', state, problem: message.problem } : null;
    default:
      return null;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isListOf<T>(value: unknown, isOne: (one: unknown) => one is T): value is T[] {
  return Array.isArray(value) && value.every(isOne);
}

function isBar(value: unknown): value is Bar {
  return (
    isFields(value) &&
    typeof value.words === 'string' &&
    typeof value.count === 'number' &&
    (value.where === null || typeof value.where === 'string')
  );
}

function isStep(value: unknown): value is Step {
  return (
    isFields(value) &&
    typeof value.start === 'string' &&
    typeof value.decision === 'string' &&
    typeof value.count === 'number'
  );
}

function isMark(value: unknown): value is Mark {
  return (
    isFields(value) &&
    ['from', 'to', 'since', 'until', 'words'].every(name => typeof value[name] === 'string') &&
    typeof value.urgent === 'boolean'
  );
}

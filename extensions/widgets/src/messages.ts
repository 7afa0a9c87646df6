// What the kernel says. Nothing is believed before it was looked at.

export type Bar = { words: string; count: number; where: string | null };
export type Step = { start: string; decision: string; count: number };
export type Told =
  | { kind: 'page'; state: number; first: number }
  | { kind: 'histogram'; state: number; column: string; bars: Bar[] }
  | { kind: 'timeline'; state: number; step: string; steps: Step[] }
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
      return typeof message.step === 'string' && isListOf(message.steps, isStep)
        ? { kind: 'timeline', state, step: message.step, steps: message.steps }
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

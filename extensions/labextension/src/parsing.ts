/** Reading what arrives: each function returns what a field should hold, or throws a `MessageError` that names it. */

export type Scalar = string | number | boolean | null;

/** An object of which nothing is believed yet. */
export type Row = Readonly<Record<string, unknown>>;

/** The server's answer is not the message that it should be. */
export class MessageError extends Error {}

export function record(value: unknown, name: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MessageError(`${name} is not an object`);
  }
  return value as Row;
}

export function list<T>(from: Row, name: string, parse: (value: unknown, name: string) => T): T[] {
  const value = from[name];
  if (!Array.isArray(value)) {
    throw new MessageError(`${name} is not a list`);
  }
  return value.map((item: unknown, index) => parse(item, `${name}[${index}]`));
}

export function plainText(value: unknown, name: string): string {
  if (typeof value !== 'string') {
    throw new MessageError(`${name} is not a text`);
  }
  return value;
}

export function text(from: Row, name: string): string {
  return plainText(from[name], name);
}

export function textOrNull(from: Row, name: string): string | null {
  return absent(from, name) ? null : text(from, name);
}

export function numberOrNull(from: Row, name: string): number | null {
  const value = from[name] ?? null;
  if (value !== null && typeof value !== 'number') {
    throw new MessageError(`${name} is not a number`);
  }
  return value;
}

export function flag(from: Row, name: string): boolean {
  const value = from[name];
  if (typeof value !== 'boolean') {
    throw new MessageError(`${name} is not true or false`);
  }
  return value;
}

/** An input as recorded: what is not a plain value, such as a list, is shown as its JSON. */
export function scalar(value: unknown): Scalar {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  return value === undefined ? null : JSON.stringify(value);
}

export function absent(from: Row, name: string): boolean {
  return from[name] === undefined || from[name] === null;
}

export function number(from: Row, name: string): number {
  const value = numberOrNull(from, name);
  if (value === null) {
    throw new MessageError(`${name} is missing`);
  }
  return value;
}

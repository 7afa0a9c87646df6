import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { parseCases, parseLetter, parseLineage } from '../src/investigationmessages';
import { parseJob, parseJobs } from '../src/jobmessages';
import { parseDecision, parseLogs, parsePredictions, parseProblem } from '../src/messages';
import { MessageError } from '../src/parsing';
import { parseSource } from '../src/sourcemessages';

/** What the server states of its answers; a test of the Python half holds the server to it. */
const { components } = JSON.parse(readFileSync('../../audit_lab/lab/openapi.json', 'utf8')) as {
  components: { schemas: Record<string, Schema> };
};

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  pattern?: string;
  required?: string[];
  properties?: Record<string, Schema>;
}

type Message = Record<string, unknown>;

const ANYTHING = ['anything', 0.5, true, null, [1, 2], { inner: 1 }];
const PLAIN: Record<string, unknown[]> = {
  boolean: [true, false],
  integer: [3],
  null: [null],
  number: [0.25],
  string: ['a text']
};

/** Messages as a schema allows them: together each alternative of each part of it, and what may be left out left out. */
function samples(schema: Schema): unknown[] {
  if (schema.$ref !== undefined) {
    return samples(components.schemas[schema.$ref.split('/').at(-1) ?? ''] as Schema);
  }
  if (schema.const !== undefined || schema.enum !== undefined) {
    return schema.enum ?? [schema.const];
  }
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives !== undefined) {
    return alternatives.flatMap(samples);
  }
  if (schema.type === undefined) {
    return ANYTHING;
  }
  if (Array.isArray(schema.type)) {
    return schema.type.flatMap(type => samples({ ...schema, type }));
  }
  if (schema.type === 'array') {
    return [...samples(schema.items ?? {}).map(item => [item]), []];
  }
  if (schema.type === 'object') {
    return objects(schema);
  }
  return schema.pattern === undefined ? (PLAIN[schema.type] ?? []) : ['0'.repeat(32)];
}

function objects({ properties = {}, required = [] }: Schema): Message[] {
  const parts = Object.entries(properties).map(([name, part]) => [name, samples(part)] as const);
  const whole: Message = Object.fromEntries(parts.map(([name, [first]]) => [name, first]));
  const least = Object.fromEntries(required.map(name => [name, whole[name]]));
  const others = parts.flatMap(([name, [, ...more]]) => more.map(value => ({ ...whole, [name]: value })));
  return [whole, least, ...others];
}

/** Hold what was read against what was sent: all of it stands there, by the same name, and as it was. */
function within(read: unknown, sent: unknown, name: string): void {
  if (Array.isArray(read)) {
    assert.ok(Array.isArray(sent) && sent.length === read.length, name);
    read.forEach((each, index) => within(each, (sent as unknown[])[index], `${name}[${index}]`));
  } else if (typeof read === 'object' && read !== null) {
    for (const [key, value] of Object.entries(read)) {
      within(value, (sent as Message)[key] ?? FILLED_IN[key] ?? null, `${name}.${key}`);
    }
  } else {
    // An input that is no plain value, and a label that is a number, are read as what is shown of them.
    assert.ok(read === sent || read === JSON.stringify(sent), `${name}: ${String(read)} of ${JSON.stringify(sent)}`);
  }
}

/** What is read where nothing was sent. */
const FILLED_IN: Message = { places: [], sealed: true };

/** Each parser, the schema of what it reads, and the part of the message whose fields it reads beside those of the whole. */
const PARSERS: [string, (answer: unknown) => unknown, string?][] = [
  ['Cases', parseCases],
  ['Decision', parseDecision],
  ['Job', parseJob],
  ['Letter', parseLetter, 'letter'],
  ['Lineage', parseLineage, 'lineage'],
  ['Logs', parseLogs],
  ['Predictions', parsePredictions],
  ['Problem', parseProblem],
  ['Source', parseSource, 'source']
];

for (const [name, parse, inner] of PARSERS) {
  test(`every ${name} that the server may send is read, whole and as it is`, () => {
    const sent = samples({ $ref: name }) as Message[];
    assert.ok(sent.length > 2);
    for (const message of sent) {
      within(parse(message), inner === undefined ? message : { ...message, ...(message[inner] as Message) }, name);
    }
  });

  test(`a ${name} that lacks what must be there is refused, or read as nothing, and never by another error`, () => {
    const [whole] = samples({ $ref: name }) as [Message];
    for (const key of components.schemas[name]?.required ?? []) {
      const { [key]: _, ...rest } = whole;
      try {
        parse(rest);
      } catch (error) {
        assert.ok(error instanceof MessageError, `${name} without ${key}: ${String(error)}`);
      }
    }
    assert.throws(() => parse({}), MessageError);
    assert.throws(() => parse([]), MessageError);
    assert.throws(() => parse(null), MessageError);
  });
}

test('every list of jobs is read', () => {
  const jobs = samples({ $ref: 'Job' });
  within(parseJobs({ jobs }), jobs, 'jobs');
});

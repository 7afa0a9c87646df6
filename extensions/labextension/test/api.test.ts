import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ServerConnection } from '@jupyterlab/services';

import { AuditLabClient, isNotFetched, ProblemError, problemOf } from '../src/api';
import { MessageError } from '../src/parsing';

/** A client of a server that answers everything in one way; `asked` are the addresses that it was asked for. */
function client(answer: () => Promise<Response>, asked: string[] = []): AuditLabClient {
  const fetch = (request: RequestInfo | URL): Promise<Response> => {
    asked.push(request instanceof Request ? request.url : String(request));
    return answer();
  };
  const baseUrl = 'http://127.0.0.1:8888/base/';
  return new AuditLabClient(ServerConnection.makeSettings({ baseUrl, fetch, token: 'a token' }));
}

function answering(status: number, body: string): AuditLabClient {
  return client(() => Promise.resolve(new Response(body, { status })));
}

/** What the panel shows where a question is not answered. */
async function shown(asked: AuditLabClient): Promise<[string, string]> {
  try {
    await asked.logs();
  } catch (error) {
    assert.ok(error instanceof ProblemError);
    return [error.problem.message, error.problem.next_step];
  }
  throw new Error('it was answered');
}

test('an answer is read, and its address says what was asked', async () => {
  const asked: string[] = [];
  const body = JSON.stringify({ log: 'a & b', search: '<', predictions: [] });
  const server = client(() => Promise.resolve(new Response(body)), asked);
  assert.deepEqual((await server.predictions('a & b', '<', 50)).predictions, []);
  assert.match(asked[0] ?? '', /^http:\/\/127\.0\.0\.1:8888\/base\/audit-lab\/api\/predictions\?log=a%20%26%20b&search=%3C&limit=50/);
});

test('a problem of the server is shown as it says it', async () => {
  const problem = { message: 'There is no folder', next_step: 'Refresh.', places: ['a@s:1'] };
  assert.deepEqual(await shown(answering(404, JSON.stringify(problem))), ['There is no folder', 'Refresh.']);
});

test('a refusal of Jupyter itself says what to do', async () => {
  const [message, next] = await shown(answering(403, '{"message": "Forbidden"}'));
  assert.equal(message, 'The Jupyter server refused the request');
  assert.match(next, /Log in again/);
});

test('an address that is not there is an extension that is not enabled', async () => {
  const [message, next] = await shown(answering(404, '{"message": "Not Found"}'));
  assert.equal(message, 'The Jupyter server answered with status 404');
  assert.match(next, /jupyter server extension list/);
});

test('a failure of the server leads to its log', async () => {
  const [message, next] = await shown(answering(500, '{}'));
  assert.equal(message, 'The Jupyter server answered with status 500');
  assert.equal(next, 'The log of the Jupyter server says why.');
});

test('what is no JSON, and what is another message, is an answer of another version', async () => {
  for (const body of ['<html>', '{"logs": 7, "complete": true}']) {
    const [message, next] = await shown(answering(200, body));
    assert.match(message, /^The server's answer cannot be read: /);
    assert.match(next, /of another version/);
  }
});

test('a server that does not answer is said to be gone', async () => {
  const [message, next] = await shown(client(() => Promise.reject(new TypeError('Failed to fetch'))));
  assert.equal(message, 'The Jupyter server did not answer');
  assert.equal(next, 'Check that it still runs, then refresh.');
});

test('whatever was thrown is a problem that can be shown, and a problem stays what it is', () => {
  const problem = { message: 'Twice', next_step: 'Choose.', places: ['a@s:1'] };
  assert.equal(problemOf(new ProblemError(problem)), problem);
  assert.match(problemOf(new MessageError('logs is not a list')).message, /cannot be read: logs is not a list/);
  assert.deepEqual(problemOf('odd'), {
    message: 'odd',
    next_step: 'Try again; the log of the Jupyter server says more.',
    places: []
  });
});

test('a part of the extension that does not come is named as such, with what to do', () => {
  const error = Object.assign(new Error('Loading chunk 7 failed.'), { name: 'ChunkLoadError' });
  assert.ok(isNotFetched(error) && !isNotFetched(new Error('odd')));
  const { message, next_step: next } = problemOf(error);
  assert.equal(message, 'A part of Audit Lab could not be fetched from the Jupyter server');
  assert.match(next, /then try again; reload the page/);
});

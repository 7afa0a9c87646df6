import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import type { AuditLabClient } from '../src/api';
import { AuditorModel } from '../src/auditormodel';
import type { Asked, Job, JobState } from '../src/jobmessages';
import { JobsModel } from '../src/jobs';

function job(id: string, state: JobState, changed: Partial<Job> = {}): Job {
  const times = { started_at: '2026-03-01T12:00:00+00:00', ended_at: null };
  return { id, kind: 'dossier', about: 'p-1', state, progress: null, result: null, problem: null, ...times, ...changed };
}

/** A server whose jobs a test changes as it goes. */
class Server {
  jobs: Job[] = [];
  asked: Asked[] = [];
  cancelled: string[] = [];
  letters: Record<string, string>[] = [];
  delay: Promise<void> | null = null;

  get client(): AuditLabClient {
    const answers = {
      begin: (asked: Asked): Promise<Job> => {
        this.asked.push(asked);
        const begun = job(`j${this.asked.length}`, 'running');
        this.jobs = [begun, ...this.jobs];
        return Promise.resolve(begun);
      },
      cancel: (id: string): Promise<Job> => {
        this.cancelled.push(id);
        this.end(id, 'cancelled');
        return Promise.resolve(job(id, 'cancelled'));
      },
      job: (id: string): Promise<Job> => {
        const found = this.jobs.find(each => each.id === id);
        return found === undefined ? Promise.reject(new Error(`There is no job ${id}`)) : Promise.resolve(found);
      },
      jobs: async (): Promise<Job[]> => {
        const now = this.jobs;
        await this.delay;
        return now;
      },
      letter: (_: string, clues: Record<string, string>): Promise<unknown> => {
        this.letters.push(clues);
        return Promise.resolve({ asked: [], candidates: [], summary: [] });
      }
    };
    return answers as unknown as AuditLabClient;
  }

  end(id: string, state: JobState, changed: Partial<Job> = {}): void {
    this.jobs = this.jobs.map(each => (each.id === id ? job(id, state, changed) : each));
  }
}

const open: { dispose: () => void }[] = [];

function kept<T extends { dispose: () => void }>(model: T): T {
  open.push(model);
  return model;
}

afterEach(() => {
  open.splice(0).forEach(model => model.dispose());
});

const ASKED: Asked = { kind: 'verify-log', log: 'credit' };

test('the end of a job is told once', async () => {
  const server = new Server();
  const model = kept(new JobsModel(server.client));
  const ended: string[] = [];
  model.ended.connect((_, each) => ended.push(each.id));
  const { id } = await model.begin(ASKED);
  await model.refresh();
  assert.deepEqual(ended, []);
  server.end(id, 'done');
  await model.refresh();
  await model.refresh();
  assert.deepEqual(ended, [id]);
});

test('a job that is begun while the server is asked is not lost', async () => {
  const server = new Server();
  const model = kept(new JobsModel(server.client));
  let answer: () => void = () => undefined;
  server.delay = new Promise(resolve => (answer = resolve));
  const refreshing = model.refresh();
  const { id } = await model.begin(ASKED);
  answer();
  await refreshing;
  assert.equal(model.find(id)?.state, 'running');
});

test('whoever waits for a job that the server forgot is told of its end', async () => {
  const server = new Server();
  const model = kept(new JobsModel(server.client));
  const ended: string[] = [];
  model.ended.connect((_, each) => ended.push(each.id));
  const { id } = await model.begin(ASKED);
  server.jobs = [];
  await model.refresh();
  assert.deepEqual(ended, [id]);
});

function form(server: Server): AuditorModel {
  const model = kept(new AuditorModel(server.client, kept(new JobsModel(server.client)), () => 'dossiers'));
  model.choose('credit');
  return model;
}

test('an id is answered at once, without a search and without a file', async () => {
  const server = new Server();
  const model = form(server);
  model.fill({ id: ' p-1 ', zone: 'Europe/Oslo' });
  await model.search();
  const timezone = 'Europe/Oslo';
  assert.deepEqual(server.asked, [{ kind: 'dossier', log: 'credit', id: 'p-1', formats: [], folder: 'dossiers', timezone }]);
  assert.deepEqual(server.letters, []);
});

test('what the letter says is searched for, and nothing is begun', async () => {
  const server = new Server();
  const model = form(server);
  model.fill({ decision: 'deny' });
  await model.search();
  assert.deepEqual(server.letters, [{ decision: 'deny', within: '2h' }]);
  assert.deepEqual(server.asked, []);
});

test('an empty form asks the server nothing, and says what is lacking', async () => {
  const server = new Server();
  const model = form(server);
  await model.search();
  assert.match(model.hint ?? '', /^Give the id/);
  assert.deepEqual([server.letters, server.asked], [[], []]);
});

test('another log cancels what was asked of the first', async () => {
  const server = new Server();
  const model = form(server);
  model.fill({ id: 'p-1' });
  await model.search();
  model.choose('flights');
  assert.deepEqual(server.cancelled, ['j1']);
  assert.equal(model.reference, null);
});

import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { type AuditLabClient, problemOf } from './api';
import { type Asked, isOpen, type Job } from './jobmessages';
import type { Problem } from './messages';

const LOOK_AGAIN_MS = 400;
const AFTER_PROBLEM_MS = 5_000;

/** The server's jobs as they are known here; while one is unfinished the server is asked again and again. */
export class JobsModel implements IDisposable {
  constructor(private readonly client: AuditLabClient) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A job came to its end, whichever. */
  get ended(): ISignal<this, Job> {
    return this._ended;
  }

  get jobs(): readonly Job[] {
    return this._jobs;
  }

  /** Why the list is not what the server has now. */
  get problem(): Problem | null {
    return this._problem;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this.timer);
    Signal.clearData(this);
  }

  find(id: string): Job | undefined {
    return this._jobs.find(job => job.id === id);
  }

  /** Begin a job; rejects with a `ProblemError` where the server does not take it. */
  async begin(asked: Asked): Promise<Job> {
    const job = await this.client.begin(asked);
    this._jobs = [job, ...this._jobs];
    this._changed.emit();
    this.lookAgain();
    return job;
  }

  /** A job with its result, which the list leaves out. */
  read(id: string): Promise<Job> {
    return this.client.job(id);
  }

  async cancel(id: string): Promise<void> {
    try {
      await this.client.cancel(id);
    } catch (error) {
      this._problem = problemOf(error);
    }
    await this.refresh();
  }

  /** Ask the server for its jobs. */
  async refresh(): Promise<void> {
    const asked = new Set(this._jobs.map(job => job.id));
    let before: ReadonlyMap<string, Job> = new Map();
    try {
      const answer = await this.client.jobs();
      before = new Map(this._jobs.map(job => [job.id, job]));
      // A job that was begun while the server was asked is not in its answer, and is not lost for that.
      const begun = this._jobs.filter(job => !asked.has(job.id) && !answer.some(each => each.id === job.id));
      this._jobs = [...begun, ...answer];
      this._problem = null;
    } catch (error) {
      this._problem = problemOf(error);
    }
    if (this._isDisposed) {
      return;
    }
    this._changed.emit();
    for (const known of before.values()) {
      const now = this.find(known.id);
      // A server that was started anew knows nothing of it: whoever waits for it asks, and is told so.
      if (isOpen(known) && (now === undefined || !isOpen(now))) {
        this._ended.emit(now ?? known);
      }
    }
    this.lookAgain();
  }

  private lookAgain(): void {
    clearTimeout(this.timer);
    if (!this._isDisposed && this._jobs.some(isOpen)) {
      const pause = this._problem === null ? LOOK_AGAIN_MS : AFTER_PROBLEM_MS;
      this.timer = setTimeout(() => void this.refresh(), pause);
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _ended = new Signal<this, Job>(this);
  private _jobs: readonly Job[] = [];
  private _problem: Problem | null = null;
  private _isDisposed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
}

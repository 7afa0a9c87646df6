import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import { type AuditLabClient, problemOf } from './api';
import type { LetterAnswer } from './investigationmessages';
import { type Asked, type Dossier, isOpen, type Job } from './jobmessages';
import type { JobsModel } from './jobs';
import { clues, EMPTY_LETTER, lacking, type Letter } from './letterform';
import type { LogsAnswer, Problem } from './messages';
import { type Answer, Question } from './question';

export type Format = 'pdf' | 'html';

/** What the auditor's form holds: the log, what the letter says, the decision that was found, and its answer. */
export class AuditorModel implements IDisposable {
  constructor(
    private readonly client: AuditLabClient,
    private readonly jobs: JobsModel,
    /** The folder that dossiers go into. */
    private readonly folder: () => string
  ) {
    jobs.changed.connect(this.onJobs, this);
    jobs.ended.connect(this.onEnded, this);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get logs(): Answer<LogsAnswer> {
    return this.logsQuestion.answer;
  }

  get found(): Answer<LetterAnswer> {
    return this.letterQuestion.answer;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The job that answers, as it is now. */
  get job(): Job | null {
    return this._job === null ? null : (this.jobs.find(this._job.id) ?? this._job);
  }

  log = '';
  /** The trust file whose keys are accepted when the log is verified. */
  trust = '';
  letter: Letter = EMPTY_LETTER;
  reference: string | null = null;
  dossier: Dossier | null = null;
  files: string[] = [];
  problem: Problem | null = null;
  /** What to fill in before anything can be searched for. */
  hint: string | null = null;

  dispose(): void {
    this._isDisposed = true;
    this.jobs.changed.disconnect(this.onJobs, this);
    this.jobs.ended.disconnect(this.onEnded, this);
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    await this.logsQuestion.ask(this.client.logs(), true);
    if (this.log === '' && this.logs.state === 'answered') {
      const readable = this.logs.value.logs.filter(log => log.problem === null);
      this.log = readable.length === 1 ? (readable[0]?.path ?? '') : '';
      this._changed.emit();
    }
  }

  choose(log: string): void {
    this.log = log;
    this.forget();
  }

  accept(trust: string): void {
    this.trust = trust;
    this._changed.emit();
  }

  fill(letter: Partial<Letter>): void {
    this.letter = { ...this.letter, ...letter };
    this.hint = null;
    this._changed.emit();
  }

  /** Look for what the form says: a decision by its id, or those that the letter may speak of. */
  async search(): Promise<void> {
    this.forget();
    this.hint = lacking(this.log, this.letter);
    this._changed.emit();
    if (this.hint !== null) {
      return;
    }
    const id = this.letter.id.trim();
    if (id !== '') {
      await this.answer(id);
    } else {
      await this.letterQuestion.ask(this.client.letter(this.log, clues(this.letter)));
    }
  }

  /** Reconstruct, replay and explain one decision; with a format, write the dossier too. */
  async answer(reference: string, format?: Format): Promise<void> {
    if (reference !== this.reference) {
      this.dossier = null;
      this.files = [];
    }
    this.reference = reference;
    await this.begin({
      kind: 'dossier',
      log: this.log,
      id: reference,
      formats: format === undefined ? [] : [format],
      folder: this.folder(),
      timezone: this.letter.zone.trim()
    });
  }

  /** Export a signed bundle about the decision that was answered. */
  async bundle(actor: string, purpose: string): Promise<void> {
    if (this.reference !== null) {
      const { log, reference: id } = this;
      await this.begin({ kind: 'bundle', log, id, folder: this.folder(), actor, purpose });
    }
  }

  async cancel(): Promise<void> {
    if (this._job !== null) {
      await this.jobs.cancel(this._job.id);
    }
  }

  private async begin(asked: Asked): Promise<void> {
    this.problem = null;
    try {
      this._job = await this.jobs.begin(asked);
    } catch (error) {
      this.problem = problemOf(error);
    }
    this._changed.emit();
  }

  private forget(): void {
    if (this.job !== null && isOpen(this.job)) {
      void this.cancel();
    }
    this._job = null;
    this.reference = null;
    this.dossier = null;
    this.files = [];
    this.problem = null;
    this.letterQuestion.forget();
    this._changed.emit();
  }

  private onJobs(): void {
    this._changed.emit();
  }

  private onEnded(_: JobsModel, ended: Job): void {
    if (ended.id === this._job?.id) {
      void this.take(ended.id);
    }
  }

  private async take(id: string): Promise<void> {
    try {
      const job = await this.jobs.read(id);
      if (id !== this._job?.id) {
        return;
      }
      this._job = job;
      this.problem = job.problem;
      this.dossier = job.result?.dossier ?? this.dossier;
      this.files = [...this.files, ...(job.result?.files ?? [])];
    } catch (error) {
      this.problem = problemOf(error);
    }
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly logsQuestion = new Question<LogsAnswer>(() => this._changed.emit());
  private readonly letterQuestion = new Question<LetterAnswer>(() => this._changed.emit());
  private _job: Job | null = null;
  private _isDisposed = false;
}

import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { AuditLabClient } from './api';
import type { CasesAnswer } from './investigationmessages';
import type { LogEntry, LogsAnswer, PredictionsAnswer } from './messages';
import { type Answer, Question } from './question';

const NEWEST = 50;
const TYPING_PAUSE_MS = 250;

/** What the panel shows: the logs, the one selected, its newest predictions, the id searched for, and the cases. */
export class PanelModel implements IDisposable {
  constructor(private readonly client: AuditLabClient) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get logs(): Answer<LogsAnswer> {
    return this.logsQuestion.answer;
  }

  get predictions(): Answer<PredictionsAnswer> {
    return this.predictionsQuestion.answer;
  }

  get cases(): Answer<CasesAnswer> {
    return this.casesQuestion.answer;
  }

  get selected(): LogEntry | null {
    return this._selected;
  }

  get search(): string {
    return this._search;
  }

  get isDisposed(): boolean {
    return this.debouncer.isDisposed;
  }

  dispose(): void {
    this.debouncer.dispose();
    Signal.clearData(this);
  }

  /** Look for cases again. */
  refreshCases(): Promise<void> {
    return this.casesQuestion.ask(this.client.cases(), true);
  }

  /** Look for logs again and select the one in a folder; whether there is one. */
  async selectPath(path: string): Promise<boolean> {
    await this.refresh();
    const logs = this.logs.state === 'answered' ? this.logs.value.logs : [];
    const log = logs.find(each => each.path === path);
    if (log !== undefined) {
      this.select(log);
    }
    return log !== undefined;
  }

  /** Look for logs again; the selection stays if its log is still there, and a log that is alone is selected. */
  async refresh(): Promise<void> {
    await this.logsQuestion.ask(this.client.logs(), true);
    if (this.logs.state !== 'answered') {
      return;
    }
    const { logs } = this.logs.value;
    const again = logs.find(log => log.path === this._selected?.path) ?? (logs.length === 1 ? logs[0] : undefined);
    this.select(again ?? null);
  }

  select(log: LogEntry | null): void {
    if (log?.path !== this._selected?.path) {
      this._search = '';
    }
    this._selected = log;
    this.askPredictions();
  }

  /** Take what is typed into the search box; the server is asked once the typing pauses. */
  searchFor(text: string): void {
    this._search = text;
    this._changed.emit();
    void this.debouncer.invoke();
  }

  private askPredictions(): void {
    if (this._selected === null || this._selected.problem !== null) {
      this.predictionsQuestion.forget();
    } else {
      const answering = this.client.predictions(this._selected.path, this._search.trim(), NEWEST);
      void this.predictionsQuestion.ask(answering, this.shows(this._selected));
    }
  }

  private shows(log: LogEntry): boolean {
    return this.predictions.state === 'answered' && this.predictions.value.log === log.path;
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly logsQuestion = new Question<LogsAnswer>(() => this._changed.emit());
  private readonly casesQuestion = new Question<CasesAnswer>(() => this._changed.emit());
  private readonly predictionsQuestion = new Question<PredictionsAnswer>(() => this._changed.emit());
  private readonly debouncer = new Debouncer(() => this.askPredictions(), TYPING_PAUSE_MS);
  private _selected: LogEntry | null = null;
  private _search = '';
}

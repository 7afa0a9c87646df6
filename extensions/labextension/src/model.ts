import type { IDisposable } from '@lumino/disposable';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { AuditLabClient } from './api';
import type { LogEntry, LogsAnswer, PredictionsAnswer } from './messages';
import { type Answer, Question } from './question';

const NEWEST = 50;
const TYPING_PAUSE_MS = 250;

/** What the panel shows: the logs, the one selected, its newest predictions and the id searched for. */
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
  private readonly predictionsQuestion = new Question<PredictionsAnswer>(() => this._changed.emit());
  private readonly debouncer = new Debouncer(() => this.askPredictions(), TYPING_PAUSE_MS);
  private _selected: LogEntry | null = null;
  private _search = '';
}

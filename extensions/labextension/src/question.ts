import type { Problem } from './messages';

import { problemOf } from './api';

/** What is known of the answer to a question. */
export type Answer<T> =
  | { state: 'not asked' }
  | { state: 'asking' }
  | { state: 'answered'; value: T }
  | { state: 'failed'; problem: Problem };

/** A question that can be asked again: only the answer to the last asking counts, whichever comes in last. */
export class Question<T> {
  constructor(private readonly changed: () => void) {}

  get answer(): Answer<T> {
    return this._answer;
  }

  /** Ask; the last answer stays in sight until the new one is there if `keep` is set. */
  async ask(answering: Promise<T>, keep = false): Promise<void> {
    const asking = (this.asked += 1);
    if (!keep || this._answer.state !== 'answered') {
      this.set({ state: 'asking' });
    }
    let answer: Answer<T>;
    try {
      answer = { state: 'answered', value: await answering };
    } catch (error) {
      answer = { state: 'failed', problem: problemOf(error) };
    }
    if (asking === this.asked) {
      this.set(answer);
    }
  }

  forget(): void {
    this.asked += 1;
    this.set({ state: 'not asked' });
  }

  private set(answer: Answer<T>): void {
    this._answer = answer;
    this.changed();
  }

  private _answer: Answer<T> = { state: 'not asked' };
  private asked = 0;
}

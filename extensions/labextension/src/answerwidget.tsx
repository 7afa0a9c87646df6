import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';

import { parted } from './format';
import { auditIcon } from './icon';
import { ProblemNote } from './problem';
import { Question } from './question';
import { element, spelled } from './spelling';
import type { DecisionAddress } from './tokens';

/** What is asked about a decision, and what stands there while nothing is answered yet. */
export interface Asking<T> {
  /** The first word of the tab, such as Decision. */
  name: string;
  waiting: string;
  ask: () => Promise<T>;
  /** What to do where the id stands in several places and one is chosen. */
  choose?: (place: string) => void;
}

/** The answer to one question about a decision, in the main area; it asks when it is made, and again on `reload`. */
export abstract class AnswerWidget<T> extends ReactWidget {
  constructor(
    readonly address: DecisionAddress,
    private readonly asking: Asking<T>
  ) {
    super();
    this.addClass('auditlab-Decision');
    const prediction = address.reference.split('@')[0] ?? address.reference;
    const [, tail] = parted(prediction);
    this.title.icon = auditIcon;
    this.title.label = spelled(`${asking.name} ${tail === '' ? prediction : `…${tail}`}`);
    this.title.caption = spelled(`${asking.name} ${address.reference}\nLog ${address.log}`);
    this.node.tabIndex = -1;
    void this.reload();
  }

  reload(): Promise<void> {
    return this.question.ask(this.asking.ask(), true);
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.changed}>{() => this.content()}</UseSignal>;
  }

  protected abstract answered(value: T): React.JSX.Element;

  private content(): React.JSX.Element {
    const { answer } = this.question;
    switch (answer.state) {
      case 'answered':
        return this.answered(answer.value);
      case 'failed':
        return (
          <div className="auditlab-Page">
            <ProblemNote choose={this.asking.choose} problem={answer.problem}>
              <button className="jp-Button jp-mod-styled jp-mod-minimal" onClick={() => void this.reload()} type="button">
                Try again
              </button>
            </ProblemNote>
          </div>
        );
      default:
        return (
          <p className="auditlab-Hint" role="status">
            {this.asking.waiting}
          </p>
        );
    }
  }

  private readonly changed = new Signal<this, void>(this);
  private readonly question = new Question<T>(() => this.changed.emit());
}

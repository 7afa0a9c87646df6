import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';

import type { AuditLabClient } from './api';
import { DecisionView } from './decisionview';
import { parted } from './format';
import { auditIcon } from './icon';
import type { DecisionAnswer } from './messages';
import { ProblemNote } from './problem';
import { Question } from './question';
import type { DecisionAddress } from './tokens';

/** One decision in the main area; it asks the server when it is made, and again on `reload`. */
export class DecisionWidget extends ReactWidget {
  constructor(
    readonly address: DecisionAddress,
    private readonly client: AuditLabClient,
    private readonly openPlace: (place: string) => void
  ) {
    super();
    this.addClass('auditlab-Decision');
    const prediction = address.reference.split('@')[0] ?? address.reference;
    this.title.icon = auditIcon;
    const [, tail] = parted(prediction);
    this.title.label = `Decision ${tail === '' ? prediction : `…${tail}`}`;
    this.title.caption = `Decision ${address.reference}\nLog ${address.log}`;
    this.node.tabIndex = -1;
    void this.reload();
  }

  reload(): Promise<void> {
    return this.question.ask(this.client.decision(this.address), true);
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.changed}>{() => this.content()}</UseSignal>;
  }

  private content(): React.JSX.Element {
    const { answer } = this.question;
    switch (answer.state) {
      case 'answered':
        return <DecisionView decision={answer.value.decision} log={answer.value.log} />;
      case 'failed':
        return (
          <div className="auditlab-Page">
            <ProblemNote choose={this.openPlace} problem={answer.problem}>
              <button className="jp-Button jp-mod-styled jp-mod-minimal" onClick={() => void this.reload()} type="button">
                Try again
              </button>
            </ProblemNote>
          </div>
        );
      default:
        return <p className="auditlab-Hint">Reconstructing the decision…</p>;
    }
  }

  private readonly changed = new Signal<this, void>(this);
  private readonly question = new Question<DecisionAnswer>(() => this.changed.emit());
}

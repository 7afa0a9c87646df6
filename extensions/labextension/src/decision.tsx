import React from 'react';

import { AnswerWidget } from './answerwidget';
import type { AuditLabClient } from './api';
import { DecisionView } from './decisionview';
import type { DecisionAnswer } from './messages';
import { element } from './spelling';
import { Stored } from './stored';
import type { DecisionAddress } from './tokens';

/** One decision in the main area. */
export class DecisionWidget extends AnswerWidget<DecisionAnswer> {
  constructor(
    address: DecisionAddress,
    private readonly client: AuditLabClient,
    choose: (place: string) => void
  ) {
    const ask = (): Promise<DecisionAnswer> => client.decision(address);
    super(address, { ask, choose, name: 'Decision', waiting: 'Reconstructing the decision…' });
  }

  protected override answered({ decision, log }: DecisionAnswer): React.JSX.Element {
    return (
      <DecisionView decision={decision} log={log}>
        <Stored ask={() => this.client.source(this.address)} />
      </DecisionView>
    );
  }
}

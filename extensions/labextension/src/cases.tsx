import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { count } from './format';
import type { CaseEntry } from './investigationmessages';
import { ItemList } from './itemlist';
import type { PanelModel } from './model';
import { ProblemNote } from './problem';
import { element } from './spelling';

/** The panel's section of cases, and how each stands. */
export class CasesWidget extends ReactWidget {
  constructor(
    private readonly model: PanelModel,
    private readonly open: (path: string) => void
  ) {
    super();
    this.addClass('auditlab-Section');
    this.title.label = 'Cases';
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.model.changed}>
        {() => <Cases model={this.model} open={this.open} />}
      </UseSignal>
    );
  }
}

function Cases({ model, open }: { model: PanelModel; open: (path: string) => void }): React.JSX.Element {
  switch (model.cases.state) {
    case 'failed':
      return <ProblemNote problem={model.cases.problem} />;
    case 'answered':
      break;
    default:
      return <p className="auditlab-Hint">Looking for cases…</p>;
  }
  const { cases, complete } = model.cases.value;
  return (
    <>
      {cases.length === 0 && (
        <p className="auditlab-Hint">No case below the folder that this server shows. A notebook opens one with Case.create.</p>
      )}
      <ItemList label="Cases">
        {cases.map(entry => (
          <li key={entry.path}>
            <CaseItem entry={entry} open={() => open(entry.path)} />
          </li>
        ))}
      </ItemList>
      {!complete && <p className="auditlab-Hint">Not every folder was searched for cases.</p>}
    </>
  );
}

function CaseItem({ entry, open }: { entry: CaseEntry; open: () => void }): React.JSX.Element {
  const { problem } = entry;
  return (
    <button className="auditlab-Item" onClick={open} title={entry.question ?? entry.path} type="button">
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-name">{entry.case_id ?? entry.path}</span>
        {problem === null ? (
          <span className="auditlab-Item-aside">{entry.status}</span>
        ) : (
          <span className="auditlab-Tag auditlab-mod-error">cannot be read</span>
        )}
      </span>
      {problem === null ? (
        <>
          <span className="auditlab-Item-detail">{entry.question}</span>
          <span className="auditlab-Item-detail">{standing(entry)}</span>
          {entry.sign_offs.length > 0 && (
            <span className="auditlab-Item-detail">Signed off: {entry.sign_offs.join('; ')}</span>
          )}
          {entry.void_sign_offs.length > 0 && (
            <span className="auditlab-Item-problem">
              Void, since the case changed after it was signed: {entry.void_sign_offs.join('; ')}
            </span>
          )}
          {entry.edited.length > 0 && (
            <span className="auditlab-Item-problem">Edited by hand: {entry.edited.join(', ')}</span>
          )}
        </>
      ) : (
        <span className="auditlab-Item-problem">
          {problem.message}. {problem.next_step}
        </span>
      )}
    </button>
  );
}

function standing(entry: CaseEntry): string {
  return [
    count(entry.exhibits, 'exhibit'),
    count(entry.findings, 'finding'),
    entry.open_actions > 0 ? count(entry.open_actions, 'open action') : null,
    entry.is_concluded ? 'concluded' : 'no conclusion yet'
  ]
    .filter(part => part !== null)
    .join(' · ');
}

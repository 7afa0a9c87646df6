import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';

import type { AuditLabClient } from './api';
import { instant, parted } from './format';
import { auditIcon } from './icon';
import type { LineageAnswer, LineageEdge } from './investigationmessages';
import { ProblemNote } from './problem';
import { Question } from './question';
import { Gaps } from './sections';
import type { DecisionAddress } from './tokens';

const MOST_EDGES = 200;

/** The way back from one decision to runs, commits and data, in the main area. */
export class LineageWidget extends ReactWidget {
  constructor(
    readonly address: DecisionAddress,
    client: AuditLabClient
  ) {
    super();
    this.addClass('auditlab-Decision');
    const prediction = address.reference.split('@')[0] ?? address.reference;
    const [, tail] = parted(prediction);
    this.title.icon = auditIcon;
    this.title.label = `Lineage ${tail === '' ? prediction : `…${tail}`}`;
    this.title.caption = `Lineage of ${address.reference}\nLog ${address.log}`;
    this.node.tabIndex = -1;
    void this.question.ask(client.lineage(address));
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
        return <Lineage answer={answer.value} />;
      case 'failed':
        return (
          <div className="auditlab-Page">
            <ProblemNote problem={answer.problem} />
          </div>
        );
      default:
        return <p className="auditlab-Hint">Following the lineage back…</p>;
    }
  }

  private readonly changed = new Signal<this, void>(this);
  private readonly question = new Question<LineageAnswer>(() => this.changed.emit());
}

function Lineage({ answer }: { answer: LineageAnswer }): React.JSX.Element {
  const left = answer.edges.length - MOST_EDGES;
  return (
    <article aria-label={`Lineage of ${answer.id}`} className="auditlab-Page">
      <p className="auditlab-Eyebrow">{answer.log}</p>
      <h1 className="auditlab-Verdict">Lineage of {answer.id}</h1>
      <p>{answer.summary[0]}</p>
      <div aria-label="Picture of the lineage" className="auditlab-Picture" role="group" tabIndex={0}>
        <img
          alt={answer.summary[0] ?? 'The lineage as a picture; its edges are listed below'}
          src={`data:image/svg+xml;charset=utf-8,${encodeURIComponent(answer.picture)}`}
        />
      </div>
      {answer.gaps.length === 0 ? (
        <p className="auditlab-Complete">✓ Nothing was found amiss with the lineage.</p>
      ) : (
        <Gaps gaps={answer.gaps} />
      )}
      <section aria-label="Edges" className="auditlab-Part">
        <h2>Edges</h2>
        <table className="auditlab-Table">
          <thead>
            <tr>
              {['From', 'Relation', 'To', 'Stated by', 'At'].map(name => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.edges.slice(0, MOST_EDGES).map((edge, index) => (
              <EdgeRow edge={edge} key={index} />
            ))}
          </tbody>
        </table>
        {left > 0 && <p className="auditlab-Aside">{left} more edges are not listed.</p>}
      </section>
    </article>
  );
}

function EdgeRow({ edge }: { edge: LineageEdge }): React.JSX.Element {
  return (
    <tr>
      <td className="auditlab-Code">{edge.from}</td>
      <td>{edge.relation}</td>
      <td className="auditlab-Code">{edge.to}</td>
      <td>{edge.stated_by}</td>
      <td>{edge.at === null ? '' : instant(edge.at)}</td>
    </tr>
  );
}

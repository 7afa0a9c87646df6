import React from 'react';

import { AnswerWidget } from './answerwidget';
import type { AuditLabClient } from './api';
import { instant } from './format';
import type { LineageAnswer, LineageEdge } from './investigationmessages';
import { Gaps } from './sections';
import { element } from './spelling';
import type { DecisionAddress } from './tokens';

const MOST_EDGES = 200;

/** The way back from one decision to runs, commits and data, in the main area. */
export class LineageWidget extends AnswerWidget<LineageAnswer> {
  constructor(address: DecisionAddress, client: AuditLabClient) {
    const ask = (): Promise<LineageAnswer> => client.lineage(address);
    super(address, { ask, name: 'Lineage', waiting: 'Following the lineage back…' });
  }

  protected override answered(answer: LineageAnswer): React.JSX.Element {
    return <Lineage answer={answer} />;
  }
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

import React from 'react';

import { instant } from './format';
import type { Edge, Finding, Gap, InputValue, LogEvent, Row, Scalar } from './messages';
import { element } from './spelling';

/** A titled part of the page; without children it says what is not there. */
function Section(props: { title: string; none?: string; children?: React.ReactNode }): React.JSX.Element {
  return (
    <section aria-label={props.title} className="auditlab-Part">
      <h2>{props.title}</h2>
      {props.none === undefined ? props.children : <p className="auditlab-Missing">{props.none}</p>}
    </section>
  );
}

/** What is missing to know the decision fully; that nothing is missing is said too. */
export function Gaps({ gaps }: { gaps: Gap[] }): React.JSX.Element {
  if (gaps.length === 0) {
    return <p className="auditlab-Complete">
        ✓ No gaps found. Checked: inputs, the registered version and its artifact’s digest, deployments, lineage, outcome.
      </p>;
  }
  return (
    <section aria-label="Gaps" className="auditlab-Gaps">
      {gaps.map((gap, index) => (
        <div className="auditlab-Callout auditlab-mod-warning" key={index}>
          <p className="auditlab-Callout-what">
            {gap.what} <span className="auditlab-Tag auditlab-Code">{gap.code}</span>
          </p>
          <p className="auditlab-Callout-effect">{gap.effect}</p>
        </div>
      ))}
    </section>
  );
}

/** What is on record and should not be as it is; nothing where nothing was found. */
export function Findings({ findings }: { findings: Finding[] }): React.JSX.Element | null {
  if (findings.length === 0) {
    return null;
  }
  return (
    <section aria-label="Findings" className="auditlab-Gaps">
      {findings.map((finding, index) => (
        <div className="auditlab-Callout auditlab-mod-warning" key={index}>
          <p className="auditlab-Callout-what">
            {finding.what} <span className="auditlab-Tag auditlab-Code">{finding.code}</span>
          </p>
        </div>
      ))}
    </section>
  );
}

export function Inputs({ inputs }: { inputs: InputValue[] }): React.JSX.Element {
  if (inputs.length === 0) {
    return <Section none="No inputs are recorded for this prediction." title="Inputs" />;
  }
  return (
    <Section title="Inputs">
      <table className="auditlab-Table">
        <thead>
          <tr>
            <th scope="col">Feature</th>
            <th className="auditlab-mod-value" scope="col">
              Value
            </th>
            <th scope="col">Unit</th>
          </tr>
        </thead>
        <tbody>
          {inputs.map(input => (
            <tr key={input.feature}>
              <th scope="row">{input.feature}</th>
              <td className="auditlab-mod-value">
                <Value value={input.value} />
              </td>
              <td className="auditlab-Aside">{input.unit}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

export function Outcome({ outcome, label }: { outcome: Row | null; label: string | null }): React.JSX.Element {
  if (outcome === null) {
    return <Section none="No outcome is recorded." title="Outcome" />;
  }
  const observed = written(outcome, 'label');
  const value = written(outcome, 'value');
  return (
    <Section title="Outcome">
      <p>
        <span className="auditlab-Strong">{observed ?? 'recorded without a label'}</span>
        {value !== null && <span className="auditlab-Aside"> (value {value})</span>}
      </p>
      {observed !== null && label !== null && (
        <p>{observed === label ? 'The model had said so.' : `The model had said ${label}.`}</p>
      )}
      <p className="auditlab-Aside">{joined(time(outcome, 'observed_at'), written(outcome, 'source'))}</p>
    </Section>
  );
}

export function Overrides({ overrides }: { overrides: Row[] }): React.JSX.Element {
  if (overrides.length === 0) {
    return <Section none="Nobody overrode this decision." title="Overrides" />;
  }
  return (
    <Section title="Overrides">
      <ul className="auditlab-Entries">
        {overrides.map((override, index) => (
          <li key={index}>
            <p className="auditlab-Strong">
              {written(override, 'decision_before') ?? '?'} → {written(override, 'decision_after') ?? '?'}
            </p>
            <p>{written(override, 'reason')}</p>
            <p className="auditlab-Aside">
              {joined(
                written(override, 'kind'),
                person(override, 'actor'),
                written(override, 'rule'),
                time(override, 'recorded_at')
              )}
            </p>
            {written(override, 'corrected_by') !== null && (
              <p className="auditlab-Aside">Corrected by {written(override, 'corrected_by')}</p>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function Approvals({ approvals }: { approvals: Row[] }): React.JSX.Element {
  if (approvals.length === 0) {
    return <Section none="No approval of this model version is recorded." title="Approvals" />;
  }
  return (
    <Section title="Approvals">
      <ul className="auditlab-Entries">
        {approvals.map((approval, index) => (
          <li key={index}>
            <p>
              <span className="auditlab-Strong">{written(approval, 'act') ?? 'act not recorded'}</span>{' '}
              {joined(person(approval, 'approver'))}
            </p>
            <p>{written(approval, 'reason') ?? written(approval, 'meaning')}</p>
            <p className="auditlab-Aside">{time(approval, 'recorded_at')}</p>
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function Edges({ edges }: { edges: Edge[] }): React.JSX.Element {
  if (edges.length === 0) {
    return <Section none="The log holds no lineage for this model version." title="Lineage" />;
  }
  return (
    <Section title="Lineage">
      <ul className="auditlab-Lineage">
        {edges.map((edge, index) => (
          <li key={index}>
            <span className="auditlab-Code">{edge.from}</span>
            <span className="auditlab-Relation">{edge.relation}</span>
            <span className="auditlab-Code">{edge.to}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

export function Events({ events }: { events: LogEvent[] }): React.JSX.Element {
  if (events.length === 0) {
    return <Section none="No events are recorded around this decision." title="Events" />;
  }
  return (
    <Section title="Events">
      <ol className="auditlab-Events">
        {events.map((event, index) => (
          <li key={index}>
            <span className="auditlab-Aside auditlab-Number">{instant(event.at)}</span>
            <span className="auditlab-Tag">{event.kind ?? 'event'}</span>
            <span>
              {event.summary}
              {event.severity !== null && event.severity !== 'info' && (
                <span className="auditlab-Tag auditlab-mod-warning">{event.severity}</span>
              )}
            </span>
          </li>
        ))}
      </ol>
    </Section>
  );
}

function Value({ value }: { value: Scalar }): React.JSX.Element {
  return value === null ? <span className="auditlab-Missing">missing</span> : <>{String(value)}</>;
}

/** A column of a row as text, or null where it holds nothing that can be read. */
function written(row: Row, column: string): string | null {
  const value = row[column];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

function time(row: Row, column: string): string | null {
  const value = written(row, column);
  return value === null ? null : instant(value);
}

function person(row: Row, column: string): string | null {
  const role = written(row, 'role');
  const name = written(row, column);
  return name !== null && role !== null ? `${name} (${role})` : (name ?? role);
}

function joined(...parts: (string | null)[]): string {
  return parts.filter(part => part !== null).join(' · ');
}

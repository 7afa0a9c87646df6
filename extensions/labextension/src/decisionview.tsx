import React from 'react';

import { instant, score } from './format';
import type { Decision } from './messages';
import { Approvals, Edges, Events, Findings, Gaps, Inputs, Outcome, Overrides } from './sections';
import { ScoreBar } from './scorebar';
import { element } from './spelling';

/** A reconstructed decision: what was decided, on what grounds, and what is missing to know it fully. */
export function DecisionView(props: { decision: Decision; log: string; children?: React.ReactNode }): React.JSX.Element {
  const { decision, log } = props;
  return (
    <article aria-label={`Decision ${decision.prediction_id}`} className="auditlab-Page">
      <Headline decision={decision} log={log} />
      <Findings findings={decision.findings} />
      <Gaps gaps={decision.gaps} />
      <div className="auditlab-Columns">
        <div>
          <Inputs inputs={decision.inputs} />
          <Edges edges={decision.lineage} />
        </div>
        <div>
          <Outcome label={decision.label} outcome={decision.outcome} />
          <Overrides overrides={decision.overrides} />
          <Approvals approvals={decision.approvals} />
        </div>
      </div>
      <Events events={decision.events} />
      {props.children}
    </article>
  );
}

function Headline({ decision, log }: { decision: Decision; log: string }): React.JSX.Element {
  return (
    <header className="auditlab-Headline">
      <p className="auditlab-Eyebrow">
        {decision.model_name ?? 'Model not named'} · {instant(decision.occurred_at)}
      </p>
      <h1 className="auditlab-Verdict">{decision.decision ?? decision.label ?? 'No decision recorded'}</h1>
      <p className="auditlab-Grounds">{grounds(decision)}</p>
      {decision.overrides.length > 0 && <p className="auditlab-Grounds auditlab-Overridden">{afterwards(decision)}</p>}
      <div className="auditlab-Facts">
        <section aria-label="Score" className="auditlab-Fact auditlab-mod-wide">
          <h2>Score against threshold</h2>
          {decision.score === null ? (
            <p className="auditlab-Missing">No score recorded</p>
          ) : (
            <ScoreBar score={decision.score} threshold={decision.threshold} />
          )}
        </section>
        <Versions decision={decision} />
      </div>
      <dl className="auditlab-Where">
        <Place name="Prediction" value={decision.prediction_id} />
        <Place name="Log" value={log} />
        <Place name="Row" value={decision.place} />
        <Place name="Registered artifact" value={decision.artifact_sha256 && `sha256:${decision.artifact_sha256}`} />
        <Place name="Trained on data to" value={decision.training_cutoff && instant(decision.training_cutoff)} />
      </dl>
    </header>
  );
}

function Place({ name, value }: { name: string; value: string | null }): React.JSX.Element | null {
  return value === null ? null : (
    <>
      <dt>{name}</dt>
      <dd className="auditlab-Code">{value}</dd>
    </>
  );
}

function Versions({ decision }: { decision: Decision }): React.JSX.Element {
  const inForce = decision.in_force;
  const agrees = inForce?.agrees ?? null;
  const mark = agrees === null ? 'unknown' : agrees ? 'agrees' : 'disagrees';
  const words = { agrees: '✓ agree', disagrees: '✗ disagree', unknown: '? cannot be compared' }[mark];
  return (
    <section aria-label="Version" className="auditlab-Fact">
      <h2>Version</h2>
      <dl className="auditlab-Pair">
        <dt>stated</dt>
        <dd>{decision.stated_version ?? <span className="auditlab-Missing">none</span>}</dd>
        <dt>in force</dt>
        <dd>{inForce?.versions.join(', ') || <span className="auditlab-Missing">none known</span>}</dd>
      </dl>
      <p className={`auditlab-Agreement auditlab-mod-${mark}`}>{words}</p>
      {inForce !== null && <p className="auditlab-Fact-note">{inForce.statement}</p>}
    </section>
  );
}

/** One sentence on what persons did about the decision since. */
function afterwards({ decision, final_decision: final }: Decision): string {
  return final !== null && final !== decision
    ? `Overridden afterwards; it stands as ${final} by now: see Overrides below.`
    : 'Reviewed afterwards: see Overrides below.';
}

/** One sentence on how the score became the decision. */
function grounds(decision: Decision): string {
  const { decision_rule: rule, label, score: value, threshold } = decision;
  const parts: string[] = [];
  if (value !== null && threshold !== null) {
    const side = value >= threshold ? 'reaches' : 'stays below';
    parts.push(`Score ${score(value, threshold)} ${side} the threshold ${threshold}${label === null ? '' : `: ${label}`}.`);
  }
  if (rule !== null) {
    parts.push(rule === 'threshold' ? 'Decided by the threshold.' : `Decided by the rule ${rule}.`);
  }
  return parts.join(' ');
}

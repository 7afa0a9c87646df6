import React from 'react';

import type { Format } from './auditormodel';
import type { Dossier, Fact } from './jobmessages';
import { element } from './spelling';
import { VerdictNote } from './verdictnote';
import { Lines } from './verification';
import { replayTold } from './verdicts';

/** The answer to a letter about one decision: what, why, whether it comes out again, and what is missing. */
export function DossierView(props: {
  /** Who investigates, as the settings say. */
  actor: string;
  bundle: (actor: string, purpose: string) => void;
  dossier: Dossier;
  files: string[];
  open: { decision: () => void; lineage: () => void; file: (path: string) => void };
  write: (format: Format) => void;
}): React.JSX.Element {
  const { dossier, files, open, write } = props;
  return (
    <section aria-label={`Answer about ${dossier.prediction_id}`} className="auditlab-Part">
      <h2>The answer</h2>
      {dossier.answer.map((sentence, index) => (
        <p className="auditlab-Grounds" key={index}>
          {sentence}
        </p>
      ))}
      <div className="auditlab-Buttons">
        <Button name="Dossier as PDF" press={() => write('pdf')} />
        <Button name="Dossier as a page (HTML)" press={() => write('html')} />
        <Button name="Show the decision" press={open.decision} />
        <Button name="Show its lineage" press={open.lineage} />
      </div>
      <BundleForm actor={props.actor} bundle={props.bundle} />
      {files.length > 0 && (
        <ul aria-label="Written files" className="auditlab-Entries">
          {files.map(file => (
            <li key={file}>
              Written:{' '}
              <button className="auditlab-Link" onClick={() => open.file(file)} type="button">
                {file}
              </button>
            </li>
          ))}
        </ul>
      )}
      <h2>Does it come out again?</h2>
      <VerdictNote told={replayTold(dossier.replay.verdict)} verdict={dossier.replay.verdict}>
        <p>{dossier.replay.meaning}</p>
        <p className="auditlab-Aside">{dossier.replay.why}</p>
      </VerdictNote>
      <Missing dossier={dossier} />
      <Facts facts={dossier.decided} title="What was decided" />
      <Facts facts={dossier.version} title="By which version" />
      <Lines lines={[dossier.why.decided_by, ...dossier.why.sentences, ...dossier.why.reasons]} title="Reasons" />
      <Lines lines={dossier.replay.environment} title="Environment of the replay" />
    </section>
  );
}

/** Who asks for the bundle, and why: its custody record says so. */
function BundleForm(props: { actor: string; bundle: (actor: string, purpose: string) => void }): React.JSX.Element {
  const [actor, setActor] = React.useState(props.actor);
  const [purpose, setPurpose] = React.useState('');
  return (
    <form
      aria-label="Evidence bundle"
      className="auditlab-Bundle"
      onSubmit={event => {
        event.preventDefault();
        props.bundle(actor.trim(), purpose.trim());
      }}
    >
      <label className="auditlab-Field">
        <span>Your name</span>
        <input className="jp-mod-styled" onChange={event => setActor(event.target.value)} required type="text" value={actor} />
      </label>
      <label className="auditlab-Field">
        <span>Why</span>
        <input
          className="jp-mod-styled"
          onChange={event => setPurpose(event.target.value)}
          placeholder="complaint 2026/17"
          required
          type="text"
          value={purpose}
        />
      </label>
      <button className="jp-Button jp-mod-styled jp-mod-minimal" type="submit">
        Evidence bundle
      </button>
      <small className="auditlab-Aside">
        One signed archive with the decision, its replay, reasons and lineage, which a stranger can check.
      </small>
    </form>
  );
}

function Button({ name, press }: { name: string; press: () => void }): React.JSX.Element {
  return (
    <button className="jp-Button jp-mod-styled jp-mod-minimal" onClick={press} type="button">
      {name}
    </button>
  );
}

function Missing({ dossier }: { dossier: Dossier }): React.JSX.Element {
  return (
    <section aria-label="What is missing" className="auditlab-Part">
      <h2>What is missing</h2>
      {dossier.wanting.length === 0 && (
        <p className="auditlab-Complete">✓ Nothing that should be on record was found missing.</p>
      )}
      {dossier.wanting.map((gap, index) => (
        <div className="auditlab-Callout auditlab-mod-warning" key={index}>
          <p className="auditlab-Callout-what">
            {gap.what} <span className="auditlab-Tag auditlab-Code">{gap.code}</span>
          </p>
          <p>{gap.effect}</p>
          <p className="auditlab-Aside">
            <b>Who can close it:</b> {gap.owner.duty}
            {gap.owner.names.length > 0 ? `: ${gap.owner.names.join('; ')}` : '; the log names nobody'}
          </p>
        </div>
      ))}
    </section>
  );
}

function Facts({ facts, title }: { facts: Fact[]; title: string }): React.JSX.Element {
  return (
    <section aria-label={title} className="auditlab-Part">
      <h2>{title}</h2>
      <dl className="auditlab-Where">
        {facts.map((fact, index) => (
          <React.Fragment key={index}>
            <dt>{fact.name}</dt>
            <dd>{fact.value}</dd>
          </React.Fragment>
        ))}
      </dl>
    </section>
  );
}

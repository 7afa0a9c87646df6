import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import type { AuditorModel } from './auditormodel';
import { DossierView } from './dossierview';
import { count } from './format';
import { auditIcon } from './icon';
import type { Candidate, LetterAnswer } from './investigationmessages';
import { JobProgress } from './jobview';
import { ItemList } from './itemlist';
import type { Letter } from './letterform';
import { ProblemNote } from './problem';
import { element } from './spelling';
import type { DecisionAddress } from './tokens';
import { TrustField } from './verification';

/** What the form can open elsewhere. */
export interface Doors {
  decision: (address: DecisionAddress) => void;
  lineage: (address: DecisionAddress) => void;
  file: (path: string) => void;
  verify: (log: string, trust: string) => void;
}

interface Field {
  name: keyof Letter;
  label: string;
  help: string;
}

const FIELDS: readonly Field[] = [
  { name: 'id', label: 'Decision id', help: 'As it stands in the letter or the log. With it, nothing else is needed.' },
  { name: 'customer', label: 'Customer number', help: 'Needs the pseudonym key on the server.' },
  { name: 'subject', label: 'Pseudonym', help: 'Instead of a customer number: the subject id of the log.' },
  { name: 'around', label: 'Date or time', help: 'A date, or a rough time like 2015-07-06 09:00.' },
  { name: 'zone', label: 'Time zone', help: 'In which that time is local, like America/New_York or UTC: a date or time needs it.' },
  { name: 'within', label: 'How far off', help: '30m, 2h, 1d or 1w around that time.' },
  { name: 'amount', label: 'Amount', help: 'Any amount that the letter names.' },
  { name: 'decision', label: 'What was decided', help: 'In the word that the letter uses, like deny.' }
];

/** The form for whoever writes no Python: find a decision, read its answer, take the dossier along. */
export class AuditorWidget extends ReactWidget {
  constructor(
    readonly model: AuditorModel,
    private readonly doors: Doors,
    /** Who investigates, as the settings say. */
    private readonly actor: () => string
  ) {
    super();
    this.addClass('auditlab-Decision');
    this.title.icon = auditIcon;
    this.title.label = 'Replay a decision';
    this.title.caption = 'Find one decision, replay it, and take its dossier along';
    this.node.tabIndex = -1;
    void model.refresh();
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.model.changed}>{() => <Auditor actor={this.actor()} doors={this.doors} model={this.model} />}</UseSignal>;
  }
}

function Auditor(props: { actor: string; model: AuditorModel; doors: Doors }): React.JSX.Element {
  const { model, doors } = props;
  const { job, dossier, reference } = model;
  return (
    <article aria-label="Replay a decision" className="auditlab-Page">
      <h1 className="auditlab-Verdict">Replay a decision</h1>
      <form
        aria-label="Which decision"
        onSubmit={event => {
          event.preventDefault();
          void model.search();
        }}
      >
        <Logs model={model} />
        <Whole model={model} verify={doors.verify} />
        <div className="auditlab-Fields">
          {FIELDS.map(field => (
            <div className="auditlab-Field" key={field.name}>
              <label htmlFor={`auditlab-${field.name}`}>{field.label}</label>
              <input
                aria-describedby={`auditlab-${field.name}-help`}
                className="jp-mod-styled"
                id={`auditlab-${field.name}`}
                name={field.name}
                onChange={event => model.fill({ [field.name]: event.target.value })}
                spellCheck={false}
                type="text"
                value={model.letter[field.name]}
              />
              <small className="auditlab-Aside" id={`auditlab-${field.name}-help`}>
                {field.help}
              </small>
            </div>
          ))}
        </div>
        <button className="jp-Button jp-mod-styled jp-mod-accept" type="submit">
          Find the decision
        </button>
        {model.hint !== null && (
          <p className="auditlab-Hint" role="alert">
            {model.hint}
          </p>
        )}
      </form>
      <Found model={model} />
      {model.problem !== null && (
        <ProblemNote choose={place => void model.answer(place)} problem={model.problem} />
      )}
      {job !== null && <JobProgress cancel={() => void model.cancel()} job={job} />}
      {job?.state === 'cancelled' && <p className="auditlab-Hint">Cancelled.</p>}
      {dossier !== null && reference !== null && (
        <DossierView
          actor={props.actor}
          bundle={(actor, purpose) => void model.bundle(actor, purpose)}
          dossier={dossier}
          files={model.files}
          open={{
            decision: () => doors.decision({ log: model.log, reference }),
            file: doors.file,
            lineage: () => doors.lineage({ log: model.log, reference })
          }}
          write={format => void model.answer(reference, format)}
        />
      )}
    </article>
  );
}

function Logs({ model }: { model: AuditorModel }): React.JSX.Element {
  if (model.logs.state === 'failed') {
    return <ProblemNote problem={model.logs.problem} />;
  }
  const logs = model.logs.state === 'answered' ? model.logs.value.logs : [];
  return (
    <label className="auditlab-Field">
      <span>Audit log</span>
      <select
        className="jp-mod-styled"
        name="log"
        onChange={event => model.choose(event.target.value)}
        value={model.log}
      >
        <option value="">{model.logs.state === 'answered' ? 'Choose a log' : 'Looking for logs…'}</option>
        {logs.map(log => (
          <option disabled={log.problem !== null} key={log.path} value={log.path}>
            {log.path}
            {log.problem === null ? ` (${count(log.predictions ?? 0, 'prediction')})` : ' (cannot be read)'}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Whether the log is whole: asked before anything is read out of it. */
function Whole(props: { model: AuditorModel; verify: Doors['verify'] }): React.JSX.Element {
  const { model, verify } = props;
  return (
    <details className="auditlab-More">
      <summary>Is the log whole?</summary>
      <TrustField set={trust => model.accept(trust)} trust={model.trust} />
      <button
        className="jp-Button jp-mod-styled jp-mod-minimal"
        disabled={model.log === ''}
        onClick={() => verify(model.log, model.trust)}
        type="button"
      >
        Verify this log
      </button>
    </details>
  );
}

function Found({ model }: { model: AuditorModel }): React.JSX.Element | null {
  switch (model.found.state) {
    case 'asking':
      return (
        <p className="auditlab-Hint" role="status">
          Searching the log…
        </p>
      );
    case 'failed':
      return <ProblemNote problem={model.found.problem} />;
    case 'answered':
      return <Candidates answer={model.found.value} choose={place => void model.answer(place)} />;
    default:
      return null;
  }
}

function Candidates(props: { answer: LetterAnswer; choose: (place: string) => void }): React.JSX.Element {
  const { answer } = props;
  return (
    <section aria-label="Decisions that match" className="auditlab-Part">
      <h2>Decisions that the letter may speak of</h2>
      {answer.summary.map((line, index) => (
        <p className="auditlab-Aside" key={index}>
          {line}
        </p>
      ))}
      <ItemList label="Candidates">
        {answer.candidates.map(candidate => (
          <li key={candidate.place}>
            <CandidateItem asked={answer.asked.length} candidate={candidate} choose={props.choose} />
          </li>
        ))}
      </ItemList>
    </section>
  );
}

function CandidateItem(props: {
  candidate: Candidate;
  asked: number;
  choose: (place: string) => void;
}): React.JSX.Element {
  const { candidate } = props;
  return (
    <button className="auditlab-Item" onClick={() => props.choose(candidate.place)} type="button">
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-name">{candidate.decision ?? 'no decision'}</span>
        <span className="auditlab-Item-aside">
          matches {candidate.matches} of {props.asked}
        </span>
      </span>
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-id">{candidate.prediction_id}</span>
        <span className="auditlab-Item-aside">{candidate.local_time}</span>
      </span>
      <span className="auditlab-Item-detail">{candidate.why}</span>
    </button>
  );
}

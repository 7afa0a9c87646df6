import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { problemOf } from './api';
import { auditIcon } from './icon';
import { isOpen, type Job, type Verification } from './jobmessages';
import type { JobsModel } from './jobs';
import { JobProgress } from './jobview';
import type { Problem } from './messages';
import { nameOf } from './paths';
import { ProblemNote } from './problem';
import { element, spelled } from './spelling';
import { VerdictNote } from './verdictnote';
import { verificationTold } from './verdicts';

/** What is verified: a log's folder or a bundle's file, as the file browser names it. */
export interface Verified {
  kind: 'verify-log' | 'verify-bundle';
  path: string;
}

/** The verification of a log or a bundle, in the main area: how far it is, then its report. */
export class VerificationWidget extends ReactWidget {
  constructor(
    private _verified: Verified,
    private readonly jobs: JobsModel,
    /** The trust file whose keys are accepted, as the file browser names it; the empty text for none. */
    private trust: string
  ) {
    super();
    this.addClass('auditlab-Decision');
    this.title.icon = auditIcon;
    this.node.tabIndex = -1;
    this.moved(_verified.path);
    jobs.ended.connect(this.onEnded, this);
  }

  get verified(): Verified {
    return this._verified;
  }

  /** It has another path by now. */
  moved(path: string): void {
    this._verified = { ...this._verified, path };
    this.title.label = spelled(`Verification ${nameOf(path)}`);
    this.title.caption = spelled(`Verification of ${path}`);
    this.update();
  }

  /** Verify, or verify again; with another trust file, if one is named. */
  async begin(trust = this.trust): Promise<void> {
    this.trust = trust.trim();
    const { kind, path } = this._verified;
    const accepted = this.trust === '' ? {} : { trust: this.trust };
    await this.take(() =>
      this.jobs.begin(kind === 'verify-log' ? { kind, log: path, ...accepted } : { kind, bundle: path, ...accepted })
    );
  }

  /** Show a verification that was made before. */
  async showJob(id: string): Promise<void> {
    await this.take(() => this.jobs.read(id));
  }

  override dispose(): void {
    this.jobs.ended.disconnect(this.onEnded, this);
    super.dispose();
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.jobs.changed}>{() => this.content()}</UseSignal>;
  }

  private content(): React.JSX.Element {
    const { kind, path } = this._verified;
    const job = this.job === null ? null : isOpen(this.job) ? (this.jobs.find(this.job.id) ?? this.job) : this.job;
    const result = job?.result ?? null;
    return (
      <article aria-label={`Verification of ${path}`} className="auditlab-Page">
        <p className="auditlab-Eyebrow">{kind === 'verify-log' ? 'Audit log' : 'Evidence bundle'}</p>
        <h1 className="auditlab-Verdict">{path}</h1>
        {this.problem !== null && <ProblemNote problem={this.problem} />}
        {job !== null && <JobProgress cancel={id => void this.jobs.cancel(id)} job={job} />}
        {job?.problem != null && <ProblemNote problem={job.problem} />}
        {job?.state === 'cancelled' && <p className="auditlab-Hint">Cancelled. Nothing is known of it.</p>}
        {result?.verification != null && <Report report={result.verification} sealed={result.sealed} />}
        {(job === null || !isOpen(job)) && <Again trust={this.trust} verify={trust => void this.begin(trust)} />}
      </article>
    );
  }

  private async take(asking: () => Promise<Job>): Promise<void> {
    try {
      this.job = await asking();
      this.problem = null;
    } catch (error) {
      this.problem = problemOf(error);
    }
    this.update();
  }

  private onEnded(_: JobsModel, job: Job): void {
    if (job.id === this.job?.id) {
      void this.take(() => this.jobs.read(job.id));
    }
  }

  private job: Job | null = null;
  private problem: Problem | null = null;
}

/** Verify again, and with which keys. */
function Again(props: { trust: string; verify: (trust: string) => void }): React.JSX.Element {
  const [trust, setTrust] = React.useState(props.trust);
  return (
    <form
      aria-label="Verify again"
      className="auditlab-Part"
      onSubmit={event => {
        event.preventDefault();
        props.verify(trust);
      }}
    >
      <h2>Verify again</h2>
      <TrustField set={setTrust} trust={trust} />
      <button className="jp-Button jp-mod-styled jp-mod-minimal" type="submit">
        Verify again
      </button>
    </form>
  );
}

/** The field that names a trust file. */
export function TrustField(props: { trust: string; set: (trust: string) => void }): React.JSX.Element {
  return (
    <label className="auditlab-Field">
      <span>Trust file</span>
      <input
        className="jp-mod-styled"
        name="trust"
        onChange={event => props.set(event.target.value)}
        placeholder="such as keys/office.trust.toml"
        spellCheck={false}
        type="text"
        value={props.trust}
      />
      <small className="auditlab-Aside">
        Below the server’s folder; it pins the keys that you accept. Get it by another way than what it judges.
      </small>
    </label>
  );
}

function Report({ report, sealed }: { report: Verification; sealed: boolean }): React.JSX.Element {
  return (
    <>
      <VerdictNote told={verificationTold(report.verdict, sealed)} verdict={report.verdict} />
      {report.findings.length > 0 && (
        <section aria-label="Findings" className="auditlab-Part">
          <h2>Findings</h2>
          <ol className="auditlab-Entries">
            {report.findings.map((finding, index) => (
              <li key={index}>
                <p>
                  <span className="auditlab-Code">{finding.file}</span>: {finding.meaning}{' '}
                  <span className="auditlab-Tag auditlab-Code">{finding.code}</span>
                </p>
                <p className="auditlab-Aside">{finding.next_step}</p>
              </li>
            ))}
          </ol>
        </section>
      )}
      <Lines lines={report.notes} title="Note" />
      {sealed && <Lines lines={report.signers} none="No accepted signature." title="Signed by" />}
      {sealed && <Lines lines={report.anchors} none="Nothing outside the signer’s reach." title="Held in time by" />}
      <Lines lines={report.checked} title="Checked" />
      <Lines lines={report.not_checked} title="Not checked" />
    </>
  );
}

/** A titled list; without lines nothing, or what to say of that. */
export function Lines(props: { title: string; lines: string[]; none?: string }): React.JSX.Element | null {
  if (props.lines.length === 0 && props.none === undefined) {
    return null;
  }
  return (
    <section aria-label={props.title} className="auditlab-Part">
      <h2>{props.title}</h2>
      {props.lines.length === 0 ? (
        <p className="auditlab-Missing">{props.none}</p>
      ) : (
        <ul>
          {props.lines.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

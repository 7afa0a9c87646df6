import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { instant } from './format';
import { isOpen, type Job } from './jobmessages';
import type { JobsModel } from './jobs';
import { JobProgress, jobName } from './jobview';
import { ProblemNote } from './problem';
import { element } from './spelling';

/** The panel's section of jobs: what the server is doing, and what it did. */
export class JobsWidget extends ReactWidget {
  constructor(
    private readonly model: JobsModel,
    private readonly open: (job: Job) => void
  ) {
    super();
    this.addClass('auditlab-Section');
    this.title.label = 'Jobs';
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.model.changed}>
        {() => (
          <>
            {this.model.problem !== null && <ProblemNote problem={this.model.problem} />}
            {this.model.jobs.length === 0 && (
              <p className="auditlab-Hint">Verifications, dossiers and exports that take long are shown here.</p>
            )}
            <ul aria-label="Jobs" className="auditlab-List">
              {this.model.jobs.map(job => (
                <li className="auditlab-Job" key={job.id}>
                  <JobItem cancel={id => void this.model.cancel(id)} job={job} open={this.open} />
                </li>
              ))}
            </ul>
          </>
        )}
      </UseSignal>
    );
  }
}

function JobItem(props: { job: Job; cancel: (id: string) => void; open: (job: Job) => void }): React.JSX.Element {
  const { job } = props;
  return (
    <>
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-name">{jobName(job)}</span>
        {!isOpen(job) && <span className="auditlab-Item-aside">{job.state}</span>}
      </span>
      <JobProgress cancel={props.cancel} job={job} />
      {job.problem !== null && <ProblemNote problem={job.problem} />}
      {!isOpen(job) && <span className="auditlab-Item-detail">{instant(job.ended_at)}</span>}
      {job.state === 'done' && (
        <button
          aria-label={`Show the result: ${jobName(job)}`}
          className="jp-Button jp-mod-styled jp-mod-minimal"
          onClick={() => props.open(job)}
          type="button"
        >
          Show result
        </button>
      )}
    </>
  );
}

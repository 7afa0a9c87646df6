import React from 'react';

import { isOpen, type Job } from './jobmessages';
import { element } from './spelling';

const KINDS: Readonly<Record<string, string>> = {
  bundle: 'Evidence bundle about',
  dossier: 'Dossier',
  export: 'Export of the case',
  'verify-bundle': 'Verification of the bundle',
  'verify-log': 'Verification of the log'
};

/** What a job is and is about, in words. */
export function jobName(job: Job): string {
  return `${KINDS[job.kind] ?? job.kind} ${job.about}`;
}

/** How far a job is, with the button that ends it; nothing for one that has ended. */
export function JobProgress({ job, cancel }: { job: Job; cancel: (id: string) => void }): React.JSX.Element | null {
  if (!isOpen(job)) {
    return null;
  }
  const { progress } = job;
  const total = progress?.total ?? null;
  const words = job.state === 'waiting' ? 'waiting for its turn' : progress === null ? 'starting' : told(progress);
  return (
    <div className="auditlab-Progress">
      <progress
        aria-label={`Progress: ${jobName(job)}`}
        aria-valuetext={words}
        {...(total !== null && total > 0 && progress !== null ? { max: total, value: Math.min(progress.done, total) } : {})}
      />
      <span className="auditlab-Aside" role="status">
        {words}
      </span>
      <button
        aria-label={`Cancel: ${jobName(job)}`}
        className="jp-Button jp-mod-styled jp-mod-minimal"
        onClick={() => cancel(job.id)}
        type="button"
      >
        Cancel
      </button>
    </div>
  );
}

function told({ what, done, total }: { what: string; done: number; total: number | null }): string {
  if (total !== null) {
    return `${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} ${what}`;
  }
  return done > 0 ? `${done.toLocaleString('en-US')} ${what}` : what;
}

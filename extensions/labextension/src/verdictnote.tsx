import React from 'react';

import { element } from './spelling';
import type { Told } from './verdicts';

/** A verdict with what it means and what to do next; its colour is never all that tells it. */
export function VerdictNote(props: { verdict: string; told: Told; children?: React.ReactNode }): React.JSX.Element {
  const { verdict, told } = props;
  return (
    <section aria-label={`Verdict ${verdict}`} className={`auditlab-Callout auditlab-mod-${told.mark}`}>
      <p className="auditlab-Callout-what">{verdict}</p>
      <p>{told.means}</p>
      <p>
        <b>What to do next:</b> {told.next}
      </p>
      {props.children}
    </section>
  );
}

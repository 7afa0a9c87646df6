import React from 'react';

import type { Problem } from './messages';
import { element } from './spelling';

/** What went wrong and what to do next; the places of an ambiguous id can be chosen. */
export function ProblemNote(props: {
  problem: Problem;
  choose?: ((place: string) => void) | undefined;
  children?: React.ReactNode;
}): React.JSX.Element {
  const { problem, choose } = props;
  return (
    <div className="auditlab-Callout auditlab-mod-error" role="alert">
      <p className="auditlab-Callout-what">{problem.message}.</p>
      <p className="auditlab-Callout-effect">{problem.next_step}</p>
      {choose !== undefined && problem.places.length > 0 && (
        <ul className="auditlab-Places">
          {problem.places.map(place => (
            <li key={place}>
              <button className="auditlab-Link" type="button" onClick={() => choose(place)}>
                {place}
              </button>
            </li>
          ))}
        </ul>
      )}
      {props.children}
    </div>
  );
}

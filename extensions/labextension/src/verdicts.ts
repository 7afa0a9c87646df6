/** What each verdict means to somebody who has not read the documentation, and what to do next. */

import { instant } from './format';
import type { Integrity } from './messages';

export type Mark = 'good' | 'warning' | 'bad' | 'none';

export interface Told {
  mark: Mark;
  means: string;
  next: string;
}

/** A row of the help page: words that are shown, what they mean, and what to do next. */
export interface Meaning {
  words: string;
  means: string;
  next: string;
}

const VERIFY = 'Press Verify to check it down to every row.';

const UNKNOWN: Told = {
  mark: 'warning',
  means: 'This version of the panel does not know this verdict.',
  next: 'Ask whoever runs the server to install panel and library of one version.'
};

const VERIFICATIONS: Readonly<Record<string, Told>> = {
  VERIFIED: {
    mark: 'good',
    means: 'Everything that was checked holds, and something outside the signer’s reach holds it in time.',
    next: 'Rely on it, within what the list of things not checked says.'
  },
  UNANCHORED: {
    mark: 'warning',
    means: 'Everything that was checked holds, but whoever has the key could have made it all today.',
    next: 'Ask for a time stamp or a witness’s checkpoint if it matters when it was made.'
  },
  STALE: {
    mark: 'bad',
    means: 'It is valid, and older than what was already seen here: something newer was left out.',
    next: 'Ask for the present state, and why the newer one was withheld.'
  },
  FAILED: {
    mark: 'bad',
    means: 'It was examined and is not what it should be.',
    next: 'Do not rely on it. Read each finding; it says what to do.'
  },
  REFUSED: {
    mark: 'bad',
    means: 'It was not examined further: it is not safely what it claims to be, or nobody accepted signed it.',
    next: 'Do not unpack or open it. Ask the sender for a proper bundle, and for their key by another way.'
  }
};

/** Of a log without a seal there is no key to speak of. */
const UNSEALED: Told = {
  mark: 'warning',
  means:
    'Its files are those that its manifest states. It is not sealed: whoever can change a file can change the manifest too.',
  next: 'Seal it (audit-lab seal), so that later changes show, and keep its manifest’s digest where its writer cannot reach it.'
};

const REPLAYS: Readonly<Record<string, Told>> = {
  EXACT: {
    mark: 'good',
    means: 'The recorded model gives the recorded answer again, to the last bit.',
    next: 'Nothing is to be done about the replay.'
  },
  WITHIN_TOLERANCE: {
    mark: 'good',
    means: 'The recorded model gives the recorded answer again, within the tolerance that is stated.',
    next: 'Nothing is to be done, unless the score lies at the threshold: then look at the distance.'
  },
  DIVERGED: {
    mark: 'bad',
    means: 'The recorded model gives another answer than the one on record.',
    next: 'Open an investigation: ask which model, input or rule really decided.'
  },
  UNREPLAYABLE: {
    mark: 'warning',
    means: 'What is on record does not suffice to run the decision again.',
    next: 'Ask the owner of the gap that is named; until then the decision rests on the record alone.'
  }
};

const UNVERIFIED = 'Nobody verified this state of it here.';

export const BADGES: readonly Meaning[] = [
  { words: 'not sealed', means: UNSEALED.means, next: `${UNSEALED.next} ${VERIFY}` },
  { words: 'sealed, not verified', means: UNVERIFIED, next: VERIFY },
  {
    words: 'a verdict and a time',
    means: 'How the last verification here of exactly this state of the log ended, and when.',
    next: 'Read below what the verdict means. A log that grew or was sealed anew since counts as not verified.'
  },
  {
    words: 'a verdict and a number',
    means: 'The last verification here of this state failed, with so many findings.',
    next: 'Press Verify to read each finding, and what to do about it.'
  },
  {
    words: 'cannot be read',
    means: 'The log is damaged, or its files lie outside the server’s folder.',
    next: 'Read the sentence below its name: it names the file.'
  }
];

export const VERIFICATION_MEANINGS: readonly Meaning[] = [
  ...rows(VERIFICATIONS),
  { words: 'UNANCHORED, of a log without a seal', means: UNSEALED.means, next: UNSEALED.next }
];

export const REPLAY_MEANINGS: readonly Meaning[] = rows(REPLAYS);

/** What the verdict of a verification means; `sealed` is false of a log that has no seal. */
export function verificationTold(verdict: string, sealed = true): Told {
  return verdict === 'UNANCHORED' && !sealed ? UNSEALED : told(VERIFICATIONS, verdict);
}

export function replayTold(verdict: string): Told {
  return told(REPLAYS, verdict);
}

/** The badge of a log in a few words, their mark, and what they mean with what to do next. */
export function badge(integrity: Integrity): { words: string; mark: Mark; told: string } {
  const { sealed, verdict, verified_at: at, findings } = integrity;
  if (verdict === null) {
    return sealed
      ? { words: 'sealed, not verified', mark: 'none', told: `${UNVERIFIED} ${VERIFY}` }
      : { words: 'not sealed', mark: 'none', told: `${UNSEALED.next} ${VERIFY}` };
  }
  const { mark, means, next } = verificationTold(verdict, sealed);
  const words =
    mark === 'bad' ? `${verdict}: ${findings} ${findings === 1 ? 'finding' : 'findings'}` : `${verdict}, ${instant(at)}`;
  return { words, mark, told: `${means} ${next}` };
}

function told(verdicts: Readonly<Record<string, Told>>, verdict: string): Told {
  return (Object.hasOwn(verdicts, verdict) ? verdicts[verdict] : undefined) ?? UNKNOWN;
}

function rows(verdicts: Readonly<Record<string, Told>>): Meaning[] {
  return Object.entries(verdicts).map(([words, { means, next }]) => ({ words, means, next }));
}

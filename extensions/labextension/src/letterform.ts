/** What the auditor typed into the form, and what is asked of the server with it. */

export interface Letter {
  id: string;
  customer: string;
  subject: string;
  around: string;
  zone: string;
  within: string;
  amount: string;
  decision: string;
}

export const EMPTY_LETTER: Letter = {
  id: '',
  customer: '',
  subject: '',
  around: '',
  zone: '',
  within: '2h',
  amount: '',
  decision: ''
};

/** The clues that were given; `within` and `zone` are none by themselves. */
export function clues(letter: Letter): Record<string, string> {
  const given = Object.entries(letter).map(([name, value]): [string, string] => [name, value.trim()]);
  return Object.fromEntries(given.filter(([name, value]) => name !== 'id' && value !== ''));
}

/** Whether there is anything to search for; else what to do, in a sentence. */
export function lacking(log: string, letter: Letter): string | null {
  if (log === '') {
    return 'Choose the audit log first.';
  }
  const { within: _, zone: __, ...rest } = clues(letter);
  if (letter.id.trim() === '' && Object.keys(rest).length === 0) {
    return 'Give the id of the decision, or something that the letter says.';
  }
  return null;
}

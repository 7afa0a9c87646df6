/** The Python that the extension writes into a notebook: always literals, never text that could run. */

/** Characters that a reader could not see, or that would end the line or reorder it: written as escapes. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\ufeff\ufff9-\ufffb]|\p{Cs}/gu;

/** Write a text as a Python string literal in double quotes. */
export function pythonString(value: string): string {
  const escaped = value
    .replace(/\\/g, '\\\\')
    .replace(/"/g, '\\"')
    .replace(INVISIBLE, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${escaped}"`;
}

/**
 * The cell that reconstructs one decision.
 *
 * @param log - the log's folder, relative to the folder in which the notebook's kernel runs
 * @param reference - a prediction id, or a place `id@segment:row`
 */
export function decisionCell(log: string, reference: string): string {
  return [
    'import audit_lab as al',
    '',
    `log = al.open(${pythonString(log)})`,
    `decision = log.decision(${pythonString(reference)})`,
    'decision'
  ].join('\n');
}

/**
 * The cell that opens a case.
 *
 * @param folder - the case's folder, relative to the folder in which the notebook's kernel runs
 * @param actor - who investigates; the empty text for whom the case names
 */
export function openCaseCell(folder: string, actor: string): string {
  const who = actor === '' ? '' : `, actor=${pythonString(actor)}`;
  return ['import audit_lab as al', '', `case = al.Case.open(${pythonString(folder)}${who})`, 'case'].join('\n');
}

/**
 * The cell that keeps the output of another as an exhibit of the open case, with the code that made it.
 *
 * The output is found by its code, so that the cell does the same in a clean kernel, which counts anew; a cell with
 * magics, which Python sees otherwise, is found by its number.
 *
 * @param count - the number in the square brackets of the other cell
 */
export function keepCell(count: number, title: string, code: string): string {
  const { source, output } = found(count, code);
  return [`source = ${pythonString(source)}`, `case.keep(${output}, ${pythonString(title)}, code=source)`].join('\n');
}

/**
 * The cell that keeps the view that another cell answered, as it is by now, with the code that shows it so again.
 *
 * What is chosen in the view is chosen in this cell too: in a clean kernel it so keeps the same.
 *
 * @param count - the number in the square brackets of the other cell
 * @param choices - what is chosen in the view: Python literals by the names of its controls
 */
export function keepViewCell(count: number, title: string, code: string, choices: Record<string, string>): string {
  const { source, output } = found(count, code);
  const chosen = Object.entries(choices).map(([name, value]) => `${name}=${value}`);
  return [
    `source = ${pythonString(source)}`,
    `view = ${output}`,
    ...(chosen.length === 0 ? [] : [`view.choose(${chosen.join(', ')})`]),
    `view.keep(case, ${pythonString(title)})`
  ].join('\n');
}

function found(count: number, code: string): { source: string; output: string } {
  const source = code.replace(/\n+$/, '');
  const isMagic = /^\s*[%!?]|\?\s*$/m.test(source);
  return { source, output: isMagic ? `Out[${count}]` : 'Out[max(n for n in Out if In[n] == source)]' };
}

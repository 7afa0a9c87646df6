import type { NotebookPanel } from '@jupyterlab/notebook';

import { VIEW } from './shownview';

type Cell = NonNullable<NotebookPanel['content']['activeCell']>;

/** What is chosen in a view: what a Python literal says, by the name of its control. */
export type Choices = Record<string, string>;

/** Whether what a cell answered is a view. */
export function isView(cell: Cell): boolean {
  const outputs = member(cell.model.sharedModel.toJSON(), 'outputs');
  const answers = Array.isArray(outputs) ? outputs.map(one => member(one, 'data')) : [];
  return answers.some(data => member(data, VIEW) !== undefined);
}

/**
 * Ask the kernel what is chosen by now in the view that a cell answered.
 *
 * @param count - the number in the square brackets of the cell
 * @returns null where the kernel knows of no such view
 */
export async function choicesIn(panel: NotebookPanel, count: number): Promise<Choices | null> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return null;
  }
  const written = `{name: repr(value) for name, value in Out[${count}].choices().items()}`;
  const asked = { choices: `__import__("IPython.display").display.JSON(${written})` };
  const { content } = await kernel.requestExecute({ code: '', silent: true, user_expressions: asked }).done;
  const answered = content.status === 'ok' ? content.user_expressions['choices'] : undefined;
  return answered === undefined ? null : read(answered);
}

function read(answered: unknown): Choices | null {
  const data = member(answered, 'data');
  const choices = member(data, 'application/json');
  if (typeof choices !== 'object' || choices === null) {
    return null;
  }
  const entries = Object.entries(choices).map(([name, value]): [string, string] => [name, String(value)]);
  return entries.every(([name]) => /^[a-z_]+$/.test(name)) ? Object.fromEntries(entries) : null;
}

/** The member of an object, undefined where there is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

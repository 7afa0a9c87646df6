import type { NotebookPanel } from '@jupyterlab/notebook';

import { member } from './viewchoices';

/** A kernel that works on something else answers when it is done, and is not waited for longer than this. */
const PATIENCE_MS = 2_000;

/**
 * The id of the case that is open in a notebook's kernel, as `case`: null for none.
 *
 * @returns undefined where the kernel is too busy to say
 */
export async function openCaseId(panel: NotebookPanel): Promise<string | null | undefined> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return null;
  }
  const written = '{"id": case.case_id if hasattr(case, "keep") else None}';
  const asked = { open: `__import__("IPython.display").display.JSON(${written})` };
  // A notebook that is closed meanwhile, and a kernel that ends, say nothing.
  const answer = kernel.requestExecute({ code: '', silent: true, user_expressions: asked }).done.catch(() => null);
  const late = new Promise<null>(resolve => setTimeout(() => resolve(null), PATIENCE_MS));
  const reply = await Promise.race([answer, late]);
  if (reply === null) {
    return undefined;
  }
  const expressions = reply.content.status === 'ok' ? reply.content.user_expressions : undefined;
  const id = member(member(member(member(expressions, 'open'), 'data'), 'application/json'), 'id');
  return typeof id === 'string' ? id : null;
}

/** Whether a case is open in a notebook's kernel, as `case`; also where the kernel is too busy to say. */
export async function hasOpenCase(panel: NotebookPanel): Promise<boolean> {
  const kernel = panel.sessionContext.session?.kernel;
  if (!kernel) {
    return false;
  }
  const asked = { open: 'hasattr(globals().get("case"), "keep")' };
  const answer = kernel.requestExecute({ code: '', silent: true, user_expressions: asked }).done;
  const late = new Promise<null>(resolve => setTimeout(() => resolve(null), PATIENCE_MS));
  const reply = await Promise.race([answer, late]);
  const expressions = reply?.content.status === 'ok' ? reply.content.user_expressions : undefined;
  return reply === null || member(member(member(expressions, 'open'), 'data'), 'text/plain') === 'True';
}

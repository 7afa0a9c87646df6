import type { NotebookPanel } from '@jupyterlab/notebook';

import { member } from './viewchoices';

/** A kernel that works on something else answers when it is done, and is not waited for longer than this. */
const PATIENCE_MS = 2_000;

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

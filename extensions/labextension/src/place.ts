import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Widget } from '@lumino/widgets';

/** Show a widget as a tab of the main area; where that holds one document only, as in Notebook 7, beside it. */
export function show(app: JupyterFrontEnd, widget: Widget): void {
  if (widget.parent === null) {
    app.shell.add(widget, 'main', { type: 'Audit Lab' });
  }
  if (widget.parent === null) {
    app.shell.add(widget, 'right');
    widget.addClass('auditlab-mod-beside');
  }
  app.shell.activateById(widget.id);
}

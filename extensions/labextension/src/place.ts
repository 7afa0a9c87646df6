import type { JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
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
  if (widget instanceof MainAreaWidget) {
    widget.content.node.tabIndex = 0; // else a page longer than the window cannot be scrolled by keyboard
  }
  app.shell.activateById(widget.id);
}

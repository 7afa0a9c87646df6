import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { NotebookPanel } from '@jupyterlab/notebook';

import { ownKeys } from './ownkeys';
import { SHOWN, ShownView, VIEW } from './shownview';

/** Before the widgets' own rank, which is -10: where there is no kernel they would show an error, or nothing. */
const RANK = -20;

/** Shows views in notebooks, with a kernel and without one. */
export const viewPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:view',
  description: 'Shows views in notebooks, and their static rendering where there is no kernel.',
  autoStart: true,
  requires: [INotebookTracker],
  activate: (_: JupyterFrontEnd, notebooks: INotebookTracker) => {
    const add = (notebook: NotebookPanel): void =>
      notebook.content.rendermime.addFactory(
        // Live widgets run code, so that an output that is not trusted is shown as cleaned HTML, as Jupyter does.
        { safe: false, mimeTypes: [VIEW], createRenderer: () => new ShownView(notebook) },
        RANK
      );
    ownKeys(SHOWN);
    notebooks.forEach(add);
    notebooks.widgetAdded.connect((__, notebook) => add(notebook));
  }
};

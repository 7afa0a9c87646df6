import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { addBelowIcon } from '@jupyterlab/ui-components';

import { addressIn } from './answertabs';
import { insertCell } from './insert';
import { sayWhyNot } from './notices';
import { folderOf, relativePath } from './paths';
import { decisionCell } from './python';
import { CommandIDs, IDecisionTracker } from './tokens';

/** Inserts the cell that reconstructs a decision into the active notebook. */
export const cellPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:cell',
  description: 'Inserts a cell that reconstructs a decision into the active notebook.',
  autoStart: true,
  requires: [IDecisionTracker, INotebookTracker],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    decisions: IDecisionTracker,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null
  ) => {
    app.commands.addCommand(CommandIDs.insertDecision, {
      label: args => (args['isPalette'] ? 'Insert Decision into Notebook' : 'Insert cell'),
      caption: 'Insert a cell that reconstructs this decision into the active notebook',
      icon: args => (args['isPalette'] ? undefined : addBelowIcon),
      isEnabled: args => (addressIn(args) ?? decisions.currentWidget) !== null,
      execute: async args => {
        const address = addressIn(args) ?? decisions.currentWidget?.content.address;
        const notebook = notebooks.currentWidget;
        if (address === undefined) {
          return;
        }
        if (notebook === null) {
          sayWhyNot('No notebook is open. Open the notebook that the cell should go into, then insert again.');
          return;
        }
        const folder = folderOf(app.serviceManager.contents.localPath(notebook.context.path));
        await insertCell(notebook, decisionCell(relativePath(folder, address.log), address.reference));
        app.shell.activateById(notebook.id);
      }
    });
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.insertDecision });
  }
};

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import { addressIn, AnswerTabs } from './answertabs';
import type { AuditLabClient } from './api';
import { auditIcon } from './icon';
import { told } from './told';
import { CommandIDs, IAuditLabClient, IDecisionTracker } from './tokens';

/** Opens lineages in the main area, and brings them back after a reload. */
export const lineagePlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:lineage',
  description: 'Shows the way back from a decision to runs, commits and data.',
  autoStart: true,
  requires: [IAuditLabClient, IDecisionTracker],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    decisions: IDecisionTracker,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const tabs = new AnswerTabs(app, 'lineage', async address => {
      const { LineageWidget } = await import('./lineage');
      return new LineageWidget(address, client);
    });
    app.commands.addCommand(CommandIDs.openLineage, {
      label: args => (args['isPalette'] ? 'Show Lineage of Decision' : 'Lineage'),
      caption: 'Show the way back from the decision to runs, commits and data',
      icon: args => (args['isPalette'] ? undefined : auditIcon),
      isEnabled: args => (addressIn(args) ?? decisions.currentWidget) !== null,
      execute: told(async args => {
        const address = addressIn(args) ?? decisions.currentWidget?.content.address;
        if (address !== undefined) {
          await tabs.open(address);
        }
      })
    });
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.openLineage });
    tabs.restore(restorer, CommandIDs.openLineage);
  }
};

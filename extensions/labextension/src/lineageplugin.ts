import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

import type { AuditLabClient } from './api';
import { addressIn, key } from './decisionplugin';
import { auditIcon } from './icon';
import { LineageWidget } from './lineage';
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
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<LineageWidget>>({ namespace: 'audit-lab-lineage' });
    commands.addCommand(CommandIDs.openLineage, {
      label: args => (args['isPalette'] ? 'Show Lineage of Decision' : 'Lineage'),
      caption: 'Show the way back from the decision to runs, commits and data',
      icon: args => (args['isPalette'] ? undefined : auditIcon),
      isEnabled: args => (addressIn(args) ?? decisions.currentWidget) !== null,
      execute: async args => {
        const address = addressIn(args) ?? decisions.currentWidget?.content.address;
        if (address === undefined) {
          return;
        }
        let widget = tracker.find(open => key(open.content.address) === key(address));
        if (widget === undefined) {
          widget = new MainAreaWidget({ content: new LineageWidget(address, client) });
          widget.id = `audit-lab-lineage-${key(address)}`;
          await tracker.add(widget);
        }
        if (!widget.isAttached) {
          app.shell.add(widget, 'main', { type: 'Audit Lab' });
        }
        app.shell.activateById(widget.id);
      }
    });
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.openLineage });
    void restorer?.restore(tracker, {
      command: CommandIDs.openLineage,
      args: widget => ({ ...widget.content.address }),
      name: widget => key(widget.content.address)
    });
  }
};

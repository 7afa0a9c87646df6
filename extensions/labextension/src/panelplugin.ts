import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { refreshIcon } from '@jupyterlab/ui-components';

import type { AuditLabClient } from './api';
import { auditIcon } from './icon';
import { PanelModel } from './model';
import { AuditLabPanel } from './panel';
import { CommandIDs, IAuditLabClient } from './tokens';

/** Puts the panel into the left sidebar. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:panel',
  description: 'Lists the audit logs below the server’s folder and their newest predictions.',
  autoStart: true,
  requires: [IAuditLabClient],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const model = new PanelModel(client);
    app.commands.addCommand(CommandIDs.showPanel, {
      label: 'Show Audit Lab',
      caption: 'Show the audit logs below the server’s folder',
      icon: auditIcon,
      execute: () => app.shell.activateById(panel.id)
    });
    app.commands.addCommand(CommandIDs.refreshLogs, {
      label: 'Refresh Audit Logs',
      caption: 'Look for audit logs again',
      icon: refreshIcon,
      execute: () => model.refresh()
    });
    const panel = new AuditLabPanel(model, app.commands);
    app.shell.add(panel, 'left', { rank: 600, type: 'Audit Lab' });
    restorer?.add(panel, panel.id);
    for (const command of [CommandIDs.showPanel, CommandIDs.refreshLogs]) {
      palette?.addItem({ command, category: 'Audit Lab' });
    }
  }
};

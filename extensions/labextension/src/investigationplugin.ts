import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';

import type { AuditLabClient } from './api';
import { auditIcon } from './icon';
import { sayWhyNot } from './notices';
import type { SettingsModel } from './settings';
import { told } from './told';
import { CommandIDs, IAuditLabClient, IAuditLabSettings } from './tokens';

/** Begins an investigation: a notebook that is set to a log and a case, and not run yet. */
export const investigationPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:investigation',
  description: 'Begins an investigation with a notebook that is set to a log.',
  autoStart: true,
  requires: [IAuditLabClient, IAuditLabSettings],
  optional: [ICommandPalette, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    settings: SettingsModel,
    palette: ICommandPalette | null,
    launcher: ILauncher | null
  ) => {
    const { commands } = app;
    commands.addCommand(CommandIDs.investigate, {
      label: 'Investigate an Incident',
      caption: 'Begin a case about an audit log, in a notebook that asks the first questions',
      icon: auditIcon,
      execute: told(async args => {
        const { logs } = await client.logs();
        const readable = logs.filter(log => log.problem === null).map(log => log.path);
        if (readable.length === 0) {
          sayWhyNot('There is no audit log below the server’s folder that can be read.');
          return;
        }
        const { InvestigationForm } = await import('./investigation');
        const asked = await showDialog({
          body: new InvestigationForm(readable, settings.now.actor),
          buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Begin' })],
          title: 'Investigate an incident'
        });
        if (asked.button.accept && asked.value !== null) {
          const cwd = args['cwd'];
          const folder = typeof cwd === 'string' ? app.serviceManager.contents.localPath(cwd) : '';
          const path = await client.investigate({ ...asked.value, folder });
          await commands.execute('docmanager:open', { path });
        }
      })
    });
    palette?.addItem({ category: 'Audit Lab', command: CommandIDs.investigate });
    launcher?.add({ category: 'Audit Lab', command: CommandIDs.investigate, rank: 0 });
  }
};

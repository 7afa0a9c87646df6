import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { refreshIcon } from '@jupyterlab/ui-components';

import type { AuditLabClient } from './api';
import { auditIcon } from './icon';
import type { JobsModel } from './jobs';
import { PanelModel } from './model';
import { sayAlso, sayWhyNot } from './notices';
import { AuditLabPanel } from './panel';
import type { SettingsModel } from './settings';
import { spelled } from './spelling';
import { told } from './told';
import { CommandIDs, IAuditLabClient, IAuditLabJobs, IAuditLabSettings } from './tokens';

/** Puts the panel into the left sidebar. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:panel',
  description: 'Lists the audit logs below the server’s folder and their newest predictions.',
  autoStart: true,
  requires: [IAuditLabClient, IAuditLabJobs, IAuditLabSettings],
  optional: [ICommandPalette, ILayoutRestorer, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    jobs: JobsModel,
    settings: SettingsModel,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null,
    browser: IDefaultFileBrowser | null
  ) => {
    const model = new PanelModel(client);
    jobs.ended.connect((_, job) => void (job.kind === 'verify-log' ? model.refresh() : model.refreshCases()));
    model.changed.connect(() => app.commands.notifyCommandChanged(CommandIDs.verifyLog));
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
      execute: () => Promise.all([model.refresh(), model.refreshCases()])
    });
    app.commands.addCommand(CommandIDs.verifyLog, {
      label: args => (args['isPalette'] ? 'Verify Selected Audit Log' : 'Verify'),
      caption: 'Verify the selected log down to every row, and show the report',
      isEnabled: () => model.selected !== null,
      execute: () => app.commands.execute(CommandIDs.verify, { kind: 'verify-log', path: model.selected?.path ?? '' })
    });
    app.commands.addCommand(CommandIDs.openLog, {
      label: 'Open as Audit Log',
      caption: 'Select the log that is in this folder, and show its newest predictions',
      icon: auditIcon,
      isVisible: () => selectedFolder(app, browser) !== null,
      execute: async () => {
        const folder = selectedFolder(app, browser);
        if (folder === null) {
          return;
        }
        app.shell.activateById(panel.id);
        if (!(await model.selectPath(folder))) {
          sayWhyNot(
            `${spelled(folder)} is no audit log: it has no manifest.json of the format audit_lab.log. A folder of Parquet files that another system wrote is opened through a mapping: audit-lab adapt.`
          );
        }
      }
    });
    app.commands.addCommand(CommandIDs.openResult, {
      label: 'Open Result of Job',
      isVisible: () => false,
      execute: told(async args => {
        const job = await jobs.read(String(args['job']));
        const [file] = job.result?.files ?? [];
        if (file === undefined) {
          sayAlso('This job wrote no file; its answer stands in the form that asked for it.');
        } else {
          await app.commands.execute('docmanager:open', { path: file });
        }
      })
    });
    const panel = new AuditLabPanel(model, jobs, app.commands);
    app.shell.add(panel, 'left', { rank: 600, type: 'Audit Lab' });
    restorer?.add(panel, panel.id);
    if (browser !== null) {
      // Double click, Enter and File > Open from Path lead into a folder: where that is a log, it is shown.
      void Promise.all([app.restored, browser.model.restored]).then(() =>
        browser.model.pathChanged.connect(async ({ path }) => {
          const holdsManifest = [...browser.model.items()].some(item => item.name === 'manifest.json');
          const folder = app.serviceManager.contents.localPath(path);
          if (settings.now.opensLogs && holdsManifest && (await model.selectPath(folder))) {
            app.shell.activateById(panel.id);
          }
        })
      );
    }
    for (const command of [CommandIDs.showPanel, CommandIDs.refreshLogs]) {
      palette?.addItem({ command, category: 'Audit Lab' });
    }
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.verifyLog });
  }
};

/** The folder that is selected in the file browser, as the server names it. */
function selectedFolder(app: JupyterFrontEnd, browser: IDefaultFileBrowser | null): string | null {
  const item = browser?.selectedItems().next();
  const model = item === undefined || item.done === true ? null : item.value;
  return model?.type === 'directory' ? app.serviceManager.contents.localPath(model.path) : null;
}

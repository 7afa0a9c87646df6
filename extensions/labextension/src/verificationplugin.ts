import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { auditIcon } from './icon';
import type { JobsModel } from './jobs';
import { CommandIDs, IAuditLabJobs } from './tokens';
import { VerificationWidget, type Verified } from './verification';

/** Verifies logs and bundles, and shows the report in the main area. */
export const verificationPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:verification',
  description: 'Verifies an audit log or an evidence bundle and shows the report.',
  autoStart: true,
  requires: [IAuditLabJobs],
  optional: [IDefaultFileBrowser, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    jobs: JobsModel,
    browser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null
  ) => {
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<VerificationWidget>>({ namespace: 'audit-lab-verification' });

    const selected = (): string | null => {
      const item = browser?.selectedItems().next();
      const model = item === undefined || item.done === true ? null : item.value;
      return model !== null && model.type !== 'directory' && model.name.endsWith('.zip')
        ? app.serviceManager.contents.localPath(model.path)
        : null;
    };

    commands.addCommand(CommandIDs.verify, {
      label: 'Verify',
      caption: 'Verify an audit log or an evidence bundle, and show the report',
      icon: auditIcon,
      isEnabled: args => verifiedIn(args) !== null,
      execute: async args => {
        const verified = verifiedIn(args);
        if (verified === null) {
          return;
        }
        let widget = tracker.find(open => key(open.content.verified) === key(verified));
        if (widget === undefined) {
          widget = new MainAreaWidget({ content: new VerificationWidget(verified, jobs) });
          widget.id = `audit-lab-verification-${key(verified)}`;
          await tracker.add(widget);
          app.shell.add(widget, 'main', { type: 'Audit Lab' });
        }
        app.shell.activateById(widget.id);
        const { job } = args;
        await (typeof job === 'string' ? widget.content.showJob(job) : widget.content.begin());
      }
    });
    commands.addCommand(CommandIDs.verifyFile, {
      label: 'Verify Evidence Bundle',
      caption: 'Verify the selected evidence bundle without unpacking it, and show the report',
      icon: auditIcon,
      isVisible: () => selected() !== null,
      isEnabled: () => selected() !== null,
      execute: () => commands.execute(CommandIDs.verify, { kind: 'verify-bundle', path: selected() ?? '' })
    });
    palette?.addItem({ category: 'Audit Lab', command: CommandIDs.verifyFile });
  }
};

/** What is to be verified, by a command's arguments; null where they do not say. */
function verifiedIn(args: ReadonlyPartialJSONObject): Verified | null {
  const { kind, path } = args;
  return (kind === 'verify-log' || kind === 'verify-bundle') && typeof path === 'string' && path !== ''
    ? { kind, path }
    : null;
}

function key({ kind, path }: Verified): string {
  return JSON.stringify([kind, path]);
}

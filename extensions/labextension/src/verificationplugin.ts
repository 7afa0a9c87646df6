import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { BUNDLE_FACTORY, type BundleDocument, registerBundles } from './bundledocument';
import { auditIcon } from './icon';
import type { JobsModel } from './jobs';
import { show } from './place';
import type { SettingsModel } from './settings';
import { CommandIDs, IAuditLabJobs, IAuditLabSettings } from './tokens';
import { VerificationWidget, type Verified } from './verification';

/** Verifies logs and bundles, and shows the report in the main area. */
export const verificationPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:verification',
  description: 'Verifies an audit log or an evidence bundle and shows the report.',
  autoStart: true,
  requires: [IAuditLabJobs, IAuditLabSettings],
  optional: [IDefaultFileBrowser, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    jobs: JobsModel,
    settings: SettingsModel,
    browser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const { commands } = app;
    const localPath = (path: string): string => app.serviceManager.contents.localPath(path);
    const tracker = new WidgetTracker<MainAreaWidget<VerificationWidget>>({ namespace: 'audit-lab-verification' });

    const selected = (): string | null => {
      const item = browser?.selectedItems().next();
      const model = item === undefined || item.done === true ? null : item.value;
      return model !== null && model.type !== 'directory' && model.name.endsWith('.zip')
        ? model.path
        : null;
    };

    const bundles = new WidgetTracker<BundleDocument>({ namespace: 'audit-lab-bundle' });
    registerBundles(app.docRegistry, jobs, settings, localPath).widgetCreated.connect((_, widget) => {
      void bundles.add(widget);
      widget.context.pathChanged.connect(() => void bundles.save(widget));
    });
    void restorer?.restore(bundles, {
      command: 'docmanager:open',
      args: ({ context }) => ({ factory: BUNDLE_FACTORY, path: context.path }),
      name: ({ context }) => context.path
    });

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
          widget = new MainAreaWidget({ content: new VerificationWidget(verified, jobs, settings.now.trust) });
          widget.id = `audit-lab-verification-${key(verified)}`;
          await tracker.add(widget);
        }
        show(app, widget);
        const { job, trust } = args;
        if (typeof job === 'string') {
          await widget.content.showJob(job);
        } else {
          await widget.content.begin(typeof trust === 'string' ? trust : undefined);
        }
      }
    });
    commands.addCommand(CommandIDs.verifyFile, {
      label: 'Open as Evidence Bundle',
      caption: 'Verify the selected evidence bundle without unpacking it, and show the report',
      icon: auditIcon,
      isVisible: () => selected() !== null,
      isEnabled: () => selected() !== null,
      execute: () => commands.execute('docmanager:open', { factory: BUNDLE_FACTORY, path: selected() ?? '' })
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

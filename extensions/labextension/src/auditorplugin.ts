import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';

import type { AuditLabClient } from './api';
import type { AuditorWidget, Doors } from './auditor';
import { auditIcon } from './icon';
import type { JobsModel } from './jobs';
import type { SettingsModel } from './settings';
import { show } from './place';
import { told } from './told';
import { CommandIDs, IAuditLabClient, IAuditLabJobs, IAuditLabSettings } from './tokens';

/** The form for whoever writes no Python, and its card in the launcher. */
export const auditorPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:auditor',
  description: 'A form that finds one decision, replays it, and writes its dossier.',
  autoStart: true,
  requires: [IAuditLabClient, IAuditLabJobs, IAuditLabSettings],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    jobs: JobsModel,
    settings: SettingsModel,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null
  ) => {
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<AuditorWidget>>({ namespace: 'audit-lab-auditor' });
    commands.addCommand(CommandIDs.replayDecision, {
      label: 'Replay a Decision',
      caption: 'Find one decision, replay it, read its reasons, and take its dossier along: no Python needed',
      icon: auditIcon,
      execute: told(async () => {
        const [form, { AuditorModel }] = await Promise.all([import('./auditor'), import('./auditormodel')]);
        let widget = tracker.find(open => !open.isDisposed);
        if (widget === undefined) {
          const model = new AuditorModel(client, jobs, () => settings.now.folder);
          model.trust = settings.now.trust;
          const doors: Doors = {
            decision: address => void commands.execute(CommandIDs.openDecision, { ...address }),
            file: path => void commands.execute('docmanager:open', { path }),
            lineage: address => void commands.execute(CommandIDs.openLineage, { ...address }),
            verify: (path, trust) => void commands.execute(CommandIDs.verify, { kind: 'verify-log', path, trust })
          };
          const content = new form.AuditorWidget(model, doors, () => settings.now.actor);
          widget = new MainAreaWidget({ content });
          widget.id = 'audit-lab-auditor';
          await tracker.add(widget);
        }
        show(app, widget);
      })
    });
    palette?.addItem({ category: 'Audit Lab', command: CommandIDs.replayDecision });
    launcher?.add({ category: 'Audit Lab', command: CommandIDs.replayDecision, rank: 1 });
    void restorer?.restore(tracker, { command: CommandIDs.replayDecision, name: () => 'audit-lab-auditor' });
  }
};

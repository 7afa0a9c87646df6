import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';
import { CommandToolbarButton } from '@jupyterlab/ui-components';

import type { AuditLabClient } from './api';
import type { CurrentCase } from './currentcase';
import { insertCell } from './insert';
import type { JobsModel } from './jobs';
import { sayWhyNot } from './notices';
import { hasOpenCase, openCaseId } from './opencase';
import { folderOf, relativePath } from './paths';
import { keepCell, keepViewCell, openCaseCell } from './python';
import type { SettingsModel } from './settings';
import { spelled } from './spelling';
import { told } from './told';
import { CommandIDs, IAuditLabCase, IAuditLabClient, IAuditLabJobs, IAuditLabSettings } from './tokens';
import { choicesIn, isView } from './viewchoices';

const BUTTONS = [CommandIDs.openCase, CommandIDs.keepCell, CommandIDs.exportEvidence, CommandIDs.verifyChosen];

/** In these states a kernel knows nothing of a case any more. */
const ENDED = new Set(['restarting', 'autorestarting', 'terminating', 'dead']);

/** What the notebook's toolbar does for an investigation; each press leaves a cell, or a job. */
export const notebookPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:notebook',
  description: 'Notebook toolbar: open case, keep cell as exhibit, export evidence, verify.',
  autoStart: true,
  requires: [IAuditLabClient, IAuditLabJobs, IAuditLabSettings, IAuditLabCase, INotebookTracker],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    jobs: JobsModel,
    settings: SettingsModel,
    current: CurrentCase,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null
  ) => {
    const { commands } = app;
    const pathOf = (panel: NotebookPanel): string => app.serviceManager.contents.localPath(panel.context.path);

    const run = async (panel: NotebookPanel, source: string): Promise<void> => {
      await insertCell(panel, source);
      await NotebookActions.run(panel.content, panel.sessionContext);
    };

    /** Say which case is open in the kernel of a notebook, where that is the one in sight. */
    const follow = async (panel: NotebookPanel): Promise<void> => {
      const id = await openCaseId(panel);
      if (id === undefined || panel !== notebooks.currentWidget || id === (current.open?.id ?? null)) {
        return;
      }
      current.open = id === null ? null : { id, path: await pathOfCase(client, id) };
    };
    notebooks.currentChanged.connect(() => {
      if (notebooks.currentWidget !== null) {
        void follow(notebooks.currentWidget);
      }
    });
    notebooks.widgetAdded.connect((_, panel) => {
      void panel.sessionContext.ready.then(() => follow(panel));
      panel.sessionContext.kernelChanged.connect(() => void follow(panel));
      panel.sessionContext.statusChanged.connect((_context, status) => {
        if (ENDED.has(status) && panel === notebooks.currentWidget) {
          current.open = null;
        }
      });
    });
    NotebookActions.executed.connect((_, { notebook }) => {
      if (notebooks.currentWidget?.content === notebook) {
        void follow(notebooks.currentWidget);
      }
    });

    commands.addCommand(CommandIDs.openCase, {
      label: 'Open Case',
      caption: 'Choose a case to work on, and open it in the notebook',
      execute: told(async () => {
        const chosen = await chosenCase(client);
        if (chosen === null) {
          return;
        }
        current.open = chosen;
        const panel = notebooks.currentWidget;
        if (panel !== null) {
          await run(panel, openCaseCell(relativePath(folderOf(pathOf(panel)), chosen.path), settings.now.actor));
          await follow(panel);
        }
      })
    });
    commands.addCommand(CommandIDs.keepCell, {
      label: 'Keep Cell as Exhibit',
      caption: 'Keep the output of the active cell as an exhibit of the open case, with the code that made it',
      isEnabled: () => notebooks.currentWidget !== null,
      execute: told(async () => {
        const panel = notebooks.currentWidget;
        const active = panel?.content.activeCell;
        const cell = active?.model;
        if (panel === null || !active || cell === undefined || cell.type !== 'code') {
          sayWhyNot('No cell of code is active. Press the cell whose output is to be kept, then keep again.');
          return;
        }
        const shared = cell.sharedModel.toJSON();
        const count = 'execution_count' in shared ? shared.execution_count : null;
        if (typeof count !== 'number') {
          sayWhyNot('This cell has not run yet. Run it, look at its output, then keep again.');
          return;
        }
        if (!(await hasOpenCase(panel))) {
          sayWhyNot('No case is open in the kernel of this notebook. Press Open Case, then keep again.');
          return;
        }
        const asked = await InputDialog.getText({ title: 'Keep as exhibit', label: 'What is seen, in one line' });
        const title = asked.value?.trim() ?? '';
        if (asked.button.accept && title !== '') {
          const source = cell.sharedModel.getSource();
          const choices = isView(active) ? await choicesIn(panel, count) : null;
          await run(
            panel,
            choices === null ? keepCell(count, title, source) : keepViewCell(count, title, source, choices)
          );
        }
      })
    });
    commands.addCommand(CommandIDs.exportEvidence, {
      label: 'Export Evidence',
      caption: 'Run this notebook from a clean kernel, and export the case as a signed evidence bundle',
      isEnabled: () => notebooks.currentWidget !== null,
      execute: told(async () => {
        const panel = notebooks.currentWidget;
        const known = current.open;
        const chosen = known?.path ? { ...known, path: known.path } : await chosenCase(client);
        if (panel === null || chosen === null) {
          return;
        }
        await panel.context.save();
        const { actor, folder } = settings.now;
        const who = actor === '' ? {} : { actor };
        await jobs.begin({ kind: 'export', case: chosen.path, folder, notebook: pathOf(panel), ...who });
        await commands.execute(CommandIDs.showPanel);
      })
    });
    commands.addCommand(CommandIDs.verifyChosen, {
      label: 'Verify Log',
      caption: 'Choose an audit log, and verify it down to every row',
      execute: told(async () => {
        const { logs } = await client.logs();
        const path = await chosenOf('Verify which audit log?', logs.map(log => log.path), 'There is no audit log here.');
        if (path !== null) {
          await commands.execute(CommandIDs.verify, { kind: 'verify-log', path });
        }
      })
    });

    for (const command of BUTTONS) {
      palette?.addItem({ category: 'Audit Lab', command });
    }
    app.docRegistry.addWidgetExtension('Notebook', {
      createNew: (panel: NotebookPanel) => {
        for (const id of BUTTONS) {
          panel.toolbar.addItem(id, new CommandToolbarButton({ commands, id }));
        }
      }
    });
  }
};

/** Where the case with an id is; null where none, or more than one, is found. */
async function pathOfCase(client: AuditLabClient, id: string): Promise<string | null> {
  const { cases } = await client.cases();
  const found = cases.filter(each => each.case_id === id);
  return found.length === 1 ? (found[0]?.path ?? null) : null;
}

async function chosenCase(client: AuditLabClient): Promise<{ id: string; path: string } | null> {
  const { cases } = await client.cases();
  const readable = cases.filter(each => each.case_id !== null);
  const names = readable.map(each => `${each.case_id ?? ''} (${each.path})`);
  const none = 'There is no case below the server’s folder. A notebook begins one with al.Case.create.';
  const name = await chosenOf('Which case?', names, none);
  const chosen = name === null ? undefined : readable[names.indexOf(name)];
  return chosen === undefined ? null : { id: chosen.case_id ?? '', path: chosen.path };
}

async function chosenOf(title: string, items: string[], none: string): Promise<string | null> {
  if (items.length === 0) {
    sayWhyNot(none);
    return null;
  }
  const shown = items.map(spelled);
  const asked = await InputDialog.getItem({ items: shown, title });
  return asked.button.accept && asked.value !== null ? (items[shown.indexOf(asked.value)] ?? null) : null;
}

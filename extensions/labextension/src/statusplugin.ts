import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { Widget } from '@lumino/widgets';

import { CurrentCase } from './currentcase';
import type { SettingsModel } from './settings';
import { spelled } from './spelling';
import { CommandIDs, IAuditLabCase, IAuditLabSettings } from './tokens';

/** Provides the case that is worked on, and says in the status bar which, by whom, and as what. */
export const statusPlugin: JupyterFrontEndPlugin<CurrentCase> = {
  id: 'audit-lab-labextension:status',
  description: 'Says in the status bar which case is open, who investigates, and as what.',
  autoStart: true,
  requires: [IAuditLabSettings],
  optional: [IStatusBar],
  provides: IAuditLabCase,
  activate: (app: JupyterFrontEnd, settings: SettingsModel, bar: IStatusBar | null) => {
    const current = new CurrentCase();
    const node = document.createElement('button');
    node.type = 'button';
    node.className = 'auditlab-Status';
    node.title = 'Audit Lab: the open case, the actor and the role. Press to open a case; actor and role are settings.';
    node.onclick = () => void app.commands.execute(CommandIDs.openCase);
    const show = (): void => {
      const { actor, role } = settings.now;
      const parts = [`Case: ${current.open?.id ?? 'none'}`, actor, role].filter(part => part !== '');
      node.textContent = spelled(parts.join(' · '));
      node.setAttribute('aria-label', `Audit Lab. ${node.textContent}`);
    };
    current.changed.connect(show);
    settings.changed.connect(show);
    show();
    bar?.registerStatusItem('audit-lab:status', { align: 'left', item: new Widget({ node: wrapped(node) }), rank: 100 });
    return current;
  }
};

function wrapped(button: HTMLButtonElement): HTMLElement {
  const node = document.createElement('div');
  node.append(button);
  return node;
}

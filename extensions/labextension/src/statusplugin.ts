import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { Signal } from '@lumino/signaling';
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
    const status = (): Widget => new CaseStatus(current, settings, () => void app.commands.execute(CommandIDs.openCase));
    if (bar !== null) {
      bar.registerStatusItem('audit-lab:status', { align: 'left', item: status(), rank: 100 });
    } else {
      // Notebook 7 has no status bar: there it stands in the toolbar.
      app.docRegistry.addWidgetExtension('Notebook', {
        createNew: (panel: NotebookPanel) => {
          panel.toolbar.addItem('audit-lab:status', status());
        }
      });
    }
    return current;
  }
};

class CaseStatus extends Widget {
  constructor(current: CurrentCase, settings: SettingsModel, press: () => void) {
    super();
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'auditlab-Status';
    button.title =
      'Audit Lab: the case that is open in the kernel of this notebook, the actor and the role. Press to open a case; actor and role are settings.';
    button.onclick = press;
    this.node.append(button);
    this._button = button;
    this._current = current;
    this._settings = settings;
    current.changed.connect(this._show, this);
    settings.changed.connect(this._show, this);
    this._show();
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  private _show(): void {
    const { actor, role } = this._settings.now;
    const parts = [`Case: ${this._current.open?.id ?? 'none'}`, actor, role].filter(part => part !== '');
    this._button.textContent = spelled(parts.join(' · '));
    this._button.setAttribute('aria-label', `Audit Lab. ${this._button.textContent}`);
  }

  private readonly _button: HTMLButtonElement;
  private readonly _current: CurrentCase;
  private readonly _settings: SettingsModel;
}

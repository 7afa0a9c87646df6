import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { SettingsModel } from './settings';
import { IAuditLabSettings } from './tokens';

/** The plugin's name is that of its schema, `schema/plugin.json`. */
const ID = 'audit-lab-labextension:plugin';

/** Provides what the settings page says. */
export const settingsPlugin: JupyterFrontEndPlugin<SettingsModel> = {
  id: ID,
  description: 'Who investigates, as what, and where results go.',
  autoStart: true,
  optional: [ISettingRegistry],
  provides: IAuditLabSettings,
  activate: (_: JupyterFrontEnd, registry: ISettingRegistry | null) => {
    const model = new SettingsModel();
    // Nothing waits for what the page says: the defaults hold until it is read, and where it cannot be.
    void registry?.load(ID).then(
      settings => model.follow(settings),
      () => undefined
    );
    return model;
  }
};

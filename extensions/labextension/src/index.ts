import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { auditorPlugin } from './auditorplugin';
import { cellPlugin } from './cellplugin';
import { clientPlugin } from './clientplugin';
import { decisionPlugin } from './decisionplugin';
import { helpPlugin } from './helpplugin';
import { investigationPlugin } from './investigationplugin';
import { jobsPlugin } from './jobsplugin';
import { lineagePlugin } from './lineageplugin';
import { notebookPlugin } from './notebookplugin';
import { panelPlugin } from './panelplugin';
import { settingsPlugin } from './settingsplugin';
import { statusPlugin } from './statusplugin';
import { verificationPlugin } from './verificationplugin';
import { viewPlugin } from './viewplugin';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  settingsPlugin,
  helpPlugin,
  clientPlugin,
  statusPlugin,
  jobsPlugin,
  panelPlugin,
  decisionPlugin,
  lineagePlugin,
  cellPlugin,
  notebookPlugin,
  verificationPlugin,
  auditorPlugin,
  viewPlugin,
  investigationPlugin
];

export default plugins;

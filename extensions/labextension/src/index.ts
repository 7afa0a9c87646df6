import type { JupyterFrontEndPlugin } from '@jupyterlab/application';

import { cellPlugin } from './cellplugin';
import { clientPlugin } from './clientplugin';
import { decisionPlugin } from './decisionplugin';
import { panelPlugin } from './panelplugin';

const plugins: JupyterFrontEndPlugin<unknown>[] = [clientPlugin, panelPlugin, decisionPlugin, cellPlugin];

export default plugins;

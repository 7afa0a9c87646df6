import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { AuditLabClient } from './api';
import { IAuditLabClient } from './tokens';

/** Provides the client of the server extension. */
export const clientPlugin: JupyterFrontEndPlugin<AuditLabClient> = {
  id: 'audit-lab-labextension:client',
  description: 'Asks the server for logs, predictions and decisions.',
  autoStart: true,
  provides: IAuditLabClient,
  activate: (app: JupyterFrontEnd) => new AuditLabClient(app.serviceManager.serverSettings)
};

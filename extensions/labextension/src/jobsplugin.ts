import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import type { AuditLabClient } from './api';
import { JobsModel } from './jobs';
import { IAuditLabClient, IAuditLabJobs } from './tokens';

/** Provides the long work that the server does. */
export const jobsPlugin: JupyterFrontEndPlugin<JobsModel> = {
  id: 'audit-lab-labextension:jobs',
  description: 'Follows the verifications, dossiers and exports that the server makes.',
  autoStart: true,
  requires: [IAuditLabClient],
  provides: IAuditLabJobs,
  activate: (_: JupyterFrontEnd, client: AuditLabClient) => new JobsModel(client)
};

import type { IWidgetTracker, MainAreaWidget } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';

import type { AuditLabClient } from './api';
import type { DecisionWidget } from './decision';

export const CommandIDs = {
  showPanel: 'audit-lab:show-panel',
  refreshLogs: 'audit-lab:refresh-logs',
  openDecision: 'audit-lab:open-decision',
  insertDecision: 'audit-lab:insert-decision',
  copyId: 'audit-lab:copy-prediction-id'
} as const;

/** Where a decision is: a log below the server's folder, and a prediction id or a place `id@segment:row` in it. */
export interface DecisionAddress {
  log: string;
  reference: string;
}

export const IAuditLabClient = new Token<AuditLabClient>(
  'audit-lab-labextension:IAuditLabClient',
  'Asks the server for logs, predictions and decisions.'
);

export type IDecisionTracker = IWidgetTracker<MainAreaWidget<DecisionWidget>>;

export const IDecisionTracker = new Token<IDecisionTracker>(
  'audit-lab-labextension:IDecisionTracker',
  'The decisions that are open in the main area.'
);

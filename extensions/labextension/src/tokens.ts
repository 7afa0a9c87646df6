import type { IWidgetTracker, MainAreaWidget } from '@jupyterlab/apputils';
import { Token } from '@lumino/coreutils';

import type { AuditLabClient } from './api';
import type { CurrentCase } from './currentcase';
import type { DecisionWidget } from './decision';
import type { JobsModel } from './jobs';
import type { SettingsModel } from './settings';

export const CommandIDs = {
  showPanel: 'audit-lab:show-panel',
  refreshLogs: 'audit-lab:refresh-logs',
  openDecision: 'audit-lab:open-decision',
  insertDecision: 'audit-lab:insert-decision',
  copyId: 'audit-lab:copy-prediction-id',
  openLineage: 'audit-lab:open-lineage',
  openLog: 'audit-lab:open-log',
  verify: 'audit-lab:verify',
  verifyLog: 'audit-lab:verify-log',
  openResult: 'audit-lab:open-result',
  verifyFile: 'audit-lab:verify-selected-file',
  replayDecision: 'audit-lab:replay-decision',
  investigate: 'audit-lab:investigate-an-incident',
  openCase: 'audit-lab:open-case',
  keepCell: 'audit-lab:keep-cell-as-exhibit',
  exportEvidence: 'audit-lab:export-evidence',
  verifyChosen: 'audit-lab:verify-a-log',
  help: 'audit-lab:help'
} as const;

/** The commands that the help page lists: those that stand in the palette, in the order in which they are needed. */
export const HELP_COMMANDS: readonly string[] = [
  CommandIDs.showPanel,
  CommandIDs.refreshLogs,
  CommandIDs.verifyLog,
  CommandIDs.verifyChosen,
  CommandIDs.verifyFile,
  CommandIDs.replayDecision,
  CommandIDs.investigate,
  CommandIDs.insertDecision,
  CommandIDs.copyId,
  CommandIDs.openLineage,
  CommandIDs.openCase,
  CommandIDs.keepCell,
  CommandIDs.exportEvidence,
  CommandIDs.help
];

/** Where a decision is: a log below the server's folder, and a prediction id or a place `id@segment:row` in it. */
export interface DecisionAddress {
  log: string;
  reference: string;
}

export const IAuditLabClient = new Token<AuditLabClient>(
  'audit-lab-labextension:IAuditLabClient',
  'Asks the server for logs, predictions and decisions.'
);

export const IAuditLabJobs = new Token<JobsModel>(
  'audit-lab-labextension:IAuditLabJobs',
  'The long work that the server does: verifications, dossiers, exports.'
);

export const IAuditLabSettings = new Token<SettingsModel>(
  'audit-lab-labextension:IAuditLabSettings',
  'Who investigates, as what, and where results go.'
);

export const IAuditLabCase = new Token<CurrentCase>(
  'audit-lab-labextension:IAuditLabCase',
  'The case that is worked on in this window.'
);

export type IDecisionTracker = IWidgetTracker<MainAreaWidget<DecisionWidget>>;

export const IDecisionTracker = new Token<IDecisionTracker>(
  'audit-lab-labextension:IDecisionTracker',
  'The decisions that are open in the main area.'
);

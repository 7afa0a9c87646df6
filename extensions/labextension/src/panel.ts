import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import { CommandToolbarButton, SidePanel, Toolbar } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { AccordionPanel, Widget } from '@lumino/widgets';

import { CasesWidget } from './cases';
import { auditIcon } from './icon';
import type { Job } from './jobmessages';
import { JobsWidget } from './joblist';
import type { JobsModel } from './jobs';
import { LogsWidget } from './logs';
import type { PanelModel } from './model';
import { PredictionsWidget } from './predictions';
import { CommandIDs, type DecisionAddress } from './tokens';

const OPEN_PATH = 'filebrowser:open-path';

/** Show a folder where the page has a file browser, and on a page that has one where it has none (Notebook 7). */
function showFolder(commands: CommandRegistry, path: string): void {
  if (commands.hasCommand(OPEN_PATH)) {
    void commands.execute(OPEN_PATH, { path });
  } else {
    window.open(URLExt.join(PageConfig.getBaseUrl(), 'tree', URLExt.encodeParts(path)), '_blank');
  }
}

/** The left sidebar's panel. It looks for logs when it is first shown. */
export class AuditLabPanel extends SidePanel {
  constructor(
    private readonly model: PanelModel,
    private readonly jobs: JobsModel,
    commands: CommandRegistry
  ) {
    super();
    this.id = 'audit-lab-panel';
    this.addClass('auditlab-Panel');
    this.title.icon = auditIcon;
    this.title.caption = 'Audit Lab';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'Audit Lab');
    this.header.addWidget(heading('Audit Lab'));
    this.header.addWidget(new CommandToolbarButton({ commands, id: CommandIDs.help, args: { isButton: true } }));

    const logs: Toolbar.IWidgetToolbar = new LogsWidget(model);
    logs.toolbar = new Toolbar();
    logs.toolbar.addItem('verify', new CommandToolbarButton({ commands, id: CommandIDs.verifyLog, label: 'Verify' }));
    logs.toolbar.addItem('refresh', new CommandToolbarButton({ commands, id: CommandIDs.refreshLogs, label: '' }));
    this.addWidget(logs);
    const open = (address: DecisionAddress): void => void commands.execute(CommandIDs.openDecision, { ...address });
    this.addWidget(new PredictionsWidget(model, open));
    this.addWidget(new CasesWidget(model, path => showFolder(commands, path)));
    this.addWidget(new JobsWidget(jobs, job => openResult(commands, job)));
    if (this.content instanceof AccordionPanel) {
      this.content.setRelativeSizes([3, 4, 2, 2]);
    }
  }

  protected override onBeforeShow(): void {
    if (this.model.logs.state === 'not asked') {
      void this.model.refresh();
      void this.model.refreshCases();
      void this.jobs.refresh();
    }
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }
}

/** Show what came of a job: the report of a verification, or the first file that was written. */
function openResult(commands: CommandRegistry, job: Job): void {
  if (job.kind === 'verify-log' || job.kind === 'verify-bundle') {
    void commands.execute(CommandIDs.verify, { job: job.id, kind: job.kind, path: job.about });
  } else {
    void commands.execute(CommandIDs.openResult, { job: job.id });
  }
}

function heading(text: string): Widget {
  const node = document.createElement('h2');
  node.textContent = text;
  return new Widget({ node });
}

import { CommandToolbarButton, SidePanel, Toolbar } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { AccordionPanel, Widget } from '@lumino/widgets';

import { auditIcon } from './icon';
import { LogsWidget } from './logs';
import type { PanelModel } from './model';
import { PredictionsWidget } from './predictions';
import { CommandIDs, type DecisionAddress } from './tokens';

/** The left sidebar's panel. It looks for logs when it is first shown. */
export class AuditLabPanel extends SidePanel {
  constructor(
    private readonly model: PanelModel,
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

    const logs: Toolbar.IWidgetToolbar = new LogsWidget(model);
    logs.toolbar = new Toolbar();
    logs.toolbar.addItem('refresh', new CommandToolbarButton({ commands, id: CommandIDs.refreshLogs, label: '' }));
    this.addWidget(logs);
    const open = (address: DecisionAddress): void => void commands.execute(CommandIDs.openDecision, { ...address });
    this.addWidget(new PredictionsWidget(model, open));
    if (this.content instanceof AccordionPanel) {
      this.content.setRelativeSizes([1, 2]);
    }
  }

  protected override onBeforeShow(): void {
    if (this.model.logs.state === 'not asked') {
      void this.model.refresh();
    }
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }
}

function heading(text: string): Widget {
  const node = document.createElement('h2');
  node.textContent = text;
  return new Widget({ node });
}

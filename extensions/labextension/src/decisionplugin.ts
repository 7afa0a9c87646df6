import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, type MainAreaWidget } from '@jupyterlab/apputils';
import { CommandToolbarButton, copyIcon, refreshIcon, ToolbarButton } from '@jupyterlab/ui-components';

import { addressIn, AnswerTabs } from './answertabs';
import type { AuditLabClient } from './api';
import type { DecisionWidget } from './decision';
import { auditIcon } from './icon';
import { told } from './told';
import { CommandIDs, type DecisionAddress, IAuditLabClient, IDecisionTracker } from './tokens';

/** Opens decisions in the main area, and brings them back after a reload. */
export const decisionPlugin: JupyterFrontEndPlugin<IDecisionTracker> = {
  id: 'audit-lab-labextension:decision',
  description: 'Shows a reconstructed decision in the main area.',
  autoStart: true,
  requires: [IAuditLabClient],
  optional: [ICommandPalette, ILayoutRestorer],
  provides: IDecisionTracker,
  activate: (
    app: JupyterFrontEnd,
    client: AuditLabClient,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ) => {
    const { commands } = app;

    const furnish = ({ content, toolbar }: MainAreaWidget<DecisionWidget>): void => {
      const args = { ...content.address };
      toolbar.addClass('auditlab-Toolbar');
      toolbar.addItem('insert', new CommandToolbarButton({ commands, id: CommandIDs.insertDecision, args }));
      toolbar.addItem('lineage', new CommandToolbarButton({ commands, id: CommandIDs.openLineage, args }));
      toolbar.addItem('copy', new CommandToolbarButton({ commands, id: CommandIDs.copyId, args }));
      toolbar.addItem(
        'reload',
        new ToolbarButton({
          icon: refreshIcon,
          onClick: () => void content.reload(),
          tooltip: 'Reconstruct the decision again'
        })
      );
    };
    const make = async (address: DecisionAddress): Promise<DecisionWidget> => {
      const { DecisionWidget } = await import('./decision');
      return new DecisionWidget(address, client, reference => {
        void commands.execute(CommandIDs.openDecision, { log: address.log, reference });
      });
    };
    const tabs = new AnswerTabs(app, 'decision', make, furnish);

    commands.addCommand(CommandIDs.openDecision, {
      label: 'Open Decision',
      icon: auditIcon,
      execute: told(async args => {
        const address = addressIn(args);
        if (address !== null) {
          await tabs.open(address);
        }
      })
    });
    commands.addCommand(CommandIDs.copyId, {
      label: args => (args['isPalette'] ? 'Copy Prediction Id' : 'Copy id'),
      caption: 'Copy the prediction id of the decision',
      icon: args => (args['isPalette'] ? undefined : copyIcon),
      isEnabled: args => (addressIn(args) ?? tabs.tracker.currentWidget) !== null,
      execute: args => {
        const address = addressIn(args) ?? tabs.tracker.currentWidget?.content.address;
        if (address !== undefined) {
          Clipboard.copyToSystem(address.reference);
        }
      }
    });
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.copyId });
    tabs.restore(restorer, CommandIDs.openDecision);
    return tabs.tracker;
  }
};

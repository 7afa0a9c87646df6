import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { CommandToolbarButton, copyIcon, refreshIcon, ToolbarButton } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { AuditLabClient } from './api';
import { DecisionWidget } from './decision';
import { auditIcon } from './icon';
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
    const tracker = new WidgetTracker<MainAreaWidget<DecisionWidget>>({ namespace: 'audit-lab-decision' });

    const make = (address: DecisionAddress): MainAreaWidget<DecisionWidget> => {
      const openPlace = (reference: string): void =>
        void commands.execute(CommandIDs.openDecision, { log: address.log, reference });
      const content = new DecisionWidget(address, client, openPlace);
      const widget = new MainAreaWidget({ content });
      widget.id = `audit-lab-decision-${key(address)}`;
      const { toolbar } = widget;
      toolbar.addClass('auditlab-Toolbar');
      toolbar.addItem('insert', new CommandToolbarButton({ commands, id: CommandIDs.insertDecision, args: { ...address } }));
      toolbar.addItem('lineage', new CommandToolbarButton({ commands, id: CommandIDs.openLineage, args: { ...address } }));
      toolbar.addItem('copy', new CommandToolbarButton({ commands, id: CommandIDs.copyId, args: { ...address } }));
      toolbar.addItem(
        'reload',
        new ToolbarButton({
          icon: refreshIcon,
          onClick: () => void content.reload(),
          tooltip: 'Reconstruct the decision again'
        })
      );
      return widget;
    };

    commands.addCommand(CommandIDs.openDecision, {
      label: 'Open Decision',
      icon: auditIcon,
      execute: async args => {
        const address = addressIn(args);
        if (address === null) {
          return;
        }
        let widget = tracker.find(open => key(open.content.address) === key(address));
        if (widget === undefined) {
          widget = make(address);
          await tracker.add(widget);
        }
        if (!widget.isAttached) {
          app.shell.add(widget, 'main', { type: 'Audit Lab' });
        }
        app.shell.activateById(widget.id);
      }
    });
    commands.addCommand(CommandIDs.copyId, {
      label: args => (args['isPalette'] ? 'Copy Prediction Id' : 'Copy id'),
      caption: 'Copy the prediction id of the decision',
      icon: args => (args['isPalette'] ? undefined : copyIcon),
      isEnabled: args => (addressIn(args) ?? tracker.currentWidget) !== null,
      execute: args => {
        const address = addressIn(args) ?? tracker.currentWidget?.content.address;
        if (address !== undefined) {
          Clipboard.copyToSystem(address.reference);
        }
      }
    });
    palette?.addItem({ args: { isPalette: true }, category: 'Audit Lab', command: CommandIDs.copyId });
    void restorer?.restore(tracker, {
      command: CommandIDs.openDecision,
      args: widget => ({ ...widget.content.address }),
      name: widget => key(widget.content.address)
    });
    return tracker;
  }
};

/** The address among a command's arguments, or null where it is not complete. */
export function addressIn(args: ReadonlyPartialJSONObject): DecisionAddress | null {
  const { log, reference } = args;
  return typeof log === 'string' && typeof reference === 'string' ? { log, reference } : null;
}

/** What tells one address from another. */
export function key(address: DecisionAddress): string {
  return JSON.stringify([address.log, address.reference]);
}

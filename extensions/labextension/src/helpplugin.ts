import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { infoIcon } from '@jupyterlab/ui-components';

import type { HelpWidget } from './help';
import { show } from './place';
import { told } from './told';
import { CommandIDs } from './tokens';

const ID = 'audit-lab-help';

/** Explains what the panel, its badges and its verdicts say: in the Help menu, the palette, and by a button of the panel. */
export const helpPlugin: JupyterFrontEndPlugin<void> = {
  id: 'audit-lab-labextension:help',
  description: 'Explains badges, verdicts, commands and keys, without a network.',
  autoStart: true,
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, palette: ICommandPalette | null, restorer: ILayoutRestorer | null) => {
    const { commands } = app;
    const tracker = new WidgetTracker<MainAreaWidget<HelpWidget>>({ namespace: ID });
    commands.addCommand(CommandIDs.help, {
      label: args => (args['isButton'] ? '' : 'Audit Lab Help'),
      caption: 'Explain what badges and verdicts mean and what to do next; list commands and keys',
      icon: args => (args['isButton'] ? infoIcon : undefined),
      execute: told(async () => {
        const help = await import('./help');
        let [widget] = tracker.filter(() => true);
        if (widget === undefined) {
          widget = new MainAreaWidget({ content: new help.HelpWidget(commands) });
          widget.id = ID;
          await tracker.add(widget);
        }
        show(app, widget);
      })
    });
    palette?.addItem({ category: 'Audit Lab', command: CommandIDs.help });
    void restorer?.restore(tracker, { command: CommandIDs.help, name: () => ID });
  }
};

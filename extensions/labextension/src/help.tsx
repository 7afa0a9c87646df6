import { ReactWidget } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { auditIcon } from './icon';
import { element } from './spelling';
import { HELP_COMMANDS } from './tokens';
import { BADGES, type Meaning, REPLAY_MEANINGS, VERIFICATION_MEANINGS } from './verdicts';

const SECTIONS: readonly (readonly [string, string])[] = [
  ['Logs', 'Every audit log below the server’s folder, with its badge. Verify checks the selected one down to every row.'],
  [
    'Newest predictions',
    'Those of the selected log. An id, or a part of one, is searched in the whole log; a press opens the decision.'
  ],
  ['Cases', 'Every case with its status, exhibits, findings and open actions, and the files that were edited by hand.'],
  ['Jobs', 'What the server is doing and did: how far it is, Cancel, and Show the result.']
];

/** What the panel's words mean, and which commands and keys there are: told here, with nothing fetched. */
export class HelpWidget extends ReactWidget {
  constructor(private readonly commands: CommandRegistry) {
    super();
    this.addClass('auditlab-Decision');
    this.title.icon = auditIcon;
    this.title.label = 'Audit Lab help';
    this.title.caption = 'What badges and verdicts mean, what to do next, commands and keys';
    this.node.tabIndex = -1;
  }

  protected override render(): React.JSX.Element {
    return <Help commands={this.commands} />;
  }
}

function Help({ commands }: { commands: CommandRegistry }): React.JSX.Element {
  return (
    <article aria-label="Audit Lab help" className="auditlab-Page">
      <h1 className="auditlab-Verdict">Audit Lab help</h1>
      <section aria-label="The panel" className="auditlab-Part">
        <h2>The panel</h2>
        <dl className="auditlab-Where">
          {SECTIONS.map(([name, told]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd>{told}</dd>
            </React.Fragment>
          ))}
        </dl>
        <p className="auditlab-Aside">
          Looking runs nothing of a log, writes nothing into it, and needs no kernel. Lists are walked with the arrow keys.
        </p>
      </section>
      <Meanings meanings={BADGES} name="Badge" title="What a log’s badge says" />
      <Meanings meanings={VERIFICATION_MEANINGS} name="Verdict" title="How a verification ends" />
      <Meanings meanings={REPLAY_MEANINGS} name="Verdict" title="How a replay ends" />
      <section aria-label="Commands and keys" className="auditlab-Part">
        <h2>Commands and keys</h2>
        <table className="auditlab-Table">
          <thead>
            <tr>
              <th scope="col">Command</th>
              <th scope="col">What it does</th>
              <th scope="col">Keys</th>
            </tr>
          </thead>
          <tbody>
            {HELP_COMMANDS.filter(id => commands.hasCommand(id)).map(id => (
              <tr key={id}>
                <th scope="row">{commands.label(id, { isPalette: true })}</th>
                <td>{commands.caption(id, { isPalette: true })}</td>
                <td>{keysOf(commands, id) ?? 'none'}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className="auditlab-Aside">
          All of them stand in the command palette under Audit Lab. Keys are changed in Settings &gt; Keyboard Shortcuts,
          actor, role and folder in Settings &gt; Settings Editor &gt; Audit Lab.
        </p>
      </section>
    </article>
  );
}

function Meanings(props: { meanings: readonly Meaning[]; name: string; title: string }): React.JSX.Element {
  return (
    <section aria-label={props.title} className="auditlab-Part">
      <h2>{props.title}</h2>
      <table className="auditlab-Table">
        <thead>
          <tr>
            <th scope="col">{props.name}</th>
            <th scope="col">What it means</th>
            <th scope="col">What to do next</th>
          </tr>
        </thead>
        <tbody>
          {props.meanings.map(({ words, means, next }) => (
            <tr key={words}>
              <th scope="row">{words}</th>
              <td>{means}</td>
              <td>{next}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The keys of a command as they are set by now, in words. */
function keysOf(commands: CommandRegistry, id: string): string | undefined {
  const binding = commands.keyBindings.find(each => each.command === id);
  return binding && CommandRegistry.formatKeystroke(binding.keys);
}

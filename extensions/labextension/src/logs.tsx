import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { count, span } from './format';
import { ItemList } from './itemlist';
import type { LogEntry, LogsAnswer } from './messages';
import type { PanelModel } from './model';
import { nameOf } from './paths';
import { ProblemNote } from './problem';
import { element } from './spelling';
import { badge } from './verdicts';

/** The panel's upper section: the logs below the server's folder. */
export class LogsWidget extends ReactWidget {
  constructor(private readonly model: PanelModel) {
    super();
    this.addClass('auditlab-Section');
    this.title.label = 'Logs';
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.model.changed}>{() => <Logs model={this.model} />}</UseSignal>;
  }
}

function Logs({ model }: { model: PanelModel }): React.JSX.Element {
  switch (model.logs.state) {
    case 'failed':
      return <ProblemNote problem={model.logs.problem} />;
    case 'answered':
      return <Found answer={model.logs.value} model={model} />;
    default:
      return <p className="auditlab-Hint">Looking for logs…</p>;
  }
}

function Found({ answer, model }: { answer: LogsAnswer; model: PanelModel }): React.JSX.Element {
  return (
    <>
      {answer.logs.length === 0 && (
        <p className="auditlab-Hint">
          No audit log below the folder that this server shows. A log is a folder with a manifest.json of the format
          audit_lab.log.
        </p>
      )}
      <ItemList label="Audit logs">
        {answer.logs.map(log => (
          <li key={log.path}>
            <LogItem log={log} selected={log.path === model.selected?.path} select={() => model.select(log)} />
          </li>
        ))}
      </ItemList>
      {!answer.complete && (
        <p className="auditlab-Hint">
          Not every folder was searched. Start Jupyter in a folder nearer to the logs to see the rest.
        </p>
      )}
    </>
  );
}

function LogItem(props: { log: LogEntry; selected: boolean; select: () => void }): React.JSX.Element {
  const { log } = props;
  const { words, mark, told } = badge(log.integrity);
  return (
    <button
      aria-current={props.selected}
      className={`auditlab-Item ${props.selected ? 'auditlab-mod-selected' : ''}`}
      onClick={props.select}
      title={[log.origin, log.path, log.description, ...log.notes].filter(line => line !== null).join('\n')}
      type="button"
    >
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-name">{log.path === '.' ? (log.origin ?? '.') : nameOf(log.path)}</span>
        {log.problem !== null && <span className="auditlab-Tag auditlab-mod-error">cannot be read</span>}
        {log.problem === null && <span className="auditlab-Item-aside">{count(log.predictions ?? 0, 'prediction')}</span>}
      </span>
      <span className="auditlab-Item-line auditlab-mod-wrapped">
        <span className="auditlab-Item-detail">{log.path}</span>
        {(log.problem === null || log.integrity.verdict !== null) && (
          <span className={`auditlab-Badge auditlab-mod-${mark}`} title={told}>
            {words}
          </span>
        )}
      </span>
      {log.problem === null ? (
        <span className="auditlab-Item-detail">
          {[span(log.first_time, log.last_time), log.models.join(', ')].filter(part => part).join(' · ')}
        </span>
      ) : (
        <span className="auditlab-Item-problem" title={`${log.problem.message}. ${log.problem.next_step}`}>
          {log.problem.message}. {log.problem.next_step}
        </span>
      )}
    </button>
  );
}

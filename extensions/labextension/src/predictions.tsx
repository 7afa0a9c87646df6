import { InputGroup, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';

import { count, instant, parted, score } from './format';
import { ItemList } from './itemlist';
import type { LogEntry, PredictionRow } from './messages';
import type { PanelModel } from './model';
import { ProblemNote } from './problem';
import { element } from './spelling';
import type { DecisionAddress } from './tokens';

type Open = (address: DecisionAddress) => void;

/** The panel's lower section: the selected log's newest predictions, and the search for an id. */
export class PredictionsWidget extends ReactWidget {
  constructor(
    private readonly model: PanelModel,
    private readonly open: Open
  ) {
    super();
    this.addClass('auditlab-Section');
    this.title.label = 'Newest predictions';
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this.model.changed}>
        {() => {
          const log = this.model.selected;
          return log === null || log.problem !== null ? (
            <p className="auditlab-Hint">
              {log === null ? 'Select a log to see its newest predictions.' : 'This log cannot be read.'}
            </p>
          ) : (
            <Predictions log={log} model={this.model} open={this.open} />
          );
        }}
      </UseSignal>
    );
  }
}

function Predictions(props: { log: LogEntry; model: PanelModel; open: Open }): React.JSX.Element {
  const { log, model } = props;
  const open = (reference: string): void => props.open({ log: log.path, reference });
  const answered = model.predictions.state === 'answered' ? model.predictions.value : null;
  const rows = answered?.predictions ?? [];
  return (
    <>
      <div className="auditlab-Search">
        <InputGroup
          aria-label="Search for a prediction id"
          onChange={event => model.searchFor(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter' && model.search.trim() !== '') {
              open(meant(model));
            }
          }}
          placeholder="Find a prediction id"
          rightIcon="ui-components:search"
          spellCheck={false}
          type="search"
          value={model.search}
        />
      </div>
      {rows.length > 0 && <p className="auditlab-Caption">{caption(log, answered?.search ?? '', rows.length)}</p>}
      {model.predictions.state === 'asking' && <p className="auditlab-Hint">Reading predictions…</p>}
      {model.predictions.state === 'failed' && <ProblemNote problem={model.predictions.problem} />}
      {answered !== null && rows.length === 0 && (
        <p className="auditlab-Hint">
          {answered.search === ''
            ? 'This log holds no predictions.'
            : 'No prediction id of this log contains this text.'}
        </p>
      )}
      <ItemList label={`Newest predictions of ${log.path}`}>
        {rows.map((row, index) => (
          <li key={`${row.prediction_id} ${index}`}>
            <PredictionItem open={() => open(row.prediction_id)} row={row} />
          </li>
        ))}
      </ItemList>
    </>
  );
}

/** Which of the log's predictions are listed. */
function caption(log: LogEntry, search: string, rows: number): string {
  const shown = search === '' ? `Newest ${rows}` : `${rows} found`;
  return `${shown} of ${count(log.predictions ?? 0, 'prediction')} · UTC`;
}

/** What a search that was entered opens: the only prediction that the server found for it, else the id as typed. */
function meant(model: PanelModel): string {
  const search = model.search.trim();
  const found = model.predictions.state === 'answered' ? model.predictions.value : null;
  const only = found?.search === search && found.predictions.length === 1 ? found.predictions[0] : undefined;
  return only?.prediction_id ?? search;
}

function PredictionItem({ row, open }: { row: PredictionRow; open: () => void }): React.JSX.Element {
  const version = [row.model_name, row.model_version ?? 'no version'].filter(part => part !== null).join(' ');
  const [head, tail] = parted(row.prediction_id);
  return (
    <button className="auditlab-Item" onClick={open} title={[row.prediction_id, version, instant(row.occurred_at)].join('\n')} type="button">
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-name">{row.decision ?? 'no decision'}</span>
        <span className="auditlab-Item-aside auditlab-mod-cut">{row.model_version ?? 'no version'}</span>
        <span className="auditlab-Item-number">{row.score === null ? 'no score' : score(row.score)}</span>
      </span>
      <span className="auditlab-Item-line">
        <span className="auditlab-Item-id">
          <span className="auditlab-Item-head">{head}</span>
          <span>{tail}</span>
        </span>
        <span className="auditlab-Item-aside">{instant(row.occurred_at).replace(' UTC', '')}</span>
      </span>
    </button>
  );
}

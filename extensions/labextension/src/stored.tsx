import React from 'react';

import { ProblemNote } from './problem';
import { type Answer, Question } from './question';
import type { SourceAnswer, StoredRow } from './sourcemessages';
import { element } from './spelling';

/** A button that shows the stored rows behind a decision: they are read when they are asked for. */
export function Stored({ ask }: { ask: () => Promise<SourceAnswer> }): React.JSX.Element {
  const [answer, setAnswer] = React.useState<Answer<SourceAnswer>>({ state: 'not asked' });
  const question = React.useMemo(() => {
    const asked = new Question<SourceAnswer>(() => setAnswer(asked.answer));
    return asked;
  }, []);
  const isShown = answer.state !== 'not asked';
  return (
    <section aria-label="Stored bytes" className="auditlab-Part">
      <button
        aria-expanded={isShown}
        className="jp-Button jp-mod-styled jp-mod-minimal"
        onClick={() => (isShown ? question.forget() : void question.ask(ask()))}
        title="Show which files and rows it is stored in, and their bytes"
        type="button"
      >
        Stored bytes
      </button>
      {answer.state === 'asking' && <p role="status">Reading what is stored…</p>}
      {answer.state === 'failed' && <ProblemNote problem={answer.problem} />}
      {answer.state === 'answered' && 
        answer.value.rows.map((row, index) => <StoredPart key={index} row={row} told={answer.value.summary[index]} />)}
    </section>
  );
}

function StoredPart({ row, told }: { row: StoredRow; told: string | undefined }): React.JSX.Element {
  const facts: [string, string | null][] = [
    ['File', row.file],
    ['Row in the file', String(row.file_row)],
    ['SHA-256 of the file, as the log states it', row.file_sha256],
    ['Canonical bytes of the row', row.content],
    ['Leaf: SHA-256 of a zero byte and these', row.leaf],
    ['Leaf that was sealed', row.sealed_leaf]
  ];
  return (
    <section aria-label={`Stored in ${row.table}`} className="auditlab-Part">
      <h2>Stored in {row.table}</h2>
      <p className={row.is_as_sealed === false ? 'auditlab-Callout auditlab-mod-error' : ''}>{told}</p>
      <dl className="auditlab-Where">
        {facts.map(
          ([name, value]) =>
            value !== null && (
              <React.Fragment key={name}>
                <dt>{name}</dt>
                <dd className="auditlab-Code">{value}</dd>
              </React.Fragment>
            )
        )}
      </dl>
      <table className="auditlab-Table">
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type in the file</th>
            <th scope="col">Canonical bytes</th>
          </tr>
        </thead>
        <tbody>
          {row.values.map(value => (
            <tr key={value.column}>
              <th scope="row">{value.column}</th>
              <td>{value.type}</td>
              <td className="auditlab-Code">{value.bytes}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

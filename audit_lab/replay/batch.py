"""Replay many predictions: read in chunks, scored by one warm child for each version, compared row by row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError, SandboxError
from audit_lab.replay.comparison import compared
from audit_lab.replay.readiness import coded, coded_alike, misfit
from audit_lab.replay.recorded_rows import CHUNK_ROWS, RecordedRows
from audit_lab.replay.registered import load_registered
from audit_lab.replay.scored import failure_code, score_rows, worker_for
from audit_lab.replay.tolerance import Tolerance, tolerance_of
from audit_lab.replay.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from concurrent.futures import Executor, Future

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.kept_replay import KeptReplay
    from audit_lab.replay.recorded_rows import Chunk
    from audit_lab.replay.registered import Model
    from audit_lab.replay.scored import Scored
    from audit_lab.sandbox import Limits, PythonEnvironment, Worker

__all__ = ["RESULT_SCHEMA", "Ran", "Runner", "replay_window"]

RESULT_SCHEMA = pl.Schema(
    {
        "prediction_id": pl.String(),
        "place": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "model_name": pl.String(),
        "model_version": pl.String(),
        "verdict": pl.String(),
        "code": pl.String(),
        "detail": pl.String(),
        "recorded_score": pl.Float64(),
        "replayed_score": pl.Float64(),
        "distance": pl.Float64(),
        "ulps": pl.UInt64(),
        "precision": pl.String(),
        "recorded_probabilities": pl.List(pl.Float64()),
        "replayed_probabilities": pl.List(pl.Float64()),
        "recorded_label": pl.String(),
        "replayed_label": pl.String(),
        "recorded_rule": pl.String(),
        "replayed_rule": pl.String(),
        "recorded_decision": pl.String(),
        "replayed_decision": pl.String(),
    }
)
_ORDER = "__order__"


@dataclass(frozen=True)
class Ran:
    """How a version was run: isolation, tolerance, environment and notes, as JSON-safe values."""

    isolation: dict[str, str]
    tolerance: dict[str, Any]
    environment: str
    fingerprint: dict[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Prepared:
    """Rows of one version, coded; those that nothing keeps from a replay are scored."""

    name: str
    model: Model | None
    rows: pl.DataFrame

    @property
    def ready(self) -> pl.DataFrame:
        return self.rows.filter(pl.col("code").is_null())


#: A group, and what came of it: the rows scored, the error that kept its version from running, or nothing to run.
_Done = tuple[_Prepared, "Scored | ModelError | SandboxError | None"]


class Runner:
    """Runs rows of a log's versions, each version's artifact loaded and checked once.

    Parameters
    ----------
    store
        The log.
    limits
        What each version's child process may use for a chunk.
    trust
        Artifacts that may run although opening them runs code: ``sha256:<digest>`` each.
    trusted_types
        Types in skops files that may be built, by name.
    environment
        Returns the interpreter environment for a version, None for the present one; None: always the present one.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        limits: Limits | None = None,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        environment: Callable[[Model], PythonEnvironment | None] | None = None,
    ) -> None:
        self._store = store
        self.limits = limits
        self._trust = frozenset(trust)
        self._types = tuple(sorted(trusted_types))
        self._environment = environment
        self._versions: dict[tuple[str | None, str | None], tuple[Model | None, str, str]] = {}
        self._tolerances: dict[str, Tolerance] = {}
        self._workers: dict[str, Worker] = {}
        self.ran: dict[str, Ran] = {}

    def cancel(self) -> None:
        """End the children that run; what waits for them is told by a `SandboxError`."""
        for worker in self._workers.values():
            worker.close()

    def stated(self) -> dict[str, Any]:
        """Return what of this runner bears on verdicts, as JSON-safe values."""
        return {
            "environment": "present" if self._environment is None else "recorded",
            "trust": sorted(self._trust),
            "trusted_types": list(self._types),
        }

    def model(self, model_name: str | None, model_version: str | None) -> Model | None:
        """Return a version that can be run, None where it cannot."""
        return self._version(model_name, model_version)[0]

    def tolerance(self, name: str) -> Tolerance | None:
        """Return the tolerance of a version (model and version in one) that was prepared."""
        return self._tolerances.get(name)

    def compared(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of one version, replayed and compared, with their inputs; what cannot be replayed is left out."""
        done = [rows.clear()]
        for group in self.prepared(rows):
            scored = self.scored(group)
            if isinstance(scored, ModelError | SandboxError):
                raise scored
            if scored is not None and group.model is not None:
                kind = group.model.signature.output.kind
                done.append(compared(scored.rows, kind, self._tolerances[group.name]).drop(_ORDER))
        return pl.concat(done, how="diagonal_relaxed")

    def prepared(self, rows: pl.DataFrame) -> list[_Prepared]:
        """Return the rows of a chunk by version, each with the code of what keeps it from being replayed."""
        groups = rows.with_row_index(_ORDER).partition_by(
            "model_name", "model_version", maintain_order=True, as_dict=True
        )
        return [
            self._prepared(*(None if part is None else str(part) for part in key[:2]), rows=group)
            for key, group in groups.items()
        ]

    def replayed(self, prepared: Iterable[_Prepared]) -> pl.DataFrame:
        """Score what is ready, compare it with the record, and return `RESULT_SCHEMA` in the order of the chunk."""
        return self.finished([(group, self.scored(group)) for group in prepared])

    def scored(self, group: _Prepared) -> Scored | ModelError | SandboxError | None:
        """Run what is ready of a group; return the error where the version could not be run."""
        ready = group.ready
        if group.model is None or not ready.height:
            return None
        try:
            environment = None if self._environment is None else self._environment(group.model)
            worker = worker_for(group.model, limits=self.limits, environment=environment)
            self._workers[group.name] = worker
            done = score_rows(group.model, ready, worker)
        except (ModelError, SandboxError) as error:
            return error
        self._remember(group, done, environment)
        return done

    def finished(self, groups: Iterable[_Done]) -> pl.DataFrame:
        """Compare what was scored, and put groups together again."""
        done = []
        for group, scored in groups:
            rows = group.rows
            if isinstance(scored, ModelError | SandboxError):
                code = pl.coalesce("code", pl.lit(failure_code(scored)))
                rows = rows.with_columns(code=code, detail=pl.coalesce("detail", pl.lit(str(scored))))
            elif scored is not None and group.model is not None:
                kind = group.model.signature.output.kind
                told = compared(scored.rows, kind, self._tolerances[group.name])
                kept = rows.filter(pl.col("code").is_not_null())
                done.append(_result(told))
                rows = kept
            done.append(_result(rows))
        return pl.concat(done).sort(_ORDER).drop(_ORDER) if done else pl.DataFrame(schema=RESULT_SCHEMA)

    def _prepared(self, model_name: str | None, model_version: str | None, *, rows: pl.DataFrame) -> _Prepared:
        name = f"{model_name or 'no model'} {model_version or 'without a version'}"
        model, code, detail = self._version(model_name, model_version)
        if model is None:
            return _Prepared(name, None, coded_alike(rows, code, detail))
        if name not in self._tolerances:
            try:
                self._tolerances[name] = tolerance_of(model.version["signature"], model.signature.output.kind)
            except (ValueError, AttributeError) as error:
                return _Prepared(name, None, coded_alike(rows, "tolerance-unreadable", str(error)))
        return _Prepared(name, model, coded(rows, model))

    def _version(self, model_name: str | None, model_version: str | None) -> tuple[Model | None, str, str]:
        key = (model_name, model_version)
        if key not in self._versions:
            self._versions[key] = self._loaded(model_name, model_version)
        return self._versions[key]

    def _loaded(self, model_name: str | None, model_version: str | None) -> tuple[Model | None, str, str]:
        try:
            model = load_registered(
                self._store, model_name, model_version, trust=self._trust, trusted_types=self._types
            )
        except ModelError as error:
            return None, error.code, str(error)
        there = model.version["model_name"] in self._store.models()
        inputs = self._store.inputs(model.version["model_name"]).collect_schema() if there else None
        wanting = misfit(model, inputs)
        return (model, "", "") if wanting is None else (None, *wanting)

    def _remember(self, group: _Prepared, scored: Scored, environment: PythonEnvironment | None) -> None:
        before = self.ran.get(group.name)
        notes = tuple(dict.fromkeys((*(before.notes if before else ()), *scored.notes)))
        self.ran[group.name] = Ran(
            scored.isolation,
            self._tolerances[group.name].to_dict(),
            "present" if environment is None else environment.name,
            scored.fingerprint,
            notes,
        )


def replay_window(
    store: LogStore,
    question: Question,
    runner: Runner,
    *,
    keep: KeptReplay | None = None,
    progress: Callable[[str, int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[pl.DataFrame]:
    """Yield the verdicts of what a question finds, chunk by chunk, in the order in which the log holds the rows.

    While a child scores one chunk the next one is read, and the one before is compared.

    Parameters
    ----------
    store, question
        The log, and which of its predictions.
    runner
        Runs the versions.
    keep
        Where chunks are kept as they are done; those that it has already are not replayed again, nor yielded.
    progress
        Called after each chunk of a version with its name and the number of predictions.
    chunk_rows
        Rows of a chunk.

    Yields
    ------
    pl.DataFrame
        `RESULT_SCHEMA`.

    Raises
    ------
    LogError, MisuseError
        A table cannot be read, or the question cannot be answered.
    """
    reading = RecordedRows(store, question, chunk_rows)
    chunks = reading.chunks(frozenset() if keep is None else keep.done())

    def read() -> tuple[Chunk, list[_Prepared]] | None:
        chunk = next(chunks, None)
        return None if chunk is None else (chunk, runner.prepared(chunk.rows))

    def score(groups: list[_Prepared]) -> list[_Done]:
        return [(group, runner.scored(group)) for group in groups]

    with ThreadPoolExecutor(1, "read") as reader, ThreadPoolExecutor(1, "score") as scorer:
        try:
            for chunk, scoring in _overlapped(reader, read, scorer, score):
                done = scoring.result()
                result = runner.finished(done)
                if keep is not None:
                    keep.add(
                        chunk,
                        result,
                        {group.name: runner.ran[group.name] for group, _ in done if group.name in runner.ran},
                    )
                for group, _ in done:
                    if progress is not None:
                        progress(group.name, group.rows.height)
                yield result
        except BaseException:
            runner.cancel()
            raise


def _overlapped(
    reader: Executor,
    read: Callable[[], tuple[Chunk, list[_Prepared]] | None],
    scorer: Executor,
    score: Callable[[list[_Prepared]], list[_Done]],
) -> Iterator[tuple[Chunk, Future[list[_Done]]]]:
    """Yield each chunk once the next one is handed to the child, while the one after that is read."""
    coming, waiting = reader.submit(read), None
    while (prepared := coming.result()) is not None:
        coming = reader.submit(read)
        chunk, groups = prepared
        started = (chunk, scorer.submit(score, groups))
        if waiting is not None:
            yield waiting
        waiting = started
    if waiting is not None:
        yield waiting


def _result(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of `RESULT_SCHEMA` and the order; what has no verdict could not be replayed."""
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in RESULT_SCHEMA.items() if name not in rows.columns
    ]
    verdict = pl.coalesce("verdict", pl.lit(str(Verdict.UNREPLAYABLE)))
    return rows.with_columns(missing).select(_ORDER, *RESULT_SCHEMA.names()).with_columns(verdict=verdict)

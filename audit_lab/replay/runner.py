"""Run rows of a log's versions: each version's artifact loaded and checked once, its child kept warm."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError, SandboxClosedError, SandboxError
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.artifacts.stamps import artifact_stamps
from audit_lab.replay.following import said_of
from audit_lab.replay.readiness import coded, coded_alike, misfit
from audit_lab.replay.refusals import told_apart
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registration import edition_number, edition_numbers, editions, is_constant
from audit_lab.replay.scored import Scored, failure_code, load_ahead, score_rows, worker_for
from audit_lab.replay.tolerance import Tolerance, declared_tolerance, tolerance_of
from audit_lab.replay.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.replay.registered import Model
    from audit_lab.replay.registration import Edition
    from audit_lab.replay.surroundings import RecordedEnvironments
    from audit_lab.sandbox import Limits, PythonEnvironment, Worker

__all__ = ["RESULT_SCHEMA", "Prepared", "Ran", "Runner", "Tried"]

RESULT_SCHEMA = pl.Schema(
    {
        "prediction_id": pl.String(),
        "place": pl.String(),
        "occurred_at": pl.Datetime("us", "UTC"),
        "model_name": pl.String(),
        "model_version": pl.String(),
        "version_said": pl.String(),
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
_EDITION = "__edition__"
_KEYS = ["model_name", "model_version", _EDITION]
#: Artifacts of up to so many bytes are kept in memory between two replays of one opened log.
_LARGEST_KEPT_BYTES = 64_000_000


@dataclass(frozen=True)
class Ran:
    """How a version was run: isolation, tolerance, environment and notes, as JSON-safe values.

    `unseen` is feature to how many of its values are no category that the model knows.
    """

    isolation: dict[str, str]
    tolerance: dict[str, Any]
    environment: str
    fingerprint: dict[str, Any]
    notes: tuple[str, ...]
    unseen: dict[str, int]

    def sentences(self) -> tuple[str, ...]:
        """Return notes and unseen categories in words."""
        unseen = (
            f"{count:,} values of {name} are no category that the model knows" for name, count in self.unseen.items()
        )
        return (*self.notes, *(f"{sentence}." for sentence in unseen))


@dataclass(frozen=True)
class Prepared:
    """Rows of one version, coded; those that nothing keeps from a replay are `ready`."""

    name: str
    model: Model | None
    rows: pl.DataFrame

    @property
    def ready(self) -> pl.DataFrame:
        """The rows without a code; not copied where that is all of them."""
        return self.rows.filter(pl.col("code").is_null()) if self.rows["code"].count() else self.rows


@dataclass(frozen=True)
class _Version:
    """A version as the registry had it at some time: ready to be run, or the code and detail of what is wanting."""

    name: str
    model: Model | None
    code: str = ""
    detail: str = ""
    tolerance: Tolerance | None = None


@dataclass(frozen=True)
class Tried:
    """What came of running a group: rows with their outputs, and rows that could not be run, with code and detail."""

    scored: tuple[Scored, ...]
    failed: tuple[pl.DataFrame, ...]


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
    environments
        The recorded environments to run versions in; None: the present one.
    """

    def __init__(
        self,
        store: LogStore,
        *,
        limits: Limits | None = None,
        trust: Collection[str] = (),
        trusted_types: Collection[str] = (),
        environments: RecordedEnvironments | None = None,
    ) -> None:
        self._store = store
        self.limits = limits
        self._trust = frozenset(trust)
        self._types = tuple(sorted(trusted_types))
        self._environments = environments
        self._versions: dict[tuple[str | None, str | None, int], _Version] = {}
        self._tolerances: dict[str, Tolerance] = {}
        self._workers: dict[str, Worker] = {}
        self._is_cancelled = False
        self._lock = Lock()
        self.ran: dict[str, Ran] = {}

    def cancel(self) -> None:
        """End the children that run, and start none any more; what waits for them is told by a `SandboxError`."""
        self._is_cancelled = True
        for worker in self._workers.values():
            worker.close()

    def stated(self) -> dict[str, Any]:
        """Return what of this runner bears on verdicts, as JSON-safe values."""
        return {
            "environment": "present" if self._environments is None else "recorded",
            "trust": sorted(self._trust),
            "trusted_types": list(self._types),
            "libraries": _libraries(),
        }

    def model(self, model_name: str | None, model_version: str | None, at: datetime | None = None) -> Model | None:
        """Return a version that can be run, as it was registered at a moment or by now; None where it cannot."""
        edition = edition_number(self._store, model_name, model_version, at)
        return self._version(model_name, model_version, edition).model

    def begin(self, model_name: str | None, model_version: str | None, at: datetime | None) -> None:
        """Let the child of a version that is about to be run come up; the parameters are those of `model`."""
        edition = edition_number(self._store, model_name, model_version, at)
        self._begin(self._version(model_name, model_version, edition))

    def load_ahead(self) -> None:
        """Let the child that was begun load its artifact, and wait for that."""
        for name, worker in list(self._workers.items()):
            model = next(each.model for each in list(self._versions.values()) if each.name == name)  # others are read
            if model is not None:
                load_ahead(model, worker)

    def loaded(self, model_name: str, model_version: str) -> Model:
        """Return a version as the registry has it by now.

        Raises
        ------
        ModelError
            With the code of what keeps it from being run.
        """
        return load_registered(self._store, model_name, model_version, trust=self._trust, trusted_types=self._types)

    def tolerance(self, model: Model) -> Tolerance:
        """Return the tolerance of a version that can be run.

        Raises
        ------
        ModelError
            Code ``tolerance-unreadable``.
        """
        try:
            return tolerance_of(
                model.version["signature"], model.signature.output.kind, declared_tolerance(self._store)
            )
        except (ValueError, AttributeError) as error:
            next_step = "Ask the model's owner for the tolerance that was declared."
            raise ModelError(
                f"the tolerance of {model.name} is none ({error})", next_step, "tolerance-unreadable"
            ) from error

    def compared(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows of one version, replayed and compared, with their inputs; what cannot be replayed is left out."""
        done = [rows.clear()]
        for group in self.prepared(rows):
            done += [each.drop(_ORDER) for each in self._told(group, self.tried(group))]
        return pl.concat(done, how="diagonal_relaxed")

    def prepared(self, rows: pl.DataFrame) -> list[Prepared]:
        """Return the rows of a chunk by version, each with the code of what keeps it from being replayed."""
        numbered = rows.with_row_index(_ORDER)
        keys = pl.DataFrame([*(rows[name] for name in _KEYS[:2]), edition_numbers(self._store, rows).alias(_EDITION)])
        if is_constant(keys):  # as is most often so, and then nothing need be copied
            return [self._prepared(keys.row(0), numbered)]
        groups = numbered.with_columns(keys[_EDITION]).partition_by(_KEYS, maintain_order=True, as_dict=True)
        return [self._prepared(key, group.drop(_EDITION)) for key, group in groups.items()]

    def replayed(self, prepared: Iterable[Prepared]) -> pl.DataFrame:
        """Score what is ready, compare it with the record, and return `RESULT_SCHEMA` in the order of the chunk."""
        return self.finished([(group, self.tried(group)) for group in prepared])

    def tried(self, group: Prepared) -> Tried:
        """Run what is ready of a group; rows that the model refuses are told apart from those that it takes."""
        ready = group.ready
        if group.model is None or not ready.height:
            return Tried((), ())
        model = group.model
        scored: list[Scored] = []
        failed: list[pl.DataFrame] = []
        for rows, outcome in told_apart(ready, lambda some: self._scored(group.name, model, some)):
            if isinstance(outcome, ModelError | SandboxError):
                code, detail = failure_code(outcome), str(outcome)
                failed.append(rows.with_columns(code=pl.lit(code), detail=pl.lit(detail)))
            else:
                scored.append(outcome)
        return Tried(tuple(scored), tuple(failed))

    def finished(self, groups: Iterable[tuple[Prepared, Tried]]) -> pl.DataFrame:
        """Compare what was scored, and put groups together again."""
        done = []
        for group, tried in groups:
            kept = [group.rows.filter(pl.col("code").is_not_null())] if group.rows["code"].count() else []
            done += [_result(part) for part in (*self._told(group, tried), *tried.failed, *kept)]
        if not done:
            return pl.DataFrame(schema=RESULT_SCHEMA)
        together = done[0] if len(done) == 1 else pl.concat(done).sort(_ORDER)
        together.drop_in_place(_ORDER)
        return together

    def _told(self, group: Prepared, tried: Tried) -> Iterator[pl.DataFrame]:
        if group.model is not None and tried.scored:
            from audit_lab.replay.comparison import compared

            for scored in tried.scored:
                yield compared(scored.rows, group.model.signature.output.kind, self._tolerances[group.name])

    def _scored(self, name: str, model: Model, rows: pl.DataFrame) -> Scored | ModelError | SandboxError:
        worker, environment = None, None
        try:
            environment = None if self._environments is None else self._environments.of(model)
            worker = worker_for(model, limits=self.limits, environment=environment)
            self._workers[name] = worker
            if self._is_cancelled:
                worker.close()
            done = score_rows(model, rows, worker)
        except SandboxClosedError as error:  # by what other rows did to it, before these came to their turn
            return error if self._is_cancelled else self._scored(name, model, rows)
        except (ModelError, SandboxError) as error:
            if worker is not None and worker.in_force and name not in self.ran:
                # It was handed over, and may have run some way: under what, and why it might, must be on record.
                self._remember(name, model, Scored(rows, worker.in_force, (), {}, {}), environment)
            return error
        self._remember(name, model, done, environment)
        return done

    def _prepared(self, key: tuple[Any, ...], rows: pl.DataFrame) -> Prepared:
        model_name, model_version, edition = key
        version = self._version(model_name, model_version, edition)
        if version.model is None or version.tolerance is None:
            return Prepared(version.name, None, coded_alike(rows, version.code, version.detail))
        self._tolerances[version.name] = version.tolerance
        prepared = Prepared(version.name, version.model, coded(rows, version.model))
        if prepared.ready.height:
            self._begin(version)
        return prepared

    def _begin(self, version: _Version) -> None:
        """Let the first child come up while other things are done; what keeps it from that will be told by its run."""
        if version.model is not None and not self._workers and self._environments is None:
            with suppress(SandboxError):
                self._workers[version.name] = worker_for(version.model, limits=self.limits)
            import audit_lab.replay.comparison  # noqa: F401 - with numpy: now, while the child comes up

    def _version(self, model_name: str | None, model_version: str | None, edition: int) -> _Version:
        key = (model_name, model_version, edition)
        if key not in self._versions:
            self._versions[key] = self._loaded(model_name, model_version, edition)
        return self._versions[key]

    def _loaded(self, model_name: str | None, model_version: str | None, edition: int) -> _Version:
        """Return a version; it is read, and its digest taken, again only where its file or the registry changed."""
        stated = model_name is not None and model_version is not None
        known = editions(self._store, str(model_name), str(model_version)) if stated else ()
        row = known[edition].rows[-1] if known else {}
        stamps = artifact_stamps(self._store, row.get("artifact_uri"))
        if stamps is None or sum(each.size_bytes for each in stamps if each) > _LARGEST_KEPT_BYTES:
            return self._read(model_name, model_version, known, edition)
        key = ("version to run", model_name, model_version, edition, self._trust, self._types)
        inputs = (INPUTS_PREFIX + str(model_name),) if model_name in self._store.models() else ()
        return derived(
            self._store,
            key,
            ("model_versions", *inputs),
            lambda: self._read(model_name, model_version, known, edition),
            *stamps,
        )

    def _read(
        self, model_name: str | None, model_version: str | None, known: Sequence[Edition], edition: int
    ) -> _Version:
        name = f"{model_name or 'no model'} {model_version or 'without a version'}"
        since = known[edition].since if known else None
        if len(known) > 1 and since is not None:
            name += f", as registered on {since:%Y-%m-%d %H:%M} UTC"
        try:
            model = load_registered(
                self._store, model_name, model_version, at=since, trust=self._trust, trusted_types=self._types
            )
            tolerance = self.tolerance(model)
        except ModelError as error:
            return _Version(name, None, error.code, str(error))
        there = model.version["model_name"] in self._store.models()
        inputs = self._store.inputs(model.version["model_name"]).collect_schema() if there else None
        wanting = misfit(model, inputs)
        return _Version(name, model, tolerance=tolerance) if wanting is None else _Version(name, None, *wanting)

    def _remember(self, name: str, model: Model, scored: Scored, environment: PythonEnvironment | None) -> None:
        further = () if self._environments is None else self._environments.notes(model)
        ran = Ran(
            scored.isolation,
            self._tolerances[name].to_dict(),
            "present" if environment is None else environment.name,
            scored.fingerprint,
            (*model.artifact.notes, *scored.notes, *further, *said_of(scored.rows)),
            scored.unseen,
        )
        with self._lock:
            before = self.ran.get(name)
            if before is not None:
                notes = tuple(dict.fromkeys((*before.notes, *ran.notes)))
                names = {**before.unseen, **ran.unseen}
                unseen = {each: before.unseen.get(each, 0) + ran.unseen.get(each, 0) for each in names}
                ran = replace(ran, notes=notes, unseen=unseen)
            self.ran[name] = ran


def _libraries() -> dict[str, str]:
    """Return the releases that a score passes through here, and our own: results of others are not mixed with these."""
    from audit_lab import __version__
    from audit_lab.replay.environment.comparison import SCORE_RELEVANT
    from audit_lab.replay.environment.fingerprint_task import present_fingerprint

    present = present_fingerprint()
    relevant = {name: version for name, version in present.packages.items() if name in SCORE_RELEVANT}
    return {"audit-lab": __version__, "python": present.python or "", **relevant}


def _result(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of `RESULT_SCHEMA` and the order; what has no verdict could not be replayed."""
    columns = {
        name: pl.col(name) if name in rows.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in RESULT_SCHEMA.items()
    }
    columns["verdict"] = pl.coalesce(columns["verdict"], pl.lit(str(Verdict.UNREPLAYABLE))).alias("verdict")
    return rows.select(_ORDER, *columns.values())

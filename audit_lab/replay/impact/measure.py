"""Go through a window chunk by chunk, decide each prediction twice, and add up what a correction changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.samplings import recorded_only
from audit_lab.log.schema import TABLES
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.impact.alongside import PREDICTION, Alongside
from audit_lab.replay.impact.cases import Labels
from audit_lab.replay.impact.corrected_rows import check_conditions, named_columns
from audit_lab.replay.impact.kinds import Change, FeatureChange
from audit_lab.replay.impact.overridden import with_overrides
from audit_lab.replay.impact.redecision import Redecision
from audit_lab.replay.impact.replacement import Replacement
from audit_lab.replay.impact.result import Impact
from audit_lab.replay.impact.tally import Tally
from audit_lab.replay.kept_replay import KeptReplay
from audit_lab.replay.recorded_rows import CHUNK_ROWS, RecordedRows
from audit_lab.sandbox import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.recorded_rows import Chunk
    from audit_lab.replay.runner import Runner

__all__ = ["measure_impact"]

_SUBJECT = "subject_id"
#: Under this key a kept chunk says what each change met in it.
_MET = "audit_lab.met"
#: Columns of a chunk that are the prediction's own, without a prefix.
_OWN = ("model_name", "model_version")
#: Columns of the predictions that name no group: each value is one prediction's, or is no single value.
_NO_GROUPS = ("prediction_id", "occurred_at", "recorded_at", "outputs", "sequence", "request_id", "trace_id")


def measure_impact(
    store: LogStore,
    changes: Change | Sequence[Change],
    question: Question,
    runner: Runner,
    *,
    version: str | None = None,
    groups: Sequence[str] = ("model_version",),
    subjects: bool = True,
    keep: Path | str | None = None,
    progress: Callable[[str, int], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Impact:
    """Decide what a question finds again under a correction, and return what would have been decided otherwise.

    Parameters
    ----------
    store
        The log.
    changes
        The correction: one change or several, made in order.
    question
        Which predictions.
    runner
        Runs their versions.
    version
        Only predictions that state this model version.
    groups
        Columns of the predictions, or features, by whose recorded values the decisions are counted.
    subjects
        Whether the subjects' pseudonyms are read.
    keep
        A folder to keep every case in as it comes; a run of the same that was stopped goes on there.
    progress
        Called after each chunk with ``predictions`` and how many it has.
    chunk_rows
        Rows of a chunk.

    Raises
    ------
    MisuseError
        There is no correction; it, or a group, names what is not in the log; a group has more than 10,000 different
        values; or `keep` holds something else.
    LogError
        A table cannot be read.
    """
    made = (changes,) if isinstance(changes, Change) else tuple(changes)
    if not made or not all(isinstance(each, Change) for each in made):
        raise MisuseError("there is no correction", "Make one: al.Correction.unit('distance', 'km -> mile').")
    features = _features(store, question)
    _check(store, made, features)
    labels = _labels(groups, features, subjects=subjects)
    asked = _asked(store, question, version, groups, subjects=subjects)
    kept = None
    if keep is not None:
        kept = KeptReplay(keep, _to_keep(asked, question, made, runner, chunk_rows), labels.schema, "audit_lab.impact")
    tally = Tally(groups, labels.schema)
    redecision = Redecision(store, runner, made, labels)
    columns = {name.removeprefix(PREDICTION) for name in (*labels.groups.values(), labels.subject or "")}
    columns = named_columns(made) | (columns & set(TABLES["predictions"].columns))
    read = _read(store, question, columns - set(_OWN), kept, chunk_rows)
    if version is not None:
        read = ((chunk, rows.filter(pl.col("model_version") == version)) for chunk, rows in read)
    for cases in _cases(read, redecision, runner, kept, progress):
        if kept is None:
            tally.add(cases)
    if kept is not None:
        for cases in kept.rows().collect_batches(maintain_order=True):
            tally.add(cases)
        for counts in kept.told(_MET):
            redecision.met.add_all(counts)
    redecision.check_rules_met()
    return Impact(
        changes=made,
        asked=asked,
        counts=tally.counts,
        affected=with_overrides(store, tally.affected()),
        by_group=tally.by_group(),
        why_not_decided=tally.why_not_decided(),
        not_decided=tally.not_decided(),
        score_shifts=tally.shifts.to_dict(),
        unmet=redecision.met.unmet(),
        ran=dict(runner.ran) if kept is None else kept.ran(),
        kept=None if kept is None else kept.folder,
        sampled=recorded_only(store, question.model, question.since, question.until),
    )


def _read(
    store: LogStore, question: Question, columns: set[str], kept: KeptReplay | None, chunk_rows: int
) -> Iterator[tuple[Chunk, pl.DataFrame]]:
    """Yield the chunks of a question that are not kept yet, and their rows with further columns."""
    reading = RecordedRows(store, question, chunk_rows)
    alongside = Alongside(store, question, reading.models, columns)
    for chunk in reading.chunks(frozenset() if kept is None else kept.done()):
        yield chunk, alongside.rows(chunk)


def _cases(
    read: Iterator[tuple[Chunk, pl.DataFrame]],
    redecision: Redecision,
    runner: Runner,
    kept: KeptReplay | None,
    progress: Callable[[str, int], None] | None,
) -> Iterator[pl.DataFrame]:
    """Yield the cases of each chunk; the next one is read while the child scores one."""
    with ThreadPoolExecutor(1, "read") as reader:
        try:
            coming = reader.submit(next, read, None)
            while (found := coming.result()) is not None:
                coming = reader.submit(next, read, None)
                chunk, rows = found
                cases = redecision.cases(rows)
                if kept is not None:
                    kept.add(chunk, cases, runner.ran, {_MET: redecision.met.taken()})
                if progress is not None:
                    progress("predictions", rows.height)
                yield cases
        except BaseException:
            runner.cancel()
            raise


def _features(store: LogStore, question: Question) -> dict[str, dict[str, pl.DataType]]:
    """Return the recorded features of each model that a question is about."""
    known = store.models()
    models = known if question.model is None else tuple(name for name in known if name == question.model)
    return {name: dict(store.inputs(name).collect_schema()) for name in models}


def _check(store: LogStore, changes: Sequence[Change], features: dict[str, dict[str, pl.DataType]]) -> None:
    """See to it that each change fits at least one of the models, before anything is run.

    Raises
    ------
    MisuseError
        A feature is in none of them, or a condition fits none that has the feature.
    """
    known = sorted({name for schema in features.values() for name in schema})
    for change in changes:
        wanted = (
            [change.feature]
            if isinstance(change, FeatureChange)
            else list(change.features)
            if isinstance(change, Replacement)
            else []
        )
        lacking = [name for name in wanted if name not in known]
        if lacking:
            raise MisuseError(
                f"no feature {lacking[0]!r} is recorded, so it cannot be corrected", f"Recorded are {', '.join(known)}."
            )
    predictions = {PREDICTION + name: dtype for name, dtype in store.table("predictions").collect_schema().items()}
    for schema in features.values():
        recorded = {FEATURE + name: dtype for name, dtype in schema.items()}
        check_conditions({**predictions, **recorded}, changes)


def _labels(groups: Sequence[str], features: dict[str, dict[str, pl.DataType]], *, subjects: bool) -> Labels:
    """Return which columns name the groups.

    Raises
    ------
    MisuseError
        A group is neither a column of the predictions nor a feature, or can be none.
    """
    known = {name for schema in features.values() for name in schema}
    named: dict[str, str] = {}
    for group in groups:
        feature = group.removeprefix(FEATURE)
        if group in _OWN:
            named[group] = group
        elif group in TABLES["predictions"].columns and group not in _NO_GROUPS:
            named[group] = PREDICTION + group
        elif feature in known:
            named[group] = FEATURE + feature
        else:
            raise MisuseError(
                f"{group!r} is nothing to group by",
                f"Name a column of the predictions such as model_version, or a feature: {', '.join(sorted(known))}.",
            )
    return Labels(named, PREDICTION + _SUBJECT if subjects else None)


def _asked(
    store: LogStore, question: Question, version: str | None, groups: Sequence[str], *, subjects: bool
) -> dict[str, Any]:
    times = {name: getattr(question, name) for name in ("since", "until")}
    return {
        "log": store.origin,
        "state": store.checkpoint or (store.manifest.sha256 if store.manifest else store.location),
        "expression": None if question.expression is None else str(question.expression),
        **{name: None if at is None else at.isoformat() for name, at in times.items()},
        "model": question.model,
        "version": version,
        "groups": list(groups),
        "subjects": subjects,
    }


def _to_keep(
    asked: dict[str, Any], question: Question, changes: Sequence[Change], runner: Runner, chunk_rows: int
) -> dict[str, Any]:
    """Return what a kept run is of; only one of the very same goes on."""
    if not isinstance(question.expression, str | None):
        raise MisuseError(
            "an impact by a polars expression cannot be kept", "Write the expression as text, or leave keep out."
        )
    limits = asdict(runner.limits or Limits())
    correction = [change.to_dict() for change in changes]
    return {**asked, "correction": correction, "chunk_rows": chunk_rows, "limits": limits, **runner.stated()}

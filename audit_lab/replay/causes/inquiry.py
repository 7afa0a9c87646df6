"""An inquiry into a divergence: the decisions around it are replayed too, so that one coincidence is no cause."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AuditLabError, ModelError
from audit_lab.log.index.shelf import table_rows
from audit_lab.log.search.query import Question
from audit_lab.replay.causes.search import explain_output
from audit_lab.replay.causes.steps import explain_step
from audit_lab.replay.causes.trial import Recorded, Setting
from audit_lab.replay.recorded_rows import RecordedRows
from audit_lab.replay.registry import registered_versions
from audit_lab.replay.scored import worker_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.store import LogStore
    from audit_lab.replay.causes.cause import Explanation
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner

__all__ = ["Inquiry"]

#: So many decisions that diverged, and so many that did not, are looked at ...
_MOST_DIVERGED = 200
_MOST_BESIDE = 400
#: ... nearest in time first: an hour each way, then more, up to a month.
_REACHES = (timedelta(hours=1), timedelta(hours=8), timedelta(days=2), timedelta(days=8), timedelta(days=31))
_MOST_READ = 50_000
_MOST_CHUNKS = 20


class Inquiry:
    """Looks for what reproduces records that a replay did not reproduce.

    Parameters
    ----------
    store
        The log.
    runner
        Runs its versions.
    """

    def __init__(self, store: LogStore, runner: Runner) -> None:
        self._store = store
        self._runner = runner

    def into_decision(self, row: pl.DataFrame, code: str) -> Explanation | None:
        """Look for the cause of one decision's divergence, among the decisions of its version around it.

        Parameters
        ----------
        row
            The decision, as `audit_lab.replay.single.recorded_row` gives it.
        code
            Its code: ``score-differs`` ... or ``within-tolerance``.
        """
        own = self._runner.compared(row)
        around = self._around(row) if code != "within-tolerance" else None
        if around is None or not around.height:
            rows = own
        else:
            others = self._runner.compared(around.filter(pl.col("place") != row["place"][0]))
            rows = pl.concat([own, others], how="diagonal_relaxed")
        return self._into(rows, code)

    def into_ids(self, ids: pl.Series, code: str, model_name: str, day: date | None) -> Explanation | None:
        """Look for one cause of the divergence of many decisions of one version on one day.

        Parameters
        ----------
        ids
            Of decisions that diverged.
        code
            Their code.
        model_name, day
            Their model, and the day in UTC.
        """
        since = None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)
        until = None if since is None else since + timedelta(days=1)
        every = self._read(Question(None, since, until, model_name))
        if every is None:
            return None
        named = every.filter(pl.col("prediction_id").is_in(ids.implode()))
        if not named.height:
            return None
        version = named["model_version"][0]
        others = every.filter(pl.col("model_version") == version, ~pl.col("prediction_id").is_in(ids.implode()))
        rows = self._runner.compared(pl.concat([named, others.head(_MOST_BESIDE)]))
        return self._into(
            rows.with_columns(__other=pl.col("code") != code).sort("__other", maintain_order=True).drop("__other"), code
        )

    def _read(self, question: Question) -> pl.DataFrame | None:
        """Return what a question finds, at most so many rows as are looked at."""
        chunks = RecordedRows(self._store, question, _MOST_READ).chunks()
        rows = [chunk.rows for chunk, _ in zip(chunks, range(_MOST_CHUNKS), strict=False)]
        return pl.concat(rows, how="diagonal_relaxed") if rows else None

    def _into(self, rows: pl.DataFrame, code: str) -> Explanation | None:
        """Explain what diverged as the first row did."""
        name, version = rows["model_name"][0], rows["model_version"][0]
        model = self._runner.model(name, version, rows["occurred_at"][0])
        if model is None or rows["code"][0] != code:
            return None
        diverged = rows.filter(pl.col("code") == code).head(_MOST_DIVERGED)
        tolerance = self._runner.tolerance(model)
        setting = Setting(
            model, tuple(self._others(model)), tolerance, lambda each: worker_for(each, limits=self._runner.limits)
        )
        step = code.removesuffix("-differs")
        labelled = model.signature.output.kind == "label" and step == "label"
        times = diverged["occurred_at"]
        during = pl.col("occurred_at").is_between(times.min(), times.max()).fill_null(value=False)
        beside = rows.filter(pl.col("code").is_in(["exact", "within-tolerance"]), during).head(_MOST_BESIDE)
        if step not in ("score", "within-tolerance") and not labelled:
            return explain_step(step, setting, diverged, beside, self._thresholds(name))
        outputs = Recorded(rows, model.signature.output.kind, tolerance).values
        within = code == "within-tolerance"
        return explain_output(setting, diverged, beside.clear() if within else beside, outputs, only_precision=within)

    def _around(self, row: pl.DataFrame) -> pl.DataFrame | None:
        """Return the decisions of the same version nearest in time, itself among them."""
        at: datetime | None = row["occurred_at"][0]
        name, version = row["model_name"][0], row["model_version"][0]
        found = None
        if at is None:
            return None
        for reach in _REACHES:
            question = Question(None, at - reach, at + reach, name)
            read = self._read(question)
            if read is None:
                continue
            apart = (pl.col("occurred_at") - pl.lit(at)).abs()
            same = read.filter(pl.col("model_version") == version)
            found = same.sort(apart, "place").head(_MOST_DIVERGED + _MOST_BESIDE)
            if found.height >= _MOST_DIVERGED:
                break
        return found

    def _others(self, model: Model) -> Iterator[Model]:
        """Yield the other registered versions of a model that can be loaded."""
        for name, version in registered_versions(self._store):
            if name == model.version["model_name"] and version != model.version["model_version"]:
                try:
                    other = self._runner.model(name, version)
                except ModelError:
                    continue
                if other is not None:
                    yield other

    def _thresholds(self, model_name: str) -> set[float]:
        """Return thresholds that deployments' configurations state."""
        try:
            rows = table_rows(self._store, "deployments", pl.col("model_name") == model_name)
        except AuditLabError:
            return set()
        found = set()
        for text in rows["configuration"].drop_nulls().unique():
            value = _threshold(text)
            if value is not None:
                found.add(value)
        return found


def _threshold(text: str) -> float | None:
    try:
        document: Any = json.loads(text)
        value = document.get("threshold")
    except (ValueError, AttributeError, RecursionError):
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

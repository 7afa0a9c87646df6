"""The rows of one model that questions about time are asked of: predictions, inputs and outcomes, read in stretches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.face.column_types import is_readable, left_out
from audit_lab.face.description import predicting_model
from audit_lab.face.untimed import untimed_fact, untimed_predictions
from audit_lab.log.engines.answers import collected
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.evening import evened
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import is_sampled
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import repeated_ids
from audit_lab.log.search.query import instant
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.monitor.performance.known import OUTCOME_COLUMNS, outcomes_known
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.performance.known import Outcomes

__all__ = ["FAILED", "OUTCOMES", "OWN", "WindowedRows", "windowed_rows"]

#: What is there of a prediction itself, and the column of the log that it comes from.
OWN = {
    "score": "predictions.outputs",
    "decision": "predictions.decision",
    "label": "predictions.outputs",
    "error": "predictions.error",
    "model_version": "predictions.model_version",
    "node": "predictions.node",
    "environment": "predictions.environment",
    "endpoint": "predictions.endpoint",
    "risk_tier": "predictions.risk_tier",
    "latency_ms": "predictions.latency_ms",
}
#: What is there of what came true: of each prediction the outcome that counts, as performance takes it.
OUTCOMES = {"outcome": "outcomes.label", "outcome_value": "outcomes.value"}
#: What the column ``error`` holds where a prediction failed, and where it did not.
FAILED, DONE = "failed", "done"

_WEIGHTS = ("sampling_rate", "request_id")
_ID, _TIME = "prediction_id", "occurred_at"
_OUTPUTS = ("score", "label")
_HOUR = 3_600_000_000
_MINUTES, _QUARTERS = 60, 4


@dataclass(frozen=True)
class WindowedRows:
    """The predictions of one model in a period, without those that values were erased of.

    Numbers come as float64, everything else as text; `features` are named as in the log, and with ``inputs.`` before
    their name where a prediction has a column of that name.
    """

    store: LogStore
    model: str
    since: datetime | None
    until: datetime | None

    @cached_property
    def features(self) -> dict[str, str]:
        """The features by the name that they go by here, and their name in the log."""
        return {name: own for name, own in self._called.items() if is_readable(self._dtypes[own])}

    @cached_property
    def unreadable(self) -> dict[str, pl.DataType]:
        """The features that are neither numbers nor texts, which no question is asked of, and their types."""
        return {name: self._dtypes[own] for name, own in self._called.items() if name not in self.features}

    @cached_property
    def _called(self) -> dict[str, str]:
        taken = {*OWN, *OUTCOMES, _ID, _TIME}
        return {f"inputs.{name}" if name in taken else name: name for name in self._dtypes}

    @cached_property
    def _dtypes(self) -> dict[str, pl.DataType]:
        return self._beside(None, None).dtypes if self.model in self.store.models() else {}

    @cached_property
    def has_outcomes(self) -> bool:
        """Whether the log holds any outcome."""
        return self.store.source.tables().get("outcomes", 0) > 0

    @cached_property
    def hours(self) -> pl.DataFrame:
        """How many rows each hour has: ``hour`` (UTC) and ``rows``, ascending, hours without rows left out."""
        return self._counted(1)

    def hours_of(self, zone: str) -> pl.DataFrame:
        """Return the same for a zone: where its hours begin within those of UTC, by quarters of an hour.

        Raises
        ------
        MisuseError
            There is no such zone.
        """
        window_length("1d", zone)
        begins = self.hours["hour"].dt.convert_time_zone(zone).dt.minute()
        return self._counted(_QUARTERS) if (begins != 0).any() else self.hours

    def whole(self, first: datetime, last: datetime) -> tuple[bool, bool]:
        """Return whether the window that begins at `first`, and the one that ends at `last`, has all of its rows here.

        It has where the period holds it and the log has rows beyond it: otherwise it may be that of half a day.
        """
        begun = self.since is not None and self.since <= first and self._any(nw.col(_TIME) < first)
        over = self.until is not None and last <= self.until and self._any(nw.col(_TIME) >= last)
        return begun, over

    def _any(self, condition: nw.Expr) -> bool:
        rows = Beside(self.store, ()).predictions().filter(condition, nw.col("model_name") == self.model)
        return bool(collected(rows.select(_TIME).head(1), f"the predictions of {self.store.location}").height)

    def _counted(self, parts: int) -> pl.DataFrame:
        """Return the rows by parts of an hour."""
        frame = self._beside(self.since, self.until).predictions()
        frame = frame.filter(nw.col("model_name") == self.model, ~nw.col(_TIME).is_null())
        number = window_length("1h").number(_TIME, by_polars=frame.implementation.is_polars())
        if parts > 1:
            number = number * parts + nw.col(_TIME).dt.minute().cast(nw.Int64) // (_MINUTES // parts)
        counted = frame.select(number.alias("hour")).group_by("hour").agg(nw.len().alias("rows"))
        found = collected(counted, f"the predictions of {self.store.location}").sort("hour")
        moment = pl.from_epoch(pl.col("hour").cast(pl.Int64) * (_HOUR // parts), "us").dt.replace_time_zone("UTC")
        return found.select(moment.alias("hour"), pl.col("rows").cast(pl.Int64))

    @cached_property
    def is_sampled(self) -> bool:
        """Whether some of them state that others were not recorded: a sampling rate below 1."""
        return is_sampled(self.store, self.model, self.since, self.until)

    @property
    def facts(self) -> tuple[str, ...]:
        """What must be known about the rows."""
        evened = self.store.evened
        retyped = self.store.retyped(self.model)
        return (*(() if evened is None else (evened.fact,)), *self.weighted_facts, *left_out(self.unreadable), *retyped)

    @cached_property
    def weighted_facts(self) -> tuple[str, ...]:
        """What must be known about the rows where each is counted for as many as it stands for."""
        erased, repeated = self._erased.len(), self._repeated.len()
        left = f"predictions that are left out, as values of theirs were erased, which is no change: {erased:,}"
        unclear = (
            f"ids that stand on several predictions, whose outcomes are unclear and count as missing: {repeated:,}"
        )
        several = repeated_ids(self.store, INPUTS_PREFIX + self.model).len() if self._dtypes else 0
        inputs = f"ids that stand on several rows of inputs, whose features count as missing: {several:,}"
        counted = ((left, erased), (unclear, repeated if self.has_outcomes else 0), (inputs, several))
        facts = [fact for fact, count in counted if count]
        return (*facts, *untimed_fact(self.untimed("model_version")))

    @cached_property
    def outcome_facts(self) -> tuple[str, ...]:
        """What must be known of the outcomes: those of no prediction, corrected ones, and those that differ."""
        return self._known.facts if self.has_outcomes else ()

    def untimed(self, column: str) -> pl.DataFrame:
        """Return the model's predictions without a time by a column, as `untimed_predictions` has them."""
        return untimed_predictions(self.store, self.model, column)

    def checked(self, columns: Sequence[str]) -> list[str]:
        """Return columns that are there, each once.

        Raises
        ------
        MisuseError
            One is not, or is named twice.
        """
        known = [*self.features, *OWN, *(OUTCOMES if self.has_outcomes else ())]
        for name in columns:
            if name in self.unreadable:
                message = f"{name!r} of {self.model} holds {self.unreadable[name]}, which is neither numbers nor text"
                raise MisuseError(message, f"Columns are {', '.join(known)}.")
            if name not in known:
                raise MisuseError(f"there is no column {name!r} of {self.model}", f"Columns are {', '.join(known)}.")
        if len(set(columns)) != len(columns) or not columns:
            raise MisuseError("the columns must be at least one, and each only once", f"Choose of {', '.join(known)}.")
        return list(columns)

    def touched(self, columns: Sequence[str]) -> set[str]:
        """Return the columns of the log that an answer about these columns comes from."""
        return {(OWN | OUTCOMES).get(name) or f"inputs.{self.features[name]}" for name in columns}

    def reader(self, columns: Sequence[str], *, weights: bool = False) -> Callable[[datetime, datetime], pl.DataFrame]:
        """Return what reads the rows of ``start <= occurred_at < end`` within the period, in order of time and id.

        With `weights` they have ``sampling_rate`` and ``request_id`` (their own id where they have none) besides.
        """
        chosen = [*self.checked(columns), *(_WEIGHTS if weights else ())]
        return lambda start, end: self._read(chosen, start, end)

    def _read(self, columns: list[str], start: datetime, end: datetime) -> pl.DataFrame:
        since = start if self.since is None else max(start, self.since)
        until = end if self.until is None else min(end, self.until)
        beside, wanted = self._beside(since, until), [self.features[name] for name in columns if name in self.features]
        rows = beside.frame(wanted) if wanted else beside.predictions().filter(nw.col("model_name") == self.model)
        own = [name for name in columns if name in OWN or name in _WEIGHTS]
        outputs = nw.col("outputs").struct
        made = {name: outputs.field(name) for name in _OUTPUTS}
        made["request_id"] = nw.coalesce("request_id", _ID)
        picked = [made.get(name, nw.col(name)).alias(name) for name in own] + [
            nw.col(INPUT + self.features[name]).alias(name) for name in columns if name in self.features
        ]
        found = collected(rows.select(_ID, _TIME, *picked), f"the predictions of {self.store.location}")
        found = found.filter(~pl.col(_ID).is_in(self._erased.implode()))
        if any(name in OUTCOMES for name in columns):
            found = found.join(self._outcomes(found[_ID]), on=_ID, how="left")
        return found.sort(_TIME, _ID).select(pl.col(_TIME), *(_plain(name, found.schema[name]) for name in columns))

    def _outcomes(self, ids: pl.Series) -> pl.DataFrame:
        """Return the outcome that counts of each of some predictions, of those whose id is clear."""
        wanted = ids.unique().to_frame(_ID).join(self._repeated.to_frame(_ID), on=_ID, how="anti")
        mine = self._known.frame.join(wanted.lazy(), on=_ID, how="semi")
        return collect(mine.select(_ID, *OUTCOME_COLUMNS), f"the outcomes of {self.store.location}")

    @cached_property
    def _known(self) -> Outcomes:
        return outcomes_known(self.store, None)

    def _beside(self, since: datetime | None, until: datetime | None) -> Beside:
        models = (self.model,) if self.model in self.store.models() else ()
        return Beside(self.store, models, since, until)

    @cached_property
    def _repeated(self) -> pl.Series:
        return repeated_ids(self.store, "predictions")

    @cached_property
    def _erased(self) -> pl.Series:
        """Return the ids of the predictions that any value was erased of which a question may count."""
        found = [erased_ids(self.store, "predictions", ("outputs", "decision", "error"))]
        if self.has_outcomes:
            found.append(erased_ids(self.store, "outcomes", ("label", "value")))
        if self.features:
            found.append(erased_ids(self.store, INPUTS_PREFIX + self.model, tuple(self.features.values())))
        return pl.concat(found).unique().sort()


def windowed_rows(
    store: LogStore,
    model: str | None,
    since: str | date | datetime | None,
    until: str | date | datetime | None,
    *,
    even: bool = True,
) -> WindowedRows:
    """Return the rows of one model, which may be left out where the log has one, of ``since <= occurred_at < until``.

    Those of a sampled log are evened out (`audit_lab.log.evening.evened`) unless `even` is false.

    Raises
    ------
    MisuseError
        A moment is none, or the period is empty.
    """
    begin, end = instant(since, "since"), instant(until, "until")
    if begin is not None and end is not None and begin >= end:
        raise MisuseError(
            f"the period from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty", "Give since < until."
        )
    named = predicting_model(store, model)
    return WindowedRows(evened(store, named, begin, end) if even else store, named, begin, end)


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    if name == "error":
        # A text without a character states no error.
        return (
            pl.when(pl.col(name).is_null() | (pl.col(name) == ""))
            .then(pl.lit(DONE))
            .otherwise(pl.lit(FAILED))
            .alias(name)
        )
    if dtype.is_numeric():
        return pl.col(name).cast(pl.Float64)
    if dtype == pl.Boolean:
        return pl.when(pl.col(name)).then(pl.lit("true")).when(~pl.col(name)).then(pl.lit("false")).alias(name)
    if dtype == pl.Null:
        return pl.col(name).cast(pl.Float64)
    return pl.col(name).cast(pl.String)

"""The rows that are judged: each prediction with what was said, what stands by now, and what came true; lazily joined.

The log's engine reads, filters and counts by hour. Another engine than polars hands over the columns that are needed,
of one stretch of time at once, and what follows is the same for all: so engines cannot differ in a count.

Nothing here reads a row that is not counted: a prediction that stands in several places, or of which something was
erased, is left out and stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.schema import TIME
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.monitor.performance.known import (
    Outcomes,
    erased_predictions,
    outcomes_known,
    overrides_known,
    unclear_predictions,
)
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.performance.delay import Delays
    from audit_lab.monitor.performance.meaning import Meaning
    from audit_lab.monitor.windows import WindowLength

__all__ = ["Judged", "JudgedRows", "window_start"]

_ID = "prediction_id"
_OWN = ("model_version", "occurred_at", "decision")
_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Judged:
    """Which predictions are asked about, and by what was recorded when.

    Parameters
    ----------
    model
        The model's name.
    since, until
        Only predictions of ``since <= occurred_at < until``.
    known_by
        Only rows that were recorded by this moment count; all that there are when None.
    features, columns
        The features, and further columns of the predictions, that are needed beside them.
    """

    model: str
    since: datetime | None = None
    until: datetime | None = None
    known_by: datetime | None = None
    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class JudgedRows:
    """Predictions with their outcomes, as lazy frames by stretches of time.

    Attributes
    ----------
    outcomes
        What is known of outcomes.
    overridden
        How many decisions persons changed.
    facts
        What must be known about the rows, one sentence each, without its full stop.
    """

    def __init__(self, store: LogStore, asked: Judged, meaning: Meaning) -> None:
        self._store = store
        self._asked = asked
        self._meaning = meaning
        self.outcomes: Outcomes = outcomes_known(self._store, asked.known_by)
        self._overrides = overrides_known(self._store, asked.known_by)
        self._unclear, corrected, ambiguous = unclear_predictions(self._store, asked.known_by)
        self._erased = erased_predictions(self._store, asked.features, asked.model)
        self._delays: tuple[timedelta, timedelta] | None = None
        # What another engine handed over last: the same stretch is asked for twice.
        self._brought: tuple[tuple[datetime | None, datetime | None], pl.LazyFrame] | None = None
        self.overridden = self._overrides.height
        self.facts = (
            *meaning.facts,
            *self.outcomes.facts,
            *corrected.told("predictions that a later row corrects, which counts: {}"),
            *ambiguous.told(
                "ids of several predictions, which are left out because it is unclear whose outcome is whose: {}"
            ),
            *(
                [f"predictions left out because values of theirs were erased: {self._erased.len():,}"]
                if self._erased.len()
                else []
            ),
            *(
                [f"versions whose output means something else are left out: {', '.join(meaning.others)}"]
                if meaning.others
                else []
            ),
        )

    def frame(self, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Return the rows of a stretch of time, within what was asked.

        Returns
        -------
        pl.LazyFrame
            ``prediction_id``, ``occurred_at``, ``model_version``, ``score``, ``probabilities``, ``label`` (by score and
            threshold where the log states none), ``decision``, ``final_decision``, ``outcome_label``,
            ``outcome_value``, ``observed_at``, ``known_at``, and the features and columns that are needed.
        """
        asked = self._asked
        begin = asked.since if since is None else since
        end = asked.until if until is None else until
        rows = self._predictions(begin, end)
        if self._meaning.others:
            version = pl.col("model_version")
            rows = rows.filter(version.is_null() | ~version.is_in(list(self._meaning.others)))
        if not self._unclear.is_empty():
            rows = rows.with_columns(pl.col(ROW).cast(pl.UInt32)).join(
                self._unclear.lazy(), on=[SEGMENT, ROW], how="anti"
            )
        if not self._erased.is_empty():
            rows = rows.join(self._erased.to_frame(_ID).lazy(), on=_ID, how="anti")
        outputs = pl.col("outputs").struct
        chosen = rows.select(
            _ID,
            *_OWN,
            outputs.field("score").fill_nan(None).alias("score"),
            outputs.field("probabilities").alias("probabilities"),
            pl.coalesce(outputs.field("label"), self._label(outputs.field("score"))).alias("label"),
            *(INPUT + name for name in asked.features),
            *(name for name in asked.columns if name not in _OWN),
        )
        final = pl.when(pl.col("is_overridden").fill_null(value=False)).then("changed_to").otherwise("decision")
        joined = chosen.join(self._outcomes(since, until), on=_ID, how="left").join(
            self._overrides.lazy(), on=_ID, how="left"
        )
        return joined.with_columns(final.alias("final_decision")).drop("changed_to", "is_overridden")

    def within(self, delays: Delays) -> None:
        """From now on read, for a stretch of time, only outcomes that can be of its predictions by these delays."""
        if delays.quantiles:
            self._delays = delays.quantiles["shortest"], delays.quantiles["longest"]

    def volume(self, length: WindowLength | None) -> pl.DataFrame:
        """Return ``window_start``, ``rows``, ``first`` and ``last`` of each window, and of those without a time (null).

        An hour that two windows of a zone share counts for the one in which it begins.
        """
        frame = self._filtered(self._asked.since, self._asked.until)
        moment = nw.col("occurred_at")
        number = window_length("1h").number("occurred_at", by_polars=frame.implementation.is_polars())
        hours = (
            frame.select(number.alias("hour"), moment)
            .group_by("hour")
            .agg(nw.len().alias("rows"), moment.min().alias("first"), moment.max().alias("last"))
        )
        found = collected(hours, f"the predictions of {self._store.location}")
        hour = pl.from_epoch(pl.col("hour").cast(pl.Int64) * _HOUR, "us").dt.replace_time_zone("UTC").cast(TIME)
        timed = found.select(
            hour.alias("occurred_at"), pl.col("rows").cast(pl.Int64), pl.col("first", "last").cast(TIME)
        ).with_columns(window_start(length).alias("window_start"))
        grouped = timed.group_by("window_start").agg(pl.col("rows").sum(), pl.col("first").min(), pl.col("last").max())
        return grouped.sort("window_start", nulls_last=True)

    def horizon(self) -> datetime | None:
        """Return the moment up to which the log knows anything: what was asked, or its last row's time."""
        if self._asked.known_by is not None:
            return self._asked.known_by
        what = f"the times of {self._store.location}"
        times = {"predictions": "occurred_at", "outcomes": "observed_at"}
        last = [
            collected(self._store.frame(table).select(nw.col("recorded_at", time).max()), what).row(0)
            for table, time in times.items()
        ]
        # When a row was recorded is the log's own word; what it speaks of may lie anywhere.
        recorded, spoken_of = ([moment for moment in side if moment is not None] for side in zip(*last, strict=True))
        return max(recorded or spoken_of, default=None)

    def _outcomes(self, since: datetime | None, until: datetime | None) -> pl.LazyFrame:
        if self._delays is None:
            return self.outcomes.frame
        seen, (shortest, longest) = pl.col("observed_at"), self._delays
        can_be = pl.lit(value=True)
        if since is not None:
            can_be &= seen >= since + shortest
        if until is not None:
            can_be &= seen <= until + longest
        return self.outcomes.frame.filter(seen.is_null() | can_be)

    def _predictions(self, since: datetime | None, until: datetime | None) -> pl.LazyFrame:
        """Return the rows that were recorded in time; another engine than polars is asked for them here."""
        rows = self._filtered(since, until)
        if rows.implementation.is_polars():
            found: pl.LazyFrame = rows.to_native()
            return found
        if self._brought is not None and self._brought[0] == (since, until):
            return self._brought[1]
        asked = self._asked
        fields = ("score", "label", "probabilities")
        plain = dict.fromkeys((_ID, *_OWN, "threshold", *(INPUT + name for name in asked.features), *asked.columns))
        outputs = [nw.col("outputs").struct.field(name).alias(f"outputs/{name}") for name in fields]
        brought = collected(rows.select(*plain, *outputs, SEGMENT, ROW), f"the predictions of {self._store.location}")
        parts = pl.struct(pl.col(f"outputs/{name}").alias(name) for name in fields)
        self._brought = (since, until), brought.lazy().with_columns(parts.alias("outputs"))
        return self._brought[1]

    def _filtered(self, since: datetime | None, until: datetime | None) -> nw.LazyFrame[Any]:
        asked = self._asked
        if asked.features:
            rows = Beside(self._store, (asked.model,), since, until).frame(asked.features)
        else:
            rows = Beside(self._store, (), since, until).predictions().filter(nw.col("model_name") == asked.model)
        if asked.known_by is None:
            return rows
        return rows.filter(nw.col("recorded_at").is_null() | (nw.col("recorded_at") <= asked.known_by))

    def _label(self, score: pl.Expr) -> pl.Expr:
        output = self._meaning.output
        if output.positive is None or output.negative is None or output.kind == "regression":
            return pl.lit(None, dtype=pl.String)
        above = score >= pl.col("threshold")
        return pl.when(above).then(pl.lit(output.positive)).when(~above).then(pl.lit(output.negative))


def window_start(length: WindowLength | None) -> pl.Expr:
    """Return when the window of ``occurred_at`` begins, in UTC, by the calendar of the length's zone; null for None."""
    if length is None:
        return pl.lit(None, dtype=TIME)
    moment = pl.col("occurred_at").cast(TIME)
    if length.zone == "UTC" or length.every == "1h":
        return moment.dt.truncate(length.every)
    local = moment.dt.convert_time_zone(length.zone).dt.truncate(length.every)
    return local.dt.convert_time_zone("UTC")

"""The rows that are judged: each prediction with what was said, what stands by now, and what came true; lazily joined.

Nothing here reads a row that is not counted: a prediction that stands in several places, or of which something was
erased, is left out and stated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.engines.choice import engine_named
from audit_lab.log.files.reading import collect
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.monitor.performance.known import (
    Outcomes,
    erased_predictions,
    known_by,
    outcomes_known,
    overrides_known,
    unclear_predictions,
)

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.performance.delay import Delays
    from audit_lab.monitor.performance.meaning import Meaning

__all__ = ["Judged", "JudgedRows"]

_ID = "prediction_id"
_OWN = ("model_version", "occurred_at", "decision")


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
        self._store = store if store.engine.name == "polars" else replace(store, engine=engine_named("polars"))
        self._asked = asked
        self._meaning = meaning
        self.outcomes: Outcomes = outcomes_known(self._store, asked.known_by)
        self._overrides = overrides_known(self._store, asked.known_by)
        self._unclear, corrected, ambiguous = unclear_predictions(self._store, asked.known_by)
        self._erased = erased_predictions(self._store, asked.features, asked.model)
        self._delays: tuple[timedelta, timedelta] | None = None
        self.overridden = self._overrides.height
        self.facts = (
            *meaning.facts,
            *self.outcomes.unknown.told("outcomes of ids that no prediction has: {}"),
            *self.outcomes.corrected.told("predictions with an outcome that a later row corrects, which counts: {}"),
            *self.outcomes.contradicting.told(
                "predictions with several outcomes that differ, none of them a correction; the last recorded counts: {}"
            ),
            *([f"outcomes that state neither label nor value: {self.outcomes.empty:,}"] if self.outcomes.empty else []),
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
        rows = self._predictions(begin, end).filter(known_by(asked.known_by))
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

    def volume(self, every: str | None) -> pl.DataFrame:
        """Return ``window_start`` and ``rows`` of each window that has any, and of those without a time (null)."""
        start = pl.lit(None, dtype=pl.Datetime("us", "UTC"))
        if every is not None:
            start = pl.col("occurred_at").dt.truncate(every)
        counted = (
            self._predictions(self._asked.since, self._asked.until)
            .filter(known_by(self._asked.known_by))
            .select(start.alias("window_start"), "occurred_at")
            .group_by("window_start")
            .agg(
                pl.len().cast(pl.Int64).alias("rows"),
                pl.col("occurred_at").min().alias("first"),
                pl.col("occurred_at").max().alias("last"),
            )
        )
        return collect(counted, f"the predictions of {self._store.location}").sort("window_start", nulls_last=True)

    def horizon(self) -> datetime | None:
        """Return the moment up to which the log knows anything: what was asked, or its last row's time."""
        if self._asked.known_by is not None:
            return self._asked.known_by
        what = f"the times of {self._store.location}"
        times = {"predictions": "occurred_at", "outcomes": "observed_at"}
        last = [
            collect(self._store.table(table).select(pl.col("recorded_at", time).max()), what).row(0)
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
        asked = self._asked
        if asked.features:
            beside = Beside(self._store, (asked.model,), since, until)
            found: pl.LazyFrame = beside.frame(asked.features).to_native()
            return found
        own: pl.LazyFrame = Beside(self._store, (), since, until).predictions().to_native()
        return own.filter(pl.col("model_name") == asked.model)

    def _label(self, score: pl.Expr) -> pl.Expr:
        output = self._meaning.output
        if output.positive is None or output.negative is None or output.kind == "regression":
            return pl.lit(None, dtype=pl.String)
        above = score >= pl.col("threshold")
        return pl.when(above).then(pl.lit(output.positive)).when(~above).then(pl.lit(output.negative))

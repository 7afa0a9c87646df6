"""What is known about predictions afterwards, now or at an earlier moment: outcomes and overrides, one for each id.

The log is append-only. A row that a later one corrects (`supersedes`) no longer counts; of several rows that stand, the
last one recorded counts, as it does in a reconstruction, and that there were several is stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.search.pairing import repeated_ids
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.reconstruction.history import history, overrides_by

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["OUTCOME_COLUMNS", "Ids", "Outcomes", "known_by", "outcomes_known", "overrides_known", "unclear_predictions"]

#: What counts of an outcome, by the names under which drift and onsets ask for it.
OUTCOME_COLUMNS = (pl.col("outcome_label").alias("outcome"), pl.col("outcome_value"))

_ID = "prediction_id"
_EXAMPLES = 3
_OUTCOME = (_ID, "label", "value", "observed_at", "recorded_at")


@dataclass(frozen=True)
class Ids:
    """How many predictions something holds of, with the first ids, in the order of ids, as examples."""

    count: int
    examples: tuple[str, ...]

    def told(self, sentence: str) -> list[str]:
        """Return a sentence, in which {} is the count, with the examples; none where there is nothing to tell."""
        if not self.count:
            return []
        shown = f" ({', '.join(self.examples)}{', ...' if self.count > len(self.examples) else ''})"
        return [sentence.format(f"{self.count:,}") + (shown if self.examples else "")]


@dataclass(frozen=True)
class Outcomes:
    """The outcome that counts for each prediction that has one.

    Parameters
    ----------
    frame
        ``prediction_id``, ``outcome_label``, ``outcome_value``, ``observed_at``, ``known_at`` (when the log learned it,
        or when it was observed where that is not stated).
    corrected, contradicting
        Ids with an outcome that a later one corrects; and with several that differ, none of which corrects another.
    unknown
        Ids that are of no prediction.
    """

    frame: pl.LazyFrame
    corrected: Ids
    contradicting: Ids
    unknown: Ids
    empty: int

    @property
    def facts(self) -> tuple[str, ...]:
        """What must be known of them, one sentence each, without its full stop."""
        return (
            *self.unknown.told("outcomes of ids that no prediction has: {}"),
            *self.corrected.told("predictions with an outcome that a later row corrects, which counts: {}"),
            *self.contradicting.told(
                "predictions with several outcomes that differ, none of them a correction; the last recorded counts: {}"
            ),
            *([f"outcomes that state neither label nor value: {self.empty:,}"] if self.empty else []),
        )


def known_by(moment: datetime | None) -> pl.Expr:
    """Return whether a row was recorded by a moment; one that does not say when always counts."""
    if moment is None:
        return pl.lit(value=True)
    return pl.col("recorded_at").is_null() | (pl.col("recorded_at") <= moment)


def outcomes_known(store: LogStore, moment: datetime | None) -> Outcomes:
    """Return the outcomes that count by what was recorded by a moment; by now when None.

    Raises
    ------
    LogError
        The outcomes cannot be read.
    """
    what = f"the outcomes of {store.location}"
    rows = _read(store, "outcomes").filter(known_by(moment))
    repeated = repeated_ids(store, "outcomes")
    counts = rows
    corrected, contradicting = Ids(0, ()), Ids(0, ())
    if not repeated.is_empty():
        ids = repeated.to_frame(_ID).lazy()
        several = history("outcomes", collect(rows.join(ids, on=_ID, how="semi"), what))
        stands = several.filter(pl.col("corrected_by").is_null())
        by_id = stands.group_by(_ID).agg(pl.struct("label", "value").n_unique().alias("values"))
        corrected = _ids(several.filter(pl.col("corrected_by").is_not_null())[_ID])
        contradicting = _ids(by_id.filter(pl.col("values") > 1)[_ID])
        last = stands.unique(_ID, keep="last", maintain_order=True).select(_OUTCOME)
        counts = pl.concat([rows.join(ids, on=_ID, how="anti").select(_OUTCOME), last.lazy()])
    frame = counts.filter(pl.col(_ID).is_not_null()).select(
        _ID,
        pl.col("label").alias("outcome_label"),
        pl.col("value").alias("outcome_value"),
        "observed_at",
        pl.coalesce("recorded_at", "observed_at").alias("known_at"),
    )
    nothing = pl.col("outcome_label").is_null() & pl.col("outcome_value").is_null()
    strangers = rows.select(_ID).join(_read(store, "predictions", _ID), on=_ID, how="anti").unique()
    with reading(what):
        count, examples, empty = pl.collect_all(
            [
                strangers.select(pl.len()),
                strangers.drop_nulls().sort(_ID).head(_EXAMPLES),
                frame.filter(nothing).select(pl.len()),
            ],
            engine="streaming",
        )
    unknown = Ids(int(count.item()), tuple(examples[_ID]))
    return Outcomes(frame.filter(~nothing), corrected, contradicting, unknown, int(empty.item()))


def overrides_known(store: LogStore, moment: datetime | None) -> pl.DataFrame:
    """Return what persons changed decisions to by a moment: ``prediction_id``, ``changed_to`` (null where erased).

    Raises
    ------
    LogError
        The overrides cannot be read.
    """
    rows = collect(_read(store, "overrides").filter(known_by(moment)), f"the overrides of {store.location}")
    changed = overrides_by(store, history("overrides", rows) if rows.height else rows)
    chosen = changed.filter(pl.col("changed_to").is_not_null() | pl.col("override_erased"))
    return chosen.select(_ID, "changed_to", pl.lit(value=True).alias("is_overridden"))


def unclear_predictions(store: LogStore, moment: datetime | None) -> tuple[pl.DataFrame, Ids, Ids]:
    """Return the rows of predictions that do not count, where an id stands in several places.

    Returns
    -------
    places, corrected, ambiguous
        `places` has ``_segment`` and ``_row`` of rows that a later one corrects, and of all rows of ids of which more
        than one stands: which of them an outcome belongs to cannot be told.
    """
    schema = {SEGMENT: pl.String, ROW: pl.UInt32}
    repeated = repeated_ids(store, "predictions")
    if repeated.is_empty():
        return pl.DataFrame(schema=schema), Ids(0, ()), Ids(0, ())
    found = _read(store, "predictions", _ID, "recorded_at", "supersedes", SEGMENT, ROW).filter(known_by(moment))
    rows = collect(found.join(repeated.to_frame(_ID).lazy(), on=_ID, how="semi"), f"predictions of {store.location}")
    placed = history("predictions", rows)
    stands = placed.filter(pl.col("corrected_by").is_null())
    twice = stands.filter(pl.col(_ID).is_duplicated())
    replaced = placed.filter(pl.col("corrected_by").is_not_null())
    places = pl.concat([twice, replaced]).select(SEGMENT, pl.col(ROW).cast(pl.UInt32))
    return places, _ids(replaced[_ID]), _ids(twice[_ID])


def erased_predictions(store: LogStore, features: tuple[str, ...] = (), model: str | None = None) -> pl.Series:
    """Return the ids of predictions of which something that is measured was erased, outcomes among it."""
    from audit_lab.log.schema import INPUTS_PREFIX

    erased = [
        erased_ids(store, "predictions", ("outputs", "decision")),
        erased_ids(store, "outcomes", ("label", "value")),
    ]
    if features and model is not None:
        erased.append(erased_ids(store, INPUTS_PREFIX + model, features))
    return pl.concat(erased).unique().sort()


def _read(store: LogStore, table: str, *columns: str) -> pl.LazyFrame:
    """Return columns of a table, all by default; another engine than polars is asked for them here."""
    frame = store.frame(table)
    chosen = frame.select(*columns) if columns else frame
    if chosen.implementation.is_polars():
        found: pl.LazyFrame = chosen.to_native()
        return found
    return collected(chosen, f"the {table} of {store.location}").lazy()


def _ids(ids: pl.Series) -> Ids:
    distinct = ids.drop_nulls().unique().sort()
    return Ids(distinct.len(), tuple(distinct.head(_EXAMPLES)))

"""Which values a log has of one feature: so that a value that nobody ever had is said to be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.explain.what_if.state import Remark, value_words
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Value
    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Feature

__all__ = ["RecordedValues", "recorded_values"]

#: Distinct values up to so many are kept at hand; of more, a log is asked for each value that is put in.
_MOST_KEPT = 10_000


@dataclass(frozen=True)
class RecordedValues:
    """What the log has of a feature, whenever and by whichever version; erased values are left out.

    Parameters
    ----------
    rows, missing
        How many decisions have inputs, and of how many the value is missing.
    low, high
        The range of a number; None for others, and where no decision has one.
    values
        The distinct texts, truth values or categories; None for a number, and where there are too many to be kept.
    """

    rows: int
    missing: int
    low: float | None
    high: float | None
    values: frozenset[Value] | None

    def remark(self, feature: Feature, value: Value, model: str, *, is_known: bool | None) -> Remark | None:
        """Return what is to be known of a value; None where it was recorded, or lies within the range.

        Parameters
        ----------
        feature, value
            The value that was put in.
        model
            Whose decisions these are, in words.
        is_known
            Whether it was recorded, where `values` does not say.
        """
        name, where = printable(feature.name), f"the {self.rows:,} recorded decisions of {printable(model)}"
        if value is None:
            lacks = f"No recorded decision lacked {name}: it is there in all of {where}."
            return None if self.missing else Remark(feature.name, "never-missing", lacks)
        if self.values is not None or is_known is not None:
            known = value in self.values if self.values is not None else is_known
            never = f"No recorded decision had {name} {value_words(value, feature.unit)}, among {where}."
            return None if known else Remark(feature.name, "never-recorded", never)
        if self.low is None or self.high is None:
            return Remark(feature.name, "never-recorded", f"No recorded decision had a value of {name}, among {where}.")
        if isinstance(value, str) or self.low <= value <= self.high:
            return None
        side = "above" if value > self.high else "below"
        low, high = value_words(self.low), value_words(self.high, feature.unit)
        said = f"No recorded decision had such a value: {name} {value_words(value, feature.unit)} is {side} all of them"
        return Remark(feature.name, "outside-range", f"{said}, {low} to {high} in {where}.")


def recorded_values(store: LogStore, model: str, feature: Feature, value: Value) -> Remark | None:
    """Return what is to be known of a value that is put in, by what the log has of its feature.

    The column is read once, and again only where its files changed.

    Raises
    ------
    LogError
        The inputs cannot be read.
    """
    table = INPUTS_PREFIX + model
    erased = erased_ids(store, table, (feature.name,))

    def rows() -> pl.LazyFrame:
        found = store.inputs(model).select("prediction_id", feature.name)
        return found.filter(~pl.col("prediction_id").is_in(erased.implode())) if erased.len() else found

    key = ("recorded values", model, feature, tuple(erased))
    found = derived(store, key, (table,), lambda: _found(rows(), feature, table))
    is_known = None
    if found.values is None and not _is_number(feature) and value is not None:
        same = pl.col(feature.name).cast(pl.String) == str(value)
        is_known = bool(collect(rows().select(same.any().fill_null(value=False)), table).item())
    return found.remark(feature, value, model, is_known=is_known)


def _is_number(feature: Feature) -> bool:
    return feature.dtype in {"float", "int"} and feature.categories is None


def _found(rows: pl.LazyFrame, feature: Feature, table: str) -> RecordedValues:
    column = pl.col(feature.name)
    if _is_number(feature):
        number = column.cast(pl.Float64).fill_nan(None)
        finite = number.filter(number.is_finite())
        row = collect(
            rows.select(
                pl.len().alias("rows"),
                number.null_count().alias("missing"),
                finite.min().alias("low"),
                finite.max().alias("high"),
            ),
            table,
        ).row(0, named=True)
        return RecordedValues(row["rows"], row["missing"], row["low"], row["high"], None)
    own = column.cast(pl.String) if feature.dtype == "str" else column
    counts = collect(rows.group_by(own).agg(pl.len().alias("__rows__")).head(_MOST_KEPT + 2), table)
    total, missing = (collect(rows.select(each), table).item() for each in (pl.len(), column.null_count()))
    known = counts[feature.name].drop_nulls()
    return RecordedValues(total, missing, None, None, frozenset(known) if known.len() <= _MOST_KEPT else None)

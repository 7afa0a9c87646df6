"""Counts the cases of a window as they come, and keeps those that the correction affects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.replay.impact.cases import GROUP
from audit_lab.replay.impact.own_memory import in_own_memory
from audit_lab.replay.impact.score_shifts import ScoreShifts

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BY_GROUP", "NOT_DECIDED", "Counts", "Tally"]

#: A group with more different values than this is none.
_MOST_VALUES = 10_000
#: So many predictions that are not decided are listed one by one; all of them are counted.
_MOST_LISTED = 100_000

BY_GROUP = pl.Schema(
    {
        "group": pl.String(),
        "value": pl.String(),
        "predictions": pl.Int64(),
        "decided": pl.Int64(),
        "affected": pl.Int64(),
        "share": pl.Float64(),
    }
)
NOT_DECIDED = pl.Schema(
    {
        "stage": pl.String(),
        "code": pl.String(),
        "model_name": pl.String(),
        "model_version": pl.String(),
        "predictions": pl.Int64(),
        "first_id": pl.String(),
    }
)
_WHY = ("stage", "code", "model_name", "model_version")
_LISTED = ("prediction_id", "place", "occurred_at", "model_name", "model_version", "stage", "code", "detail")
_ORDER = ("occurred_at", "prediction_id", "place")


@dataclass
class Counts:
    """How many predictions there are, are decided both ways, are given otherwise, score otherwise, and are affected.

    `undecided` are decided ones that have no decision either way: their version gives scores, and decides nothing.
    """

    predictions: int = 0
    decided: int = 0
    touched: int = 0
    affected: int = 0
    undecided: int = 0


class Tally:
    """Adds up cases.

    Parameters
    ----------
    groups
        What cases are grouped by.
    schema
        Of the cases.
    """

    def __init__(self, groups: Sequence[str], schema: pl.Schema) -> None:
        self._groups = tuple(groups)
        self._schema = schema
        self._by_group: dict[tuple[str, str | None], list[int]] = {}
        self._affected: list[pl.DataFrame] = []
        self._why: dict[tuple[str | None, ...], tuple[int, str | None]] = {}
        self._listed: list[pl.DataFrame] = []
        self._room = _MOST_LISTED
        self.counts = Counts()
        self.shifts = ScoreShifts()

    def add(self, cases: pl.DataFrame) -> None:
        """Count some cases.

        Raises
        ------
        MisuseError
            A group has too many different values.
        """
        decided = cases.filter(pl.col("stage").is_null())
        affected = decided.filter(pl.col("decision_before").ne_missing(pl.col("decision_after")))
        counts = self.counts
        counts.predictions += cases.height
        counts.decided += decided.height
        counts.touched += int(decided["is_touched"].sum())
        counts.affected += affected.height
        neither = pl.col("decision_before").is_null() & pl.col("decision_after").is_null()
        counts.undecided += decided.filter(neither).height
        self.shifts.add(decided["score_before"], decided["score_after"])
        if affected.height:
            self._affected.append(in_own_memory(affected))
        for name in self._groups:
            self._count_group(name, cases)
        fallen = cases.filter(pl.col("stage").is_not_null())
        if fallen.height:
            self._count_fallen(fallen)

    def _count_group(self, name: str, cases: pl.DataFrame) -> None:
        is_decided = pl.col("stage").is_null()
        otherwise = is_decided & pl.col("decision_before").ne_missing(pl.col("decision_after"))
        found = cases.group_by(pl.col(GROUP + name).alias("value")).agg(
            pl.len(), is_decided.sum().alias("decided"), otherwise.sum().alias("affected")
        )
        for value, *numbers in found.iter_rows():
            before = self._by_group.setdefault((name, value), [0, 0, 0])
            self._by_group[name, value] = [one + other for one, other in zip(before, numbers, strict=True)]
        if len(self._by_group) > _MOST_VALUES * len(self._groups):
            raise MisuseError(
                f"{name} has more than {_MOST_VALUES:,} different values", "Group by a column with fewer of them."
            )

    def _count_fallen(self, fallen: pl.DataFrame) -> None:
        found = fallen.group_by(*_WHY, maintain_order=True).agg(pl.len(), pl.col("prediction_id").first())
        for *why, count, first_id in found.iter_rows():
            before, first = self._why.get(tuple(why), (0, first_id))
            self._why[tuple(why)] = (before + count, first)
        listed = in_own_memory(fallen.select(_LISTED).head(self._room))
        self._room -= listed.height
        self._listed.append(listed)

    def affected(self) -> pl.DataFrame:
        """Return the affected cases in order of time, then id."""
        kept = [pl.DataFrame(schema=self._schema), *self._affected]
        return pl.concat(kept).drop("stage", "code", "detail").sort(_ORDER, maintain_order=True, nulls_last=True)

    def by_group(self) -> pl.DataFrame:
        """Return `BY_GROUP`: groups in their order, values with most affected first."""
        rows = [(name, value, *numbers) for (name, value), numbers in self._by_group.items()]
        frame = pl.DataFrame(rows, schema={n: t for n, t in BY_GROUP.items() if n != "share"}, orient="row")
        order = {name: place for place, name in enumerate(self._groups)}
        place = pl.col("group").replace_strict(order, default=0, return_dtype=pl.Int64)
        share = pl.when(pl.col("decided") > 0).then(pl.col("affected") / pl.col("decided"))
        ordered = frame.sort(place, -pl.col("affected"), -pl.col("decided"), "value", nulls_last=True)
        return ordered.with_columns(share=share)

    def not_decided(self) -> pl.DataFrame:
        """Return the predictions that are not decided, the first of them in the order of the log, sorted by time."""
        schema = {name: self._schema[name] for name in _LISTED}
        return pl.concat([pl.DataFrame(schema=schema), *self._listed]).sort(
            _ORDER, maintain_order=True, nulls_last=True
        )

    def why_not_decided(self) -> pl.DataFrame:
        """Return `NOT_DECIDED`: how many fell out, by stage, code and version, and the first in the log's order."""
        rows = [(*why, count, first_id) for why, (count, first_id) in self._why.items()]
        return pl.DataFrame(rows, schema=NOT_DECIDED, orient="row").sort(_WHY)

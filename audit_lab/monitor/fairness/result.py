"""What a count of decisions by group comes to: rates with intervals, comparisons, and what must be known about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.fairness import telling
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.fairness.tallies import Counted

__all__ = ["COMPARISON_TABLE", "TABLE", "Asked", "Fairness"]

_WHERE: dict[str, Any] = {
    "window_start": TIME,
    "window_end": TIME,
    "model_version": pl.String,
    "grouping": pl.String,
}
_VALUE: dict[str, Any] = {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "interval": pl.String}
_SAID: dict[str, Any] = {"status": pl.String, "note": pl.String}
#: The columns of `Fairness.table`.
TABLE: dict[str, Any] = {
    **_WHERE,
    "group": pl.String,
    "measure": pl.String,
    **_VALUE,
    "rows": pl.Int64,
    **_SAID,
}
#: The columns of `Fairness.comparisons`.
COMPARISON_TABLE: dict[str, Any] = {
    **_WHERE,
    "comparison": pl.String,
    **_VALUE,
    "lowest": pl.String,
    "highest": pl.String,
    "by_chance": pl.Float64,
    "groups": pl.Int64,
    **_SAID,
}


@dataclass(frozen=True)
class Asked:
    """What was asked: groups, what is counted, the fewest rows that are shown, of which predictions.

    `features` are those that the groups read.
    """

    groups: tuple[str, ...]
    counted: Counted
    minimum: int
    model: str
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    features: tuple[str, ...] = ()
    bands: tuple[tuple[str, tuple[float, ...]], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        times = {"since": self.since, "until": self.until, "as_of": self.as_of}
        return {
            "groups": list(self.groups),
            **vars(self.counted),
            "bands": {name: list(edges) for name, edges in self.bands},
            "minimum": self.minimum,
            "model": self.model,
            **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
        }


@dataclass(frozen=True, eq=False)
class Fairness:
    """Rates of decisions by group; `AuditLog.fairness` makes it.

    It holds nothing of a group that is suppressed: neither its rows nor its rates.

    Attributes
    ----------
    table
        One row for each window (null: everything), version (null: all), group and measure: ``window_start``,
        ``window_end``, ``model_version``, ``grouping``, ``group``, ``measure``, ``value``, ``low`` and ``high`` of its
        95 % interval, ``interval`` (how it was found), ``rows`` (the denominator), ``status`` ("measured",
        "suppressed", "not defined"), ``note``.
    comparisons
        One row for each window, version, grouping and comparison: ``value``, ``low``, ``high``, ``interval``,
        ``lowest`` and ``highest`` (the groups farthest apart), ``by_chance`` (what a difference stays below, or a
        ratio above, in 95 % of draws in which all groups have one rate), ``groups`` (how many were compared).
    asked
        The call.
    rows
        Decisions counted.
    facts
        Plain sentences about the data that the numbers must be read with.
    """

    table: pl.DataFrame
    comparisons: pl.DataFrame
    asked: Asked
    rows: int
    facts: tuple[str, ...]

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Fairness: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences: how far groups are apart, what was suppressed, and what the numbers do not show."""
        return telling.sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result JSON-safe: the call, summary, table and comparisons."""
        return telling.to_dict(self)

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary and the rates by group as HTML; every text of the log is escaped."""
        return telling.to_html(self)

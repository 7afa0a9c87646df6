"""One change of the data itself, recognised by what it does to the values of a column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = [
    "AFFINE",
    "DEFAULT",
    "FROZEN",
    "GONE_MISSING",
    "KINDS",
    "NEW",
    "RENAMED",
    "RETYPED",
    "ROUNDED",
    "SIGN",
    "SWAPPED",
    "TRUNCATED",
    "UNIT",
    "VANISHED",
    "DataChange",
]

UNIT = "unit"
AFFINE = "affine unit"
SIGN = "sign flipped"
SWAPPED = "swapped columns"
ROUNDED = "rounded"
TRUNCATED = "truncated"
FROZEN = "frozen"
DEFAULT = "new default"
GONE_MISSING = "missing values"
VANISHED = "vanished category"
NEW = "new category"
RENAMED = "renamed category"
RETYPED = "type changed"

#: Every kind of change that is recognised, and how it shows.
KINDS: dict[str, str] = {
    UNIT: "all values multiplied by a known factor",
    AFFINE: "all values put through a known conversion with an offset, as Celsius to Fahrenheit",
    SIGN: "all values with the other sign",
    SWAPPED: "two columns, each with the other's values",
    ROUNDED: "values rounded to a coarser grain",
    TRUNCATED: "values cut down to a coarser grain",
    FROZEN: "one value throughout, where there were several",
    DEFAULT: "one value that takes the place of others, or of missing ones",
    GONE_MISSING: "values missing that were there, the others as before",
    VANISHED: "a category that stopped arriving",
    NEW: "a category that began to arrive",
    RENAMED: "a category that stopped on the day on which another began, with the same share",
    RETYPED: "the same values written in another way, as 5 and 5.0",
}


@dataclass(frozen=True)
class DataChange:
    """A run of days in which a column's values arrived changed in a way that is known by name.

    Attributes
    ----------
    kind
        One of `KINDS`.
    columns
        The column; both, where two are swapped.
    start, end
        The first day, or row, that carries the change, and the end, excluded; UTC.
    ongoing
        Whether it lasts to the end of the log.
    rows
        How many rows carry it; of a vanished category, how many were to be expected.
    sentence
        The change in plain words, dated.
    factor, offset
        A value `x` arrived as ``factor * x + offset``; None where the change is no conversion.
    conversion
        What that stands for, as "mile -> km", or None.
    alternatives
        Other conversions, or plain multiples, that so few rows cannot tell from it.
    before, after
        The category, value or spelling that was replaced, and what replaced it; None where that does not apply.
    where
        Column and value, such as ``("model_version", "1.2")``, if only such rows carry the change; else None.
    evidence
        The numbers that it rests on, among them what chance gives.
    """

    kind: str
    columns: tuple[str, ...]
    start: datetime
    end: datetime
    ongoing: bool
    rows: int
    sentence: str = ""
    factor: float | None = None
    offset: float | None = None
    conversion: str | None = None
    alternatives: tuple[str, ...] = ()
    before: str | None = None
    after: str | None = None
    where: tuple[str, str] | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The first of the columns."""
        return self.columns[0]

    def touches(self, column: str, start: datetime, end: datetime) -> bool:
        """Say whether the change is one of a column and lies at least in part between two times."""
        return column in self.columns and self.start < end and self.end > start

    def to_dict(self) -> dict[str, Any]:
        """Return the change JSON-safe; times in ISO 8601."""
        held = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return held | {
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "evidence": dict(self.evidence),
        }

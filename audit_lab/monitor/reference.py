"""The reference: what every window is compared with, by name, and the digest of what it held."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from audit_lab.errors import MisuseError
from audit_lab.monitor.windows import utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Extent
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.windows import WindowLength

__all__ = ["Dataset", "Period", "Reference", "Rolling", "described_reference", "period_before", "reference_period"]

#: The default reference: this long, or a quarter of the span where that is shorter.
DEFAULT_LENGTH = timedelta(weeks=8)
_DEFAULT_PART = 4
_GIVEN = "the period given"

Kind = Literal["default", "period", "rolling", "dataset", "version"]
#: A half-open range of time.
Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class Rolling:
    """A reference that moves along: each window is compared with the `windows` before it."""

    windows: int

    def __post_init__(self) -> None:
        """Refuse a number of windows that cannot be compared with."""
        if self.windows < 1:
            message = f"a rolling reference of {self.windows} windows holds nothing"
            raise MisuseError(message, "Give 1 or more.")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A reference that is no part of the log, as training data: a `frame` and its `name`."""

    frame: pl.DataFrame | pl.LazyFrame
    name: str


@dataclass(frozen=True)
class Reference:
    """What windows are compared with, its rows, and a digest of its bins and their counts.

    Of a period, `start` and `end` (excluded); None for a dataset. `given` says that the call named it; `kind` is
    "default", "period", "version" (the first one), "rolling" (the `windows` before each; start, end and rows are those
    of the whole) or "dataset".
    """

    description: str
    start: datetime | None
    end: datetime | None
    rows: int
    sha256: str
    given: bool
    kind: Kind = "period"
    windows: int | None = None


def reference_period(given: Period | None, seen: Extent, length: WindowLength) -> tuple[datetime, datetime, str]:
    """Return start, end and a phrase for the reference: the one given, or whole windows at the log's beginning.

    Raises
    ------
    MisuseError
        The period given is empty or outside the rows, or all rows lie in one window and no period is given.
    """
    if given is not None:
        start, end = utc(given[0]), utc(given[1])
        if start >= end:
            message = f"The reference from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is empty"
            raise MisuseError(message, "Give a start before the end.")
        if start > seen.last or end <= seen.first:
            message = f"The reference from {start:%Y-%m-%d} to {end:%Y-%m-%d} holds no rows"
            raise MisuseError(message, f"The rows go from {seen.first:%Y-%m-%d} to {seen.last:%Y-%m-%d}.")
        return start, end, _GIVEN
    starts = length.starts(seen.first, seen.last)
    if len(starts) == 1:
        message = f"All {seen.rows:,} rows lie in {length.name(starts[0])}, so there is nothing to compare it with"
        raise MisuseError(message, "Cut it finer (every='1d' or '1h'), or give a reference.")
    span = starts[-1] - starts[0]
    wanted = min(DEFAULT_LENGTH, span / _DEFAULT_PART)
    count = max(sum(begin - starts[0] < wanted for begin in starts), 1)
    phrase = f"the first {count} {length.noun}s" if count > 1 else f"the first {length.noun}"
    chosen = "8 weeks" if wanted == DEFAULT_LENGTH else "a quarter of the span"
    return starts[0], length.after(starts[0], count), f"{phrase} of the log (by default: {chosen})"


def period_before(start: datetime, seen: Extent) -> tuple[datetime, datetime, str]:
    """Return start, end and a phrase for the reference of windows around a moment: the eight weeks before the first.

    Raises
    ------
    MisuseError
        The log has no row before.
    """
    if seen.first >= start:
        message = f"No rows lie before {start:%Y-%m-%d %H:%M} UTC, where the windows begin"
        raise MisuseError(message, "Ask for less before the decision, or give a reference.")
    return start - DEFAULT_LENGTH, start, "the 8 weeks before the windows (by default)"


def described_reference(
    span: Period | None,
    phrase: str,
    rows: int,
    bins: Sequence[Bins],
    cut: Cut,
    *,
    kind: Kind,
    windows: int | None = None,
) -> Reference:
    """Return the reference with its description and its digest, SHA-256 of the canonical JSON of bins and counts."""
    start, end = span or (None, None)
    content: dict[str, Any] = {
        "start": start and start.isoformat(),
        "end": end and end.isoformat(),
        "rows": rows,
        "columns": [one.to_dict() for one in bins],
    }
    if windows is not None:
        content["rolling"] = windows
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    dates = f"{cut.date(start)} to {cut.last_day(end)}, " if start and end else ""
    held = "rows in all" if windows is not None else "rows"
    return Reference(
        description=f"{phrase}: {dates}{rows:,} {held}",
        start=start,
        end=end,
        rows=rows,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        given=kind in {"period", "rolling", "dataset"},
        kind=kind,
        windows=windows,
    )

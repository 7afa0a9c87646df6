"""The reference: the named period that every window is compared with, and the digest of what it held."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.monitor.windows import day, utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.counts import Extent
    from audit_lab.monitor.windows import WindowLength

__all__ = ["Reference", "described_reference", "reference_period"]

#: The default reference: this long, or a quarter of the span where that is shorter.
_DEFAULT_LENGTH = timedelta(weeks=8)
_DEFAULT_PART = 4
_GIVEN = "the period given"


@dataclass(frozen=True)
class Reference:
    """The period compared with: ``start <= time < end``, its rows, and a digest of its bins and their counts.

    `given` says that the call named it; otherwise it is the default.
    """

    description: str
    start: datetime
    end: datetime
    rows: int
    sha256: str
    given: bool


def reference_period(
    given: tuple[datetime, datetime] | None, seen: Extent, length: WindowLength
) -> tuple[datetime, datetime, str]:
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
    wanted = min(_DEFAULT_LENGTH, span / _DEFAULT_PART)
    count = max(sum(begin - starts[0] < wanted for begin in starts), 1)
    phrase = f"the first {count} {length.noun}s" if count > 1 else f"the first {length.noun}"
    chosen = "8 weeks" if wanted == _DEFAULT_LENGTH else "a quarter of the span"
    return starts[0], length.after(starts[0], count), f"{phrase} of the log (by default: {chosen})"


def described_reference(start: datetime, end: datetime, phrase: str, rows: int, bins: Sequence[Bins]) -> Reference:
    """Return the reference with its description and its digest, SHA-256 of the canonical JSON of bins and counts."""
    content = {
        "start": start.isoformat(),
        "end": end.isoformat(),
        "rows": rows,
        "columns": [one.to_dict() for one in bins],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    description = f"{phrase}: {start:%Y-%m-%d} to {day(end)}, {rows:,} rows"
    return Reference(description, start, end, rows, hashlib.sha256(text.encode()).hexdigest(), phrase == _GIVEN)

"""The times between which the rows of a file lie, as the manifest states them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.log.manifest import Segment

__all__ = ["may_hold", "stated_times"]


def may_hold(file: Segment, since: datetime | None, until: datetime | None) -> bool:
    """Whether a file may hold a row of ``since <= time < until``, by the times that the manifest states."""
    stated = stated_times(file)
    if stated is None:
        # Without times stated nothing is known; a file whose rows have no time is only skipped by reading it.
        return True
    first, last = stated
    return (since is None or last >= since) and (until is None or first < until)


def stated_times(file: Segment) -> tuple[datetime, datetime] | None:
    """Return the times between which a file's rows lie, as the manifest states them; None where it does not."""
    first, last = _moment(file.first_time), _moment(file.last_time)
    return None if first is None or last is None else (first, last)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment

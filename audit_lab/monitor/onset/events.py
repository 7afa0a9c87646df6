"""Onsets and events: one change of one series with its date, size and rows; and the changes of one date together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["LEVEL", "SPIKE", "Concentration", "Onset", "OnsetEvent", "grouped"]

#: The kinds of onset.
LEVEL, SPIKE = "level", "spike"

#: Changes whose intervals meet are one event only if their dates are no farther apart than this many windows.
_FARTHEST = 7


@dataclass(frozen=True)
class Concentration:
    """A category of which more rows lacked a value, in the windows of a rise, than of the other rows.

    `rows` are those of the category and `missing` how many of them lack the value; `other_rows` and `other_missing` are
    those of all others. `p_value` is how often chance alone gives the category as many, over all that were looked at.
    """

    column: str
    category: str
    rows: int
    missing: int
    other_rows: int
    other_missing: int
    p_value: float


@dataclass(frozen=True)
class Onset:
    """One change of one statistic of one column.

    Attributes
    ----------
    column, statistic, category
        What changed; `category` for a share.
    at, earliest, latest
        Start of the first window after the change, and the interval that holds it in 95 % of cases, both included.
    window
        The number of that window in the grid.
    before, after, unit
        The statistic of the level before and after: over the windows between the changes beside.
    deviations
        The change in standard deviations of the windows, autocorrelation counted in.
    p_value
        How often a log without changes would show one as strong anywhere in the question: of resamples.
    since, until
        From when the level before held, and to when the level after did; the last window included.
    returned
        When the level before came back, or None.
    is_return
        Whether this is the coming back from an earlier change.
    before_rows, after_rows
        The rows behind the two levels.
    expression
        What `AuditLog.find` takes for the rows, between `since` and `until`; None for all rows.
    factor, conversion
        Where all quantiles changed by one factor that people know, that factor and the conversion it stands for.
    gain
        What the change explains, in squared deviations.
    kind
        "level" where the level moved, "spike" where windows lie far beyond the level about them: `at` to `returned`
        are those windows, and `before` is the level of up to 14 windows to either side, from `since` on.
    concentrated
        Of a rise of a missing rate that came and went: the categories of other columns that it concentrates in.
    """

    column: str
    statistic: str
    category: str | None
    at: datetime
    earliest: datetime
    latest: datetime
    window: int
    before: float
    after: float
    unit: str
    deviations: float
    p_value: float
    since: datetime
    until: datetime
    returned: datetime | None
    is_return: bool
    before_rows: int
    after_rows: int
    expression: str | None
    factor: float | None
    conversion: str | None
    gain: float
    kind: str = LEVEL
    concentrated: tuple[Concentration, ...] = ()


@dataclass(frozen=True)
class OnsetEvent:
    """The changes of one date, the strongest first; the date and its interval are those of the strongest."""

    onsets: tuple[Onset, ...]

    @property
    def at(self) -> datetime:
        """Start of the first window after the change."""
        return self.onsets[0].at

    @property
    def earliest(self) -> datetime:
        """The first date of the interval."""
        return self.onsets[0].earliest

    @property
    def latest(self) -> datetime:
        """The last date of the interval."""
        return self.onsets[0].latest

    @property
    def returned(self) -> datetime | None:
        """When the strongest change had come back, or None."""
        return self.onsets[0].returned

    @property
    def is_return(self) -> bool:
        """Whether the strongest change is a coming back."""
        return self.onsets[0].is_return

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that changed, the strongest first."""
        return tuple(dict.fromkeys(one.column for one in self.onsets))

    @property
    def kind(self) -> str:
        """What kind of onsets they are: "level" or "spike"."""
        return self.onsets[0].kind

    @property
    def gain(self) -> float:
        """What the strongest change explains, in squared deviations."""
        return self.onsets[0].gain


def grouped(onsets: Iterable[Onset]) -> tuple[OnsetEvent, ...]:
    """Group changes of one date, in order of time.

    Around the strongest change that is in no group yet, those are gathered that go the same way in time (a beginning or
    a coming back) and whose interval, widened by one window, holds its date or the other way round.
    """
    left = sorted(onsets, key=lambda one: (-one.gain, one.window, one.column, one.statistic, one.category or ""))
    events = []
    while left:
        anchor = left[0]
        mine = [one for one in left if one.is_return == anchor.is_return and _meet(anchor, one)]
        left = [one for one in left if not any(one is other for other in mine)]
        events.append(OnsetEvent(tuple(mine)))
    return tuple(sorted(events, key=lambda event: (event.at, -event.gain)))


def _meet(anchor: Onset, other: Onset) -> bool:
    if abs(anchor.window - other.window) <= 1:
        return True
    if abs(anchor.window - other.window) > _FARTHEST:
        return False
    return other.earliest <= anchor.at <= other.latest and anchor.earliest <= other.at <= anchor.latest

"""Which faults a seed plants in the flights log, and where: dates, feature, factor, carrier, writer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from builder.draws import choose, digest_number

__all__ = ["FaultPlan", "UnitChange", "day_start", "plan_faults"]

_MARGIN = timedelta(days=2)
#: Around the merger of carrier US into AA nothing is planted, so that it stands alone.
_MERGER = (date(2015, 6, 22), date(2015, 7, 13))

WRITERS = ("writer-a", "writer-b")


@dataclass(frozen=True)
class UnitChange:
    """A feature that arrives in another unit: value in the new unit = value x factor."""

    feature: str
    unit: str
    arrives_as: str
    factor: float


_UNIT_CHANGES = (
    UnitChange("distance_miles", "mile", "kilometre", 1.609344),
    UnitChange("distance_miles", "mile", "metre", 1609.344),
    UnitChange("carrier_mean_delay_7d", "minute", "hour", 1 / 60),
    UnitChange("carrier_mean_delay_7d", "minute", "second", 60.0),
    UnitChange("carrier_delay_rate_7d", "fraction", "percent", 100.0),
)

_CARRIERS = ("AA", "AS", "B6", "DL", "EV", "MQ", "NK", "OO", "UA", "WN")


@dataclass(frozen=True)
class FaultPlan:
    """Where the six faults are; every window is whole days in UTC, from its first day."""

    seed: int
    inputs_missing_carrier: str
    inputs_missing_from: date
    inputs_missing_days: int
    hotfix_from: date
    hotfix_days: int
    hotfix_share: float
    canary_from: date
    canary_days: int
    canary_share: float
    unit_change: UnitChange
    unit_from: date
    unit_days: int
    duplicate_on: date
    gap_on: date
    gap_writer: str
    gap_length: int


def day_start(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime.combine(day, time(), UTC)


def plan_faults(seed: int) -> FaultPlan:
    """Return the plan of a seed: disjoint windows, at least two days apart, away from the merger."""
    taken = [_MERGER]
    canary_from = _free_window(f"{seed} canary", _mondays(date(2015, 10, 5), date(2015, 12, 7)), 7, taken)
    unit_from = _free_window(f"{seed} unit", _mondays(date(2015, 3, 2), date(2015, 12, 7)), 7, taken)
    hotfix_days = [*_days(date(2015, 4, 6), date(2015, 6, 8)), *_days(date(2015, 8, 17), date(2015, 12, 14))]
    hotfix_from = _free_window(f"{seed} hotfix", hotfix_days, 2, taken)
    any_day = _days(date(2015, 2, 2), date(2015, 12, 18))
    return FaultPlan(
        seed=seed,
        inputs_missing_carrier=choose(_CARRIERS, f"{seed} carrier without inputs"),
        inputs_missing_from=_free_window(f"{seed} inputs", any_day, 3, taken),
        inputs_missing_days=3,
        hotfix_from=hotfix_from,
        hotfix_days=2,
        hotfix_share=0.25,
        canary_from=canary_from,
        canary_days=7,
        canary_share=0.02,
        unit_change=choose(_UNIT_CHANGES, f"{seed} unit change"),
        unit_from=unit_from,
        unit_days=7,
        duplicate_on=_free_window(f"{seed} duplicate", any_day, 1, taken),
        gap_on=_free_window(f"{seed} gap", any_day, 1, taken),
        gap_writer=choose(WRITERS, f"{seed} writer with a gap"),
        gap_length=24 + digest_number(f"{seed} length of the gap") % 37,
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=day) for day in range((last - first).days + 1)]


def _mondays(first: date, last: date) -> list[date]:
    return _days(first, last)[::7]


def _free_window(purpose: str, starts: list[date], days: int, taken: list[tuple[date, date]]) -> date:
    """Choose a start whose window keeps its distance from those already taken, and take it."""
    free = [
        start
        for start in starts
        if all(start + timedelta(days=days) + _MARGIN <= first or start >= last + _MARGIN for first, last in taken)
    ]
    start = choose(free, purpose)
    taken.append((start, start + timedelta(days=days)))
    return start

"""How far a mean moved between two windows, and whether that is beyond chance.

The interval of a difference of means is that of Welch, *The generalization of Student's problem when several different
population variances are involved* (1947). That of a difference of rates combines the score intervals of the two: method
10 of Newcombe, *Interval estimation for the difference between independent proportions* (1998). Both take decisions to
be independent. Where decisions of one day resemble each other the interval is too narrow; a second one takes days as
the units that are independent, a mean being the ratio of two totals (Cochran, *Sampling Techniques*, section 6.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["Shift", "difference_of_means", "mean_interval", "normal_quantile", "shift_of"]

_DAY = 86_400_000_000
#: With fewer days in a window, how much days differ cannot be told.
_FEWEST_DAYS = 4
#: Two windows whose values are all the same up to this part of them do not differ.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Shift:
    """The shift of a mean.

    Parameters
    ----------
    before, after
        The means.
    rows_before, rows_after
        How many decisions they are of.
    interval
        Of `moved`, decisions being independent.
    by_days
        Of `moved`, days being independent; None where a window has fewer than four.
    """

    before: float
    after: float
    rows_before: int
    rows_after: int
    interval: tuple[float, float]
    by_days: tuple[float, float] | None

    @property
    def moved(self) -> float:
        """The mean after less that before."""
        return self.after - self.before

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the interval excludes that nothing moved."""
        low, high = self.interval
        return abs(self.moved) > _ROUNDING * max(1.0, abs(self.before)) and not low <= 0 <= high

    @property
    def is_within_days(self) -> bool:
        """Whether days alone differ by as much."""
        return self.by_days is not None and self.by_days[0] <= 0 <= self.by_days[1]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "before": self.before,
            "after": self.after,
            "moved": self.moved,
            "interval": list(self.interval),
            "by_days": None if self.by_days is None else list(self.by_days),
            "rows_before": self.rows_before,
            "rows_after": self.rows_after,
            "beyond_chance": self.is_beyond_chance,
        }


def shift_of(
    before: Numbers,
    after: Numbers,
    times: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    confidence: float,
    *,
    is_rate: bool,
) -> Shift:
    """Return the shift between the values of two windows.

    Parameters
    ----------
    before, after
        At least two finite values each.
    times
        When each was recorded, in microseconds.
    confidence
        Of the intervals.
    is_rate
        Whether the values are 0 and 1.
    """
    interval = _of_rates(before, after, confidence) if is_rate else difference_of_means(after, before, confidence)
    days = _by_days((before, after), times, confidence)
    means = float(before.mean()), float(after.mean())
    return Shift(*means, len(before), len(after), interval, days)


def difference_of_means(one: Numbers, other: Numbers, confidence: float) -> tuple[float, float]:
    """Return Welch's interval of the mean of the first less that of the second."""
    parts = [float(each.var(ddof=1)) / len(each) for each in (one, other)]
    freedom = _freedom(parts, [len(one) - 1, len(other) - 1])
    return _around(float(one.mean() - other.mean()), parts, freedom, confidence)


def mean_interval(values: Numbers, confidence: float) -> tuple[float, float] | None:
    """Return Student's interval of a mean; None of fewer than two values."""
    if len(values) < 2:  # noqa: PLR2004
        return None
    part = float(values.var(ddof=1)) / len(values)
    return _around(float(values.mean()), [part], len(values) - 1, confidence)


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors an interval of this confidence reaches to each side."""
    from scipy.special import ndtri

    return float(ndtri((1 + confidence) / 2))


def _freedom(parts: list[float], each: list[int]) -> float:
    total = sum(parts)
    if not total:
        return float(sum(each))
    return 1 / sum((part / total) ** 2 / own for part, own in zip(parts, each, strict=True))


def _around(middle: float, parts: list[float], freedom: float, confidence: float) -> tuple[float, float]:
    from scipy.special import stdtrit

    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * sum(parts) ** 0.5
    return middle - reach, middle + reach


def _of_rates(before: Numbers, after: Numbers, confidence: float) -> tuple[float, float]:
    quantile = normal_quantile(confidence)
    (one, low_one, high_one), (two, low_two, high_two) = (_wilson(each, quantile) for each in (before, after))
    below = ((two - low_two) ** 2 + (high_one - one) ** 2) ** 0.5
    above = ((high_two - two) ** 2 + (one - low_one) ** 2) ** 0.5
    return two - one - below, two - one + above


def _wilson(values: Numbers, quantile: float) -> tuple[float, float, float]:
    rate, rows, square = float(values.mean()), len(values), quantile**2
    middle = (rate + square / (2 * rows)) / (1 + square / rows)
    reach = quantile / (1 + square / rows) * (rate * (1 - rate) / rows + square / (4 * rows**2)) ** 0.5
    return rate, max(0.0, middle - reach), min(1.0, middle + reach)


def _by_days(
    values: tuple[Numbers, Numbers], times: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], confidence: float
) -> tuple[float, float] | None:
    parts, freedom = [], []
    for each, at in zip(values, times, strict=True):
        _, day = np.unique(at // _DAY, return_inverse=True)
        days = int(day.max()) + 1
        if days < _FEWEST_DAYS:
            return None
        apart = np.bincount(day, each - each.mean(), minlength=days)
        parts.append(float(days / (days - 1) * (apart**2).sum() / len(each) ** 2))
        freedom.append(days - 1)
    return _around(float(values[1].mean() - values[0].mean()), parts, _freedom(parts, freedom), confidence)

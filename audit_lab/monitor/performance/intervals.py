"""Confidence intervals of shares, of differences and ratios of two shares; each names its source."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = [
    "CLOPPER_PEARSON",
    "KATZ",
    "LEVEL",
    "NEWCOMBE",
    "WILSON",
    "Interval",
    "clopper_pearson",
    "katz_log",
    "newcombe",
    "normal_quantile",
    "wilson",
]

#: The confidence level of every interval.
LEVEL = 0.95

CLOPPER_PEARSON = "exact, Clopper and Pearson"
WILSON = "score, Wilson"
NEWCOMBE = "hybrid score, Newcombe"
KATZ = "log ratio, Katz"


class Interval(NamedTuple):
    """The two ends of an interval; both None where there is none."""

    low: float | None
    high: float | None


NO_INTERVAL = Interval(None, None)


def normal_quantile(level: float = LEVEL) -> float:
    """Return the quantile of the standard normal distribution that bounds a two-sided interval."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def clopper_pearson(successes: int, trials: int, level: float = LEVEL) -> Interval:
    """Return the exact interval of a share, from quantiles of the beta distribution.

    It holds the true share at least as often as its level says. Source: Clopper and Pearson, *The use of confidence or
    fiducial limits illustrated in the case of the binomial*, Biometrika 26 (1934).

    Parameters
    ----------
    successes, trials
        Counts; without trials there is no interval.
    level
        The confidence level, between 0 and 1.
    """
    from scipy.special import betaincinv

    if trials == 0:
        return NO_INTERVAL
    tail = (1 - level) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1 - tail))
    return Interval(low, high)


def wilson(successes: float, trials: float, level: float = LEVEL) -> Interval:
    """Return the score interval of a share.

    Source: Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22 (1927).
    """
    if trials == 0:
        return NO_INTERVAL
    z = normal_quantile(level)
    share, slack = successes / trials, z * z / trials
    middle = (share + slack / 2) / (1 + slack)
    half = z / (1 + slack) * math.sqrt(share * (1 - share) / trials + slack / (4 * trials))
    # At either end the bound is the end itself, which rounding would miss.
    return Interval(
        0.0 if successes == 0 else max(0.0, middle - half), 1.0 if successes == trials else min(1.0, middle + half)
    )


def newcombe(one: tuple[float, float], other: tuple[float, float], level: float = LEVEL) -> Interval:
    """Return the interval of the difference of two independent shares, the first minus the second.

    Each share is given as successes and trials. Source: Newcombe, *Interval estimation for the difference between
    independent proportions*, Statistics in Medicine 17 (1998), method 10.
    """
    if not one[1] or not other[1]:
        return NO_INTERVAL
    first, second = one[0] / one[1], other[0] / other[1]
    of_first, of_second = wilson(*one, level), wilson(*other, level)
    down = math.hypot(first - _end(of_first.low), _end(of_second.high) - second)
    up = math.hypot(_end(of_first.high) - first, second - _end(of_second.low))
    return Interval(first - second - down, first - second + up)


def katz_log(one: tuple[float, float], other: tuple[float, float], level: float = LEVEL) -> Interval:
    """Return the interval of the ratio of two independent shares, the first by the second, on the scale of logarithms.

    There is none where either share has no success, for the logarithm does not exist. Source: Katz, Baptista, Azen and
    Pike, *Obtaining confidence intervals for the risk ratio in cohort studies*, Biometrics 34 (1978).
    """
    if not one[0] or not other[0]:
        return NO_INTERVAL
    ratio = (one[0] / one[1]) / (other[0] / other[1])
    half = normal_quantile(level) * math.sqrt(1 / one[0] - 1 / one[1] + 1 / other[0] - 1 / other[1])
    return Interval(ratio * math.exp(-half), ratio * math.exp(half))


def _end(value: float | None) -> float:
    return 0.0 if value is None else value

"""Rates of one group, and the comparison of several: differences and ratios by fairlearn's definitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.fairness.requests import SHARES, Products
from audit_lab.monitor.performance.intervals import (
    KATZ,
    LEVEL,
    NEWCOMBE,
    NO_INTERVAL,
    WILSON,
    Interval,
    katz_log,
    newcombe,
    wilson,
)
from audit_lab.monitor.performance.resampling import SEED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.monitor.fairness.tallies import ByRate

__all__ = ["COMPARISONS", "FOUR_FIFTHS", "OUTCOME_RATES", "RATES", "Compared", "Rate", "compared", "rates_of"]

#: A ratio of selection rates below this is evidence of adverse impact by the rule of thumb of the *Uniform Guidelines
#: on Employee Selection Procedures* (29 CFR 1607.4 D, 1978).
FOUR_FIFTHS = 0.8

#: The rates that need no outcome, and those that do.
SELECTION = "selection_rate"
OUTCOME_RATES = (
    "true_positive_rate",
    "false_negative_rate",
    "false_positive_rate",
    "qualified_rate",
    "calibration_gap",
)
RATES = (SELECTION, *OUTCOME_RATES)

#: Each comparison: which rates it is of, and whether it is a ratio of the lowest to the highest or their difference.
COMPARISONS = {
    "demographic_parity_difference": ((SELECTION,), False),
    "demographic_parity_ratio": ((SELECTION,), True),
    "equal_opportunity_difference": (("true_positive_rate",), False),
    "equal_opportunity_ratio": (("true_positive_rate",), True),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), False),
    "equalized_odds_ratio": (("true_positive_rate", "false_positive_rate"), True),
}

_DRAWS = 2_000


@dataclass(frozen=True)
class Rate:
    """A rate of a group: successes of trials, its value (None without trials), interval, and the rows that it is of.

    The gap of calibration is no share: its trials are the rows with a probability and an outcome. Trials are the rows,
    or, where others were not recorded, as many as would tell the rate as well were none missing.
    """

    measure: str
    successes: float
    trials: float
    value: float | None
    interval: Interval
    method: str
    rows: int


@dataclass(frozen=True)
class Compared:
    """Several groups compared: the value, the two groups that it comes from, and what chance alone would do.

    `by_chance` is what the value stays below (a ratio: above) in 95 % of draws in which all groups have the same rate.
    """

    comparison: str
    value: float | None
    interval: Interval
    method: str
    lowest: str | None
    highest: str | None
    by_chance: float | None
    groups: int
    note: str = ""


def rates_of(by_rate: ByRate, together: Mapping[str, Sequence[Products]] | None = None) -> list[Rate]:
    """Return the rates of one group.

    With a favourable decision for "positive" and a qualified outcome for "true": selection rate ``favoured / all``;
    true positive rate ``favoured / qualified``; false negative rate, one less that; false positive rate
    ``favoured / unqualified``; qualified rate ``qualified / with an outcome``; gap of calibration, the mean probability
    less the share that turned out positive (between -1 and 1, its interval from that of the share).

    Parameters
    ----------
    by_rate
        Its counts, by the rate at which the rows were recorded: each row counts for one over that rate.
    together
        By share (`SHARES`) the products of requests that were sampled with all their rows; each row was sampled by
        itself when None.

    Notes
    -----
    Ratios of two Horvitz and Thompson estimates. Intervals are of as many trials as would have the same variance were
    all recorded (Korn and Graubard, *Confidence intervals for proportions with small expected number of positive
    counts* (1998)); of a rate of 0 or 1, of as many as would have that of the number of rows, which is Kish's number
    where each was sampled by itself.
    """
    parts = sorted(by_rate.items())
    found = {
        measure: _rate(
            measure,
            [(rate, getattr(each, counted), getattr(each, of)) for rate, each in parts],
            None if together is None else together.get(measure, ()),
        )
        for measure, (counted, of) in SHARES.items()
    }
    missed = _rate(
        "false_negative_rate",
        [(rate, each.qualified - each.qualified_selected, each.qualified) for rate, each in parts],
        None if together is None else [each.less for each in together.get("true_positive_rate", ())],
    )
    share = found.pop("calibration_gap")
    rates = [found[SELECTION], found["true_positive_rate"], missed]
    rates += [found["false_positive_rate"], found["qualified_rate"]]
    if share.value is None:
        return [*rates, share]
    served = sum(each.scored / rate for rate, each in parts)
    mean = sum(each.score_sum / rate for rate, each in parts) / served
    interval = Interval(mean - (share.interval.high or 0.0), mean - (share.interval.low or 0.0))
    return [*rates, replace(share, value=mean - share.value, interval=interval)]


def compared(comparison: str, rates: Mapping[str, Mapping[str, Rate]]) -> Compared:
    """Compare groups: the difference of the highest and the lowest rate, or the ratio of the lowest to the highest.

    Where a comparison is of two rates, the worse counts (fairlearn's ``worst_case``). Groups whose rate is not defined
    are left out, and said so. The interval is of the two groups farthest apart as if they had been chosen beforehand.

    Parameters
    ----------
    comparison
        One of `COMPARISONS`.
    rates
        Group to measure to rate.
    """
    measures, is_ratio = COMPARISONS[comparison]
    each = [_of_one(comparison, {name: of[measure] for name, of in rates.items()}, is_ratio) for measure in measures]
    if any(one.value is None for one in each):
        return next(one for one in each if one.value is None)
    return (min if is_ratio else max)(each, key=lambda one: one.value or 0.0)


def _of_one(comparison: str, rates: Mapping[str, Rate], is_ratio: bool) -> Compared:  # noqa: FBT001
    known = {name: rate for name, rate in rates.items() if rate.value is not None}
    left_out = sorted(set(rates) - set(known))
    note = f"not defined for {', '.join(left_out)}" if left_out else ""
    if len(known) < 2:  # noqa: PLR2004 - two groups are compared at least
        why = "; ".join(["fewer than two groups to compare", *([note] if note else [])])
        return Compared(comparison, None, NO_INTERVAL, "", None, None, None, len(known), why)
    ranked = sorted(known, key=lambda name: (known[name].value or 0.0, name))
    lowest, highest = ranked[0], ranked[-1]
    low, high = (known[name] for name in (lowest, highest))
    first, last = (low.successes, low.trials), (high.successes, high.trials)
    below, above = low.value or 0.0, high.value or 0.0
    if is_ratio and not above:
        return Compared(comparison, None, NO_INTERVAL, "", lowest, highest, None, len(known), "every rate is 0")
    interval = katz_log(first, last) if is_ratio else newcombe(last, first)
    value = below / above if is_ratio else above - below
    method = "" if interval.low is None else KATZ if is_ratio else NEWCOMBE
    chance = _by_chance(known, is_ratio)
    return Compared(comparison, value, interval, method, lowest, highest, chance, len(known), note)


def _rate(measure: str, counted: Sequence[tuple[float, int, int]], together: Sequence[Products] | None) -> Rate:
    """Return a rate from rows by the rate at which they were recorded: that, the successes and all."""
    rows = sum(trials for _, _, trials in counted)
    if not rows:
        return Rate(measure, 0, 0, None, NO_INTERVAL, "", 0)
    if together is None:
        together = [Products(rate, rate, successes, successes, trials) for rate, successes, trials in counted]
    successes, trials = _effective([each for each in counted if each[2]], together)
    return Rate(measure, successes, trials, successes / trials, wilson(successes, trials), WILSON, rows)


def _effective(counted: Sequence[tuple[float, int, int]], together: Sequence[Products]) -> tuple[float, float]:
    """Return successes and trials of a rate of which all trials were recorded, and that is known as well."""
    if all(rate == 1 for rate, _, _ in counted):
        return sum(successes for _, successes, _ in counted), sum(trials for _, _, trials in counted)
    served = sum(trials / rate for rate, _, trials in counted)
    share = sum(successes / rate for rate, successes, _ in counted) / served
    if not 0 < share < 1:
        # All or none of them are successes: what is not known is of how many.
        trials = served**2 / (served + sum(each.spread_of_all for each in together))
        return trials if share else 0.0, trials
    variance = sum(each.spread(share) for each in together) / served**2 + share * (1 - share) / served
    trials = min(share * (1 - share) / variance, served)
    return share * trials, trials


def _by_chance(rates: Mapping[str, Rate], is_ratio: bool) -> float | None:  # noqa: FBT001
    every = [rates[name] for name in sorted(rates)]
    pooled = sum(rate.successes for rate in every) / sum(rate.trials for rate in every)
    trials = np.array([max(round(rate.trials), 1) for rate in every])
    drawn = np.random.default_rng(SEED).binomial(trials, pooled, size=(_DRAWS, trials.size)) / trials
    lowest, highest = drawn.min(axis=1), drawn.max(axis=1)
    if not is_ratio:
        return float(np.quantile(highest - lowest, LEVEL))
    defined = highest > 0
    return float(np.quantile(lowest[defined] / highest[defined], 1 - LEVEL)) if defined.any() else None

"""Rates and quantiles of predictions that were sampled: each recorded one stands for one over its rate.

Where every prediction was recorded these are the plain ones, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WeightedRate", "weighted_quantile", "weighted_rate"]

_NORMAL = {0.95: 1.959963984540054, 0.998: 3.090232306167813}


@dataclass(frozen=True)
class WeightedRate:
    """A rate among predictions that were served.

    Attributes
    ----------
    represented
        For how many served predictions the recorded ones stand.
    rate
        The share of them.
    effective_rows
        So many predictions, all of them recorded, would tell the rate as well; the number of rows where all were.
    """

    represented: float
    rate: float
    effective_rows: float


def weighted_rate(holds: NDArray[np.bool_], rates: NDArray[np.float64], requests: NDArray[np.int64]) -> WeightedRate:
    """Estimate a rate from recorded predictions.

    Parameters
    ----------
    holds
        Of which recorded predictions it holds, shape (rows,).
    rates
        With which probability each was recorded, above 0 and at most 1.
    requests
        The number of its request: those of one request are recorded by one number, hashed from its id.

    Notes
    -----
    The ratio of two Horvitz and Thompson estimates and its linearised variance (Saerndal, Swensson, Wretman, *Model
    Assisted Survey Sampling* (1992), section 5.6); to it is added what a rate varies by were all recorded. The number
    of effective rows is that of Korn and Graubard, *Confidence intervals for proportions with small expected number of
    positive counts* (1998). Where it holds of none, or of all, that is Kish's.
    """
    weights = 1 / rates
    represented = float(weights.sum())
    rate = float(weights[holds].sum()) / represented
    if bool((rates == 1).all()):
        return WeightedRate(represented, rate, float(rates.size))
    if not 0 < rate < 1:
        return WeightedRate(represented, rate, represented**2 / float((weights**2).sum()))
    residuals = (holds.astype(np.float64) - rate) / represented
    variance = _variance(residuals, rates, requests) + rate * (1 - rate) / represented
    return WeightedRate(represented, rate, min(rate * (1 - rate) / variance, represented))


def _variance(values: NDArray[np.float64], rates: NDArray[np.float64], requests: NDArray[np.int64]) -> float:
    """Return the variance of the estimated sum of values, where min(p, q) is how likely two of a request come together.

    For rates p1 <= p2 <= ... of a request, the sum over pairs (1 / (p q) - 1 / min(p, q)) x y.
    """
    order = np.lexsort((rates, requests))
    x, p, request = values[order], rates[order], requests[order]
    begins = np.flatnonzero(np.r_[True, request[1:] != request[:-1]])
    group = np.repeat(np.arange(begins.size), np.diff(np.r_[begins, request.size]))
    # Of ordered pairs the smaller rate is that of the earlier one: 1/p x times what comes after it in its request.
    sums = np.add.reduceat(x, begins)
    through = np.cumsum(x)
    before = np.r_[0.0, through][begins][group]
    after = sums[group] - (through - before)
    scaled = np.add.reduceat(x / p, begins)
    together = float((x * (x + 2 * after) / p).sum())
    return max(float((scaled**2).sum()) - together, 0.0)


def weighted_quantile(
    ordered: NDArray[np.float64], rates: NDArray[np.float64], at: float, confidence: float
) -> tuple[float, float, float]:
    """Return a quantile of ordered values and its interval.

    Notes
    -----
    The interval of the share of what is below it, turned back into values: Woodruff, *Confidence intervals for medians
    and other position measures* (1952), with Kish's number of effective rows.
    """
    weights = 1 / rates
    shares = np.cumsum(weights) / weights.sum()
    error = (at * (1 - at) * float((weights**2).sum()) / float(weights.sum()) ** 2) ** 0.5 * _NORMAL[confidence]
    places = np.searchsorted(shares, np.clip([at, at - error, at + error], 0, 1) - 1e-12)
    value, low, high = ordered[np.clip(places, 0, ordered.size - 1)].tolist()
    return value, low, high

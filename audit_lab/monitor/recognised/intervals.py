"""The run of steps in which a share is another than before and after: found by likelihood, kept only if it is sharp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.recognised.jumps import Run
from audit_lab.monitor.recognised.samples import Sample, distribution_distance

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["MOST_STEPS", "ShareShift", "others_alike", "share_shift"]

#: With more steps than this the runs of steps, which grow with the square, are not looked at.
MOST_STEPS = 1_500
#: Least rise of a share ...
_LEAST_RISE = 0.02
#: ... and least logarithm of the likelihood ratio: by chance as rare as some exp(-30) for each run of steps.
_LEAST_EVIDENCE = 30.0
#: Steps inside, all but one in ten, lie above all but one in twenty of the others; and each edge is half the rise.
_LOW, _HIGH = 0.1, 0.95
_EDGE = 0.5
#: How many steps on each side are compared, and how many pairs of blocks show what chance gives.
_SIDE = 14
_PAIRS = 20
_BEYOND_SEEN = 1.25
#: The 1 % critical value of the two-sample Kolmogorov-Smirnov test (Smirnov 1948).
_CRITICAL = 1.628
_FEWEST = 30
#: Where blocks of numbers differ by as much as this without a change, that others are alike says nothing.
_SAYS_NOTHING = 0.6


@dataclass(frozen=True)
class ShareShift:
    """A run of steps in which a share is higher, the shares inside and outside, and the log of the likelihood ratio."""

    run: Run
    inside: float
    outside: float
    evidence: float


def share_shift(counts: NDArray[np.int64], totals: NDArray[np.int64]) -> ShareShift | None:
    """Return the run of steps, later than the first, in which a share is higher, if it is sharply so.

    Binomial likelihoods with one share inside and one outside are compared with one share for all, over every run.

    Parameters
    ----------
    counts, totals
        How many rows of each step have what is looked at, and how many there are, shape (steps,).
    """
    size = counts.size
    if not 1 < size <= MOST_STEPS or not counts.sum():
        return None
    held, rows = (np.append(0, np.cumsum(one)).astype(np.float64) for one in (counts, totals))
    first, last = np.triu_indices(size + 1, 1)
    later = first > 0
    first, last = first[later], last[later]
    inside, inside_rows = held[last] - held[first], rows[last] - rows[first]
    outside, outside_rows = held[-1] - inside, rows[-1] - inside_rows
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = inside / inside_rows - outside / outside_rows
        gain = _likelihood(inside, inside_rows) + _likelihood(outside, outside_rows)
    gain = np.where(apart > 0, gain - float(_likelihood(held[-1:], rows[-1:])[0]), -np.inf)
    best = int(np.argmax(np.nan_to_num(gain, nan=-np.inf)))
    found = ShareShift(
        Run(int(first[best]), int(last[best])),
        float(inside[best] / inside_rows[best]),
        float(outside[best] / outside_rows[best]),
        float(gain[best]),
    )
    return found if _is_sharp(found, counts / np.maximum(totals, 1)) else None


def others_alike(
    samples: Sequence[Sample | None],
    shift: ShareShift,
    *,
    ordered: bool,
    changed: Callable[[Sample], Sample] | None = None,
) -> tuple[float, float]:
    """Return how far other values beside a run lie from those in it, and how far blocks elsewhere lie apart at most.

    `changed` is what the values beside it are put through before they are compared. Where that cannot be told, as of
    numbers whose days never are alike, the first is 1 and the second 0.
    """
    run, count = shift.run, len(samples)
    beside = [*range(max(run.first - _SIDE, 0), run.first), *range(run.last, min(run.last + _SIDE, count))]
    within = [*range(run.first, min(run.first + _SIDE, run.last)), *range(max(run.last - _SIDE, run.first), run.last)]
    usual, inside = _together(samples, beside), _together(samples, sorted(set(within)))
    if usual is None or inside is None or min(usual.size, inside.size) < _FEWEST:
        return 1.0, 0.0
    if changed is not None:
        usual = changed(usual)
    calm = [step for step in range(count) if not run.first <= step < run.last]
    width = max(min(len(set(within)), len(calm) // 2), 1)
    places = np.unique(np.linspace(width, max(len(calm) - width, width), _PAIRS).astype(int)).tolist()
    seen = [0.0]
    for place in places:
        pair = [_together(samples, calm[place - width : place]), _together(samples, calm[place : place + width])]
        if pair[0] is not None and pair[1] is not None and min(pair[0].size, pair[1].size) >= _FEWEST:
            seen.append(distribution_distance(pair[0], pair[1], ordered=ordered))
    limit = max(_BEYOND_SEEN * max(seen), _CRITICAL * float(np.sqrt(1 / usual.size + 1 / inside.size)))
    if ordered and limit >= _SAYS_NOTHING:
        return 1.0, 0.0
    return distribution_distance(usual, inside, ordered=ordered), limit


def _together(samples: Sequence[Sample | None], steps: Sequence[int]) -> Sample | None:
    held = [sample for step in steps if (sample := samples[step]) is not None and sample.values.size]
    return Sample.merged(held) if held else None


def _is_sharp(found: ShareShift, shares: NDArray[np.float64]) -> bool:
    """Say whether a run stands out from the steps outside, and begins and ends from one step to the next."""
    run, rise = found.run, found.inside - found.outside
    if rise < _LEAST_RISE or found.evidence < _LEAST_EVIDENCE:
        return False
    inside, outside = shares[run.first : run.last], np.delete(shares, np.arange(run.first, run.last))
    if np.quantile(inside, _LOW) <= np.quantile(outside, _HIGH):
        return False
    begins = _steps_up(shares[: run.last], run.first, rise)
    ends = run.last == shares.size or _steps_up(shares[: run.first - 1 : -1], shares.size - run.last, rise)
    return begins and ends


def _steps_up(shares: NDArray[np.float64], place: int, rise: float) -> bool:
    """Say whether shares rise by half of a rise at a place: from one step to the next, or about one that is a mixture.

    What came in the middle of a step changed a part of it only, which is the last one before the place or the first.
    """
    edges = [(place - 1, place), (place - 2, place), (place - 1, place + 1)]
    within = [(one, two) for one, two in edges if one >= 0 and two < shares.size]
    return any(shares[two] - shares[one] >= _EDGE * rise for one, two in within)


def _likelihood(held: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the greatest logarithm of the binomial likelihood."""
    rest = rows - held
    parts = [
        np.where(one > 0, one * np.log(np.maximum(one, 1e-300) / np.maximum(rows, 1.0)), 0.0) for one in (held, rest)
    ]
    total: NDArray[np.float64] = parts[0] + parts[1]
    return total

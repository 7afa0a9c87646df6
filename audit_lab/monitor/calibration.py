"""How small an adjusted p-value must be, so that questions about rows without drift raise alerts as often as stated.

The reference is resampled: rows are drawn from a sample of it, with replacement, into as many windows of the same sizes
as the question has, and into a reference of the same size that shares with them the windows that it shares in the
question. Whole rows are drawn, so that columns stay as dependent on one another as they are. Each such question has a
smallest adjusted p-value (Simes's statistic); the level is the one that the stated share of them stay below. That is a
Monte Carlo test, and its rate is the stated one for any number of resamples: Barnard (1963), Dwass (1957).
A short reference stays as it is, and what its rows stand for is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.errors import MisuseError
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.discovery import smallest_adjusted
from audit_lab.monitor.significance import alike, significance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray
    from threadpoolctl import ThreadpoolController

    from audit_lab.monitor.bins import Bins

__all__ = ["SAMPLED_ROWS", "Calibration", "Layout", "calibrate"]

#: Rows of the reference that resamples are drawn from.
SAMPLED_ROWS = 2_048
#: Resamples of which one alone may lie below the level, at least.
_TAIL = 10
_RATES = (0.001, 0.5)
#: Up to so few rows for each sampled row each is drawn; from so many on, how often each sampled row is drawn comes from
#: the normal distribution that it then has.
_FEW, _NORMAL_FROM = 8, 64
#: A reference with so few rows is not drawn anew: bins that were made from other rows would err in another way.
_SHORT = 500
#: Numbers held at once while drawing, some 64 MB.
_AT_ONCE = 8_000_000


@dataclass(frozen=True)
class Calibration:
    """The level for adjusted p-values: `rate` is the stated share of questions without drift that raise any alert.

    `resamples` questions of `tests` tests each were drawn, with `seed`, from `sampled_rows` rows.
    """

    rate: float
    level: float
    resamples: int
    tests: int
    sampled_rows: int
    seed: int


@dataclass(frozen=True, eq=False)
class Layout:
    """What a question looks like: rows by window, which windows have a verdict, and what they are compared with.

    `inside` marks the windows that the reference holds wholly and `reference_rows` counts all of its rows; or each
    window is compared with the `rolling` windows before it.
    """

    volume: NDArray[np.int64]
    tested: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    reference_rows: int
    rolling: int | None = None


def calibrate(sample: pl.DataFrame, bins: Sequence[Bins], layout: Layout, rate: float, seed: int) -> Calibration | None:
    """Return the level at which a question of this layout raises any alert with probability `rate` without drift.

    Parameters
    ----------
    sample
        Rows of the reference, a column for each of `bins`, as prepared: float64 without NaN, or text.
    bins
        The bins of each column.
    layout
        The question.
    rate
        The stated rate, from 0.001 to 0.5.
    seed
        Another seed draws other resamples.

    Returns
    -------
    Calibration or None
        None where no window has a verdict.

    Raises
    ------
    MisuseError
        The rate is out of range.
    """
    if not _RATES[0] <= rate <= _RATES[1]:
        message = f"a rate of false alarms of {rate!r} cannot be calibrated"
        raise MisuseError(message, f"Give one from {_RATES[0]} to {_RATES[1]}, like 0.05.")
    tests = int(layout.tested.sum()) * len(bins)
    if not tests or sample.is_empty():
        return None
    resamples = round(_TAIL / rate) - 1
    marks, bounds = _marked(sample, bins)
    generator = np.random.default_rng(seed)
    smallest = np.concatenate(
        [
            smallest_adjusted(_p_values(bins, counts, references, bounds, layout))
            for counts, references in _resampled(marks, layout, resamples, generator)
        ]
    )
    level = float(np.sort(smallest)[round(rate * (resamples + 1)) - 1])
    return Calibration(rate, level, resamples, tests, sample.height, seed)


def _marked(sample: pl.DataFrame, bins: Sequence[Bins]) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """Return ones where a sampled row lies in a bin, shape (rows, bins of all columns), and each column's bounds."""
    bounds, place = [], 0
    for one in bins:
        bounds.append((place, place + len(one.labels)))
        place = bounds[-1][1]
    marks = np.zeros((sample.height, place), dtype=np.float32)
    rows = np.arange(sample.height)
    for one, (first, last) in zip(bins, bounds, strict=True):
        column = sample[one.column]
        missing = column.null_count()
        held = column.fill_null(0.0 if isinstance(one, NumericBins) else "") if missing else column
        if isinstance(one, NumericBins):
            codes = one.bin_of_cell[one.cells_of(held.to_numpy())]
        else:
            codes = one.bin_of(held.to_list())
        if missing:
            codes = np.where(column.is_null().to_numpy(), last - first - 1, codes)
        marks[rows, first + codes] = 1.0
    return marks, bounds


def _resampled(
    marks: NDArray[np.float32], layout: Layout, resamples: int, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    short = layout.rolling is None and layout.reference_rows == marks.shape[0] <= _SHORT
    return (_drawn_about if short else _drawn)(marks, layout, resamples, generator)


def _drawn_about(
    marks: NDArray[np.float32], layout: Layout, resamples: int, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draw questions about a short reference as it is: what its rows stand for is drawn, as its bins were made from it.

    Of rows in order the parts of all that lie between neighbours are of a Dirichlet distribution of ones; windows are
    drawn from rows of such parts, but for those inside the reference, which are parts of its rows.

    Notes
    -----
    Wilks, *Mathematical Statistics* (1962), section 8.7; as a bootstrap: Rubin, *The Bayesian Bootstrap* (1981).
    """
    rows, width = marks.shape
    references = marks.sum(axis=0, dtype=np.float64)[None, None, :]
    ends = np.cumsum(np.where(layout.inside, layout.volume, 0))
    together = max(1, _AT_ONCE // (layout.volume.size * max(marks.shape)))
    for start in range(0, resamples, together):
        questions = min(together, resamples - start)
        weights = np.empty((questions, layout.volume.size, rows), dtype=np.float32)
        for drawn in weights:
            drawn[:] = generator.multinomial(layout.volume, generator.dirichlet(np.ones(rows)))
            order = generator.permutation(rows)
            for window in np.flatnonzero(layout.inside).tolist():
                drawn[window] = 0
                drawn[window, order[ends[window] - layout.volume[window] : ends[window]]] = 1
        with _threads().limit(limits=1, user_api="blas"):
            counts = weights.reshape(-1, rows) @ marks
        yield counts.reshape(questions, -1, width).astype(np.float64), references


def _drawn(
    marks: NDArray[np.float32], layout: Layout, resamples: int, generator: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Draw questions, some at a time: counts of the shape (questions, windows, bins), and what they compare with."""
    windows, width = layout.volume.size, marks.shape[1]
    outside = max(layout.reference_rows - int(layout.volume[layout.inside].sum()), 0) if layout.rolling is None else 0
    together = max(1, _AT_ONCE // ((windows + 1) * max(marks.shape)))
    for start in range(0, resamples, together):
        questions = min(together, resamples - start)
        counts = np.empty((questions, windows, width))
        for window, rows in enumerate(layout.volume.tolist()):
            counts[:, window] = _counts(marks, rows, questions, generator)
        if layout.rolling is None:
            shared = counts[:, layout.inside].sum(axis=1)
            references = (shared + _counts(marks, outside, questions, generator))[:, None, :]
        else:
            upto = np.concatenate([np.zeros((questions, 1, width)), np.cumsum(counts, axis=1)], axis=1)
            lag = layout.rolling
            references = np.zeros_like(counts)
            references[:, lag:] = upto[:, lag:-1] - upto[:, : windows - lag]
        yield counts, references


def _counts(
    marks: NDArray[np.float32], rows: int, questions: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw so many rows for each question, with replacement, and count them by bin."""
    sampled = marks.shape[0]
    if not rows:
        return np.zeros((questions, marks.shape[1]), dtype=np.float32)
    if rows >= _NORMAL_FROM * sampled:
        usual = rows / sampled
        drawn = generator.standard_normal((questions, sampled), dtype=np.float32)
        weights = np.maximum(usual + np.sqrt(usual).astype(np.float32) * drawn, 0.0).astype(np.float32)
    elif rows >= _FEW * sampled:
        weights = generator.multinomial(rows, np.full(sampled, 1 / sampled), questions).astype(np.float32)
    else:
        places = generator.integers(0, sampled, (questions, rows)) + sampled * np.arange(questions)[:, None]
        weights = np.bincount(places.ravel(), minlength=questions * sampled).reshape(questions, sampled)
        weights = weights.astype(np.float32)
    # Another thread of BLAS would spin on the processor that counts, and sums would hang on how many there are.
    with _threads().limit(limits=1, user_api="blas"):
        counted: NDArray[np.float32] = weights @ marks
    return counted


@cache
def _threads() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _p_values(
    bins: Sequence[Bins],
    counts: NDArray[np.float64],
    references: NDArray[np.float64],
    bounds: list[tuple[int, int]],
    layout: Layout,
) -> NDArray[np.float64]:
    """Return the p-values of each question, shape (questions, tests)."""
    tested = counts[:, layout.tested]
    against = references if references.shape[1] == 1 else references[:, layout.tested]
    found = np.empty((counts.shape[0], len(bins), tested.shape[1]))
    for places in alike(bins, found.shape[0] * found.shape[2]):
        sides = [np.stack([side[..., slice(*bounds[place])] for place in places]) for side in (against, tested)]
        found[:, places] = np.moveaxis(significance(bins[places[0]], *sides)[1], 0, 1)
    return found.reshape(found.shape[0], -1)

"""Whether chance would reproduce as much: coarse models often give the same answer to different inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_EXPECTED_BY_CHANCE", "coincidence", "expected_by_chance"]

#: At most so many of all candidates tried may be expected to reproduce as many rows by chance.
MOST_EXPECTED_BY_CHANCE = 0.01


def coincidence(values: NDArray[np.float64]) -> float:
    """Return the chance that two rows have the same output, estimated over all pairs of rows.

    With add-half smoothing (Jeffreys' prior), so that it is never zero: rows that all differ say little where they are
    few.

    Parameters
    ----------
    values
        Outputs, shape ``(rows, columns)``.
    """
    rows = len(values)
    counts = np.unique(values, axis=0, return_counts=True)[1].astype(np.float64) if rows else np.zeros(0)
    alike, pairs = float((counts * (counts - 1)).sum() / 2), rows * (rows - 1) / 2
    return (alike + 0.5) / (pairs + 1)


def expected_by_chance(chance: float, reproduced: int, examined: int, changes: int) -> float:
    """Return how many of `changes` candidates would reproduce that many of the examined rows by chance.

    The upper tail of the binomial distribution, times the number of candidates (Bonferroni).
    """
    from math import comb

    tail = sum(comb(examined, k) * chance**k * (1 - chance) ** (examined - k) for k in range(reproduced, examined + 1))
    return changes * min(1.0, tail)

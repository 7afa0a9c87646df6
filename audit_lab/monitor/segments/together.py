"""Whether drift and errors move together: a correlation over windows, which is an association and no cause."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Together", "moving_together"]

_FEWEST = 6
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Together:
    """A rank correlation over windows between two series.

    `correlation` with its interval of 95 % is None where fewer than 6 windows know both, or one of them is constant.
    """

    first: str
    second: str
    correlation: float | None
    low: float | None
    high: float | None
    windows: int

    def sentence(self) -> str:
        """Return it in words, with what it does not say."""
        if self.correlation is None:
            return (
                f"Whether {self.first} and {self.second} move together cannot be told from {self.windows} windows "
                "(it takes 6, and neither may be constant)."
            )
        return (
            f"{self.first} and {self.second} over {self.windows} windows: rank correlation "
            f"{self.correlation:.2f} ({self.low:.2f} to {self.high:.2f}); an association only, and windows are taken "
            "to be independent."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-safe."""
        return asdict(self)


def moving_together(first: str, one: NDArray[np.float64], second: str, other: NDArray[np.float64]) -> Together:
    """Return the rank correlation of two series over the windows that know both, NaN being none.

    Notes
    -----
    Spearman (1904); the interval is Fisher's on the scale of ``atanh``, with the standard error
    ``sqrt((1 + r^2 / 2) / (n - 3))`` of Bonett and Wright, *Sample size requirements for estimating Pearson, Kendall
    and Spearman correlations* (2000).
    """
    known = np.isfinite(one) & np.isfinite(other)
    count = int(known.sum())
    x, y = one[known], other[known]
    if count < _FEWEST or not np.ptp(x) or not np.ptp(y):
        return Together(first, second, None, None, None, count)
    from scipy.stats import rankdata

    r = float(np.clip(np.corrcoef(rankdata(x), rankdata(y))[0, 1], -1, 1))
    if abs(r) >= 1 - 1e-12:
        return Together(first, second, r, r, r, count)
    half = _NORMAL_95 * math.sqrt((1 + r**2 / 2) / (count - 3))
    return Together(first, second, r, math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half), count)

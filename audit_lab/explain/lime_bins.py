"""What lime draws within a bin, to the bit, in half the time: a third of one explanation by lime is spent on that.

lime draws each number from a normal distribution that is cut off at the bin's edges, by `scipy.stats.truncnorm`, which
works out what a bin holds of the distribution anew for each of 5,000 samples. A feature has four bins. Here that is
worked out once for each bin, by scipy's own functions, and the rest is done as scipy does it. Whether the bits are
scipy's is tried once in each process; where they are not, lime goes its own way.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["quickened"]

_TRIED = 400


def quickened(discretizer: Any) -> Any:
    """Return a discretizer of lime, made to draw as it does by itself, quicker where scipy is known here."""
    if _same_bits():
        discretizer.get_undiscretize_values = partial(_undiscretized, discretizer)
    return discretizer


def _undiscretized(discretizer: Any, feature: int, bins: npt.NDArray[np.intp]) -> Numbers:
    """Return a number in each of the `bins` of a feature: lime's ``get_undiscretize_values``."""
    means, stds = (np.array(each[feature]) for each in (discretizer.means, discretizer.stds))
    low, high = ((np.array(each[feature]) - means) / stds for each in (discretizer.mins, discretizer.maxs))
    if bins.ndim != 1 or not ((low < 0) & (low < high)).all():
        # A bin of one value is not drawn from, and one that begins at its mean is worked out from its other side.
        return np.asarray(type(discretizer).get_undiscretize_values(discretizer, feature, bins))
    drawn: Numbers = _truncated(low, high, bins, discretizer.random_state) * stds[bins] + means[bins]
    return drawn


def _truncated(low: Numbers, high: Numbers, bins: npt.NDArray[np.intp], random: np.random.RandomState) -> Numbers:
    """Return `scipy.stats.truncnorm.rvs` of the bounds of each of `bins`, all lower ones being negative."""
    from scipy import special
    from scipy.stats import _continuous_distns as scipys

    drawn = np.log(random.uniform(size=len(bins)))
    below, mass = scipys._norm_logcdf(low), scipys._log_gauss_mass(low, high)  # noqa: SLF001 - tried by `_same_bits`
    return np.asarray(special.ndtri_exp(special.logsumexp([below[bins], drawn + mass[bins]], axis=0)))


@cache
def _same_bits() -> bool:
    """Return whether the numbers are those of this scipy, for bounds of every kind."""
    from scipy.stats import truncnorm

    low, high = np.array([-3.0, -1.5, -0.4, -40.0, -2.0]), np.array([-1.0, 2.5, 0.0, 1e-9, -1.9])
    bins = np.arange(_TRIED) % len(low)
    try:
        found = _truncated(low, high, bins, np.random.RandomState(1))
    except (AttributeError, TypeError, ValueError):
        return False
    expected = truncnorm.rvs(low[bins], high[bins], random_state=np.random.RandomState(1))
    return bool((found == expected).all())

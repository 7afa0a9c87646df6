"""How far apart two outputs are: as numbers, and in steps between neighbouring floating-point numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["same_bits", "single_precision", "ulp_distance"]


def same_bits(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Return where two arrays hold the same IEEE 754 bits: -0.0 is not 0.0, and one NaN is not another.

    Parameters
    ----------
    one, other
        Float64, of one shape.
    """
    same: NDArray[np.bool_] = _bits(one) == _bits(other)
    return same


def single_precision(values: Floats) -> NDArray[np.bool_]:
    """Return which float64 values are those of a 32-bit float, widened; a NaN is not told."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values.astype(np.float32).astype(np.float64) == values)


def ulp_distance(one: Floats, other: Floats) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the distance of two arrays in units in the last place, and where these are units of 32-bit floats.

    The unit is that of the precision in which both values were made, as far as the values show: where both are those of
    a 32-bit float, steps between 32-bit floats are counted, else steps between 64-bit floats (Goldberg 1991, section
    1.2, counted as the number of representable values between the two). Where either is not a number the distance
    is the largest that there is.

    Parameters
    ----------
    one, other
        Float64, of one shape.
    """
    narrow, steps = single_precision(one), np.zeros(one.shape, dtype=np.uint64)
    # Most often all are the same, and there is nothing to be counted.
    apart = ~same_bits(one, other) | np.isnan(one)
    if apart.any():
        narrow[apart] &= single_precision(other[apart])
        steps[apart] = _counted(one[apart], other[apart], narrow[apart])
    return steps, narrow


def _counted(one: Floats, other: Floats, narrow: NDArray[np.bool_]) -> NDArray[np.uint64]:
    wide = _steps(_ordered64(one), _ordered64(other))
    with np.errstate(over="ignore", invalid="ignore"):
        short = _steps(_ordered32(one.astype(np.float32)), _ordered32(other.astype(np.float32)))
    steps = np.where(narrow, short, wide)
    steps[np.isnan(one) | np.isnan(other)] = np.iinfo(np.uint64).max
    return steps


def _bits(values: Floats) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values, dtype=np.float64).view(np.uint64)


def _ordered64(values: Floats) -> NDArray[np.uint64]:
    """Return numbers whose order is that of the floats, neighbouring floats one apart; both zeros are one number."""
    bits = _bits(values)
    sign = np.uint64(1) << np.uint64(63)
    return np.where(bits & sign, sign - (bits & ~sign), bits + sign)


def _ordered32(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    bits = np.ascontiguousarray(values).view(np.uint32).astype(np.uint64)
    sign = np.uint64(1) << np.uint64(31)
    return np.where(bits & sign, sign - (bits & ~sign), bits + sign)


def _steps(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.where(one > other, one - other, other - one)

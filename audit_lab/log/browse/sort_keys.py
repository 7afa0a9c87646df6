"""Numbers that sort as the values of a column do: eight bytes for each row, whatever the column holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MOST_TEXT_BYTES", "key_levels", "keys_of"]

#: Text is put in order by so many bytes, after those that all values have in common.
MOST_TEXT_BYTES = 64

_WIDTH = 8
_TOP = 1 << 63
_HALF = 1 << 64


def key_levels(dtype: pl.DataType, longest: int = 0, counted: int = MOST_TEXT_BYTES) -> int:
    """Return how many numbers, one after another, order values of a type.

    Parameters
    ----------
    dtype
        The type.
    longest
        Of text, the bytes of the longest value from where the first level begins on.
    counted
        Of text, how many of these count.

    Raises
    ------
    MisuseError
        Values of such a type have no order.
    """
    if dtype.is_decimal() or dtype == pl.Int128:
        return 2
    if (dtype.is_numeric() and dtype != pl.UInt128) or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null):
        return 1
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return max(1, -(-min(longest, counted) // _WIDTH))
    message = f"values of the type {dtype} have no order to be sorted by"
    raise MisuseError(message, "Sort by a column of numbers, times, text or yes and no.")


def keys_of(values: pl.Series, level: int = 0, common: int = 0) -> NDArray[np.uint64]:
    """Return an unsigned number for each value; the smaller value has the smaller one.

    Values that differ may have the same number on one level, and are then told apart by the next. Of floating-point
    numbers -0.0 equals 0.0, and every NaN is greater than all else, as polars sorts them. Zero bytes at the
    end of a text do not count. What stands for a null says nothing.

    Parameters
    ----------
    values
        Numbers, times, booleans or text.
    level
        Which of the `key_levels`, from 0 on.
    common
        Of text, how many bytes all values have in common at their beginning.
    """
    dtype = values.dtype
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return _of_text(values.cast(pl.String), common + level * _WIDTH)
    if dtype.is_decimal() or dtype == pl.Int128:
        return _of_wide(values.to_physical().cast(pl.Int128), level)
    if dtype.is_float():
        return _of_floats(values.cast(pl.Float64))
    if dtype in (pl.Boolean, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Null):
        return _filled(values.cast(pl.UInt64))
    return _of_integers(values.to_physical().cast(pl.Int64))


def _filled(values: pl.Series) -> NDArray[Any]:
    return values.fill_null(0).to_numpy()


def _of_integers(values: pl.Series) -> NDArray[np.uint64]:
    import numpy as np

    return _filled(values).view(np.uint64) ^ np.uint64(_TOP)


def _of_floats(values: pl.Series) -> NDArray[np.uint64]:
    import numpy as np

    # Adding zero makes 0.0 of -0.0; then the sign bit and, of negative numbers, all others are turned over.
    numbers: NDArray[Any] = _filled(values) + 0.0
    if numbers.size and np.isnan(numbers.min()):
        numbers[np.isnan(numbers)] = np.nan
    turned = (numbers.view(np.int64) >> 63).view(np.uint64)
    turned |= np.uint64(_TOP)
    turned ^= numbers.view(np.uint64)
    return turned


def _of_wide(values: pl.Series, level: int) -> NDArray[np.uint64]:

    number, half = pl.col("number").fill_null(0), pl.lit(_HALF, dtype=pl.Int128)
    upper = number // half
    if level == 0:
        return _of_integers(values.to_frame("number").select(upper.cast(pl.Int64)).to_series())
    return values.to_frame("number").select((number - upper * half).cast(pl.UInt64)).to_series().to_numpy()


def _of_text(values: pl.Series, skipped: int) -> NDArray[np.uint64]:
    read = values.cast(pl.Binary).bin.slice(skipped, _WIDTH)
    short = read.bin.size() < _WIDTH
    whole = read.bin.reinterpret(dtype=pl.UInt64, endianness="big")
    if not short.any():
        return _filled(whole)
    # What ends before has nothing left but zeros, and what is left of it may be shorter than eight bytes.
    if skipped:
        left = pl.Series([int.from_bytes((each or b"").ljust(_WIDTH, b"\0"), "big") for each in read.filter(short)])
    else:
        padded = (values.filter(short) + "\0" * _WIDTH).cast(pl.Binary).bin.slice(0, _WIDTH)
        left = padded.bin.reinterpret(dtype=pl.UInt64, endianness="big")
    numbers = _filled(whole).copy()
    numbers[short.fill_null(value=False).to_numpy()] = left.to_numpy()
    return numbers

"""Arrays in joblib's files: raw bytes behind the pickled wrapper that says their shape and type."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from audit_lab.replay.artifacts.pickles.stand_ins import Dictionary, Imported, Made

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BytesIO

__all__ = ["is_wrapper", "skip_array"]

_WRAPPERS = ("joblib.numpy_pickle.NumpyArrayWrapper", "sklearn.externals.joblib.numpy_pickle.NumpyArrayWrapper")
_CODE = re.compile(r"([a-zA-Z])(\d*)")
_UNICODE_BYTES = 4
_HAS_OBJECTS = 1


def is_wrapper(made: Made) -> bool:
    """Whether an object is one behind which joblib puts the bytes of an array."""
    return isinstance(made.of, Imported) and made.of.path in _WRAPPERS


def skip_array(wrapper: Made, file: BytesIO, read_inner: Callable[[], None]) -> None:
    """Go on behind the array that a wrapper announces.

    Parameters
    ----------
    wrapper
        With its state.
    file
        Stands right behind the wrapper.
    read_inner
        Walks the pickle that stands in the place of an array of objects.

    Raises
    ------
    ValueError
        The wrapper does not say how long the array is, or the file ends before it does.
    """
    state = wrapper.state
    shape = state.get("shape") if isinstance(state, Dictionary) else None
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and length >= 0 for length in shape):
        raise ValueError("an array of joblib does not say its shape")
    size = _item_bytes(state.get("dtype"))
    if size is None:
        read_inner()
        return
    if isinstance(state.get("numpy_array_alignment_bytes"), int):
        padding = file.read(1)
        file.seek(padding[0] if padding else 0, 1)
    behind = file.tell() + math.prod(shape) * size
    if behind > len(file.getbuffer()):
        raise ValueError("an array of joblib is cut off")
    file.seek(behind)


def _item_bytes(dtype: Any) -> int | None:
    """Return how many bytes an item of a dtype has; None where items are objects."""
    if not isinstance(dtype, Made) or not isinstance(dtype.arguments, tuple) or not dtype.arguments:
        raise ValueError("an array of joblib does not say its type")
    found = _CODE.fullmatch(str(dtype.arguments[0]))
    if found is None:
        raise ValueError("an array of joblib has a type that is not known")
    kind, digits = found.groups()
    state = dtype.state if isinstance(dtype.state, tuple) else ()
    flags = state[7] if len(state) > 7 and isinstance(state[7], int) else 0  # noqa: PLR2004 - numpy's own order
    if kind == "O" or flags & _HAS_OBJECTS:
        return None
    if not digits:
        raise ValueError("an array of joblib does not say how long its items are")
    return int(digits) * (_UNICODE_BYTES if kind == "U" else 1)

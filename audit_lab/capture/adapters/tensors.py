"""Tensors of version 2 of the open inference protocol as one instance for each of their first dimension."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["instances_of_tensors", "is_tensors"]

_MOST_DIMENSIONS = 8


def is_tensors(value: Any) -> bool:
    """Whether a value is a list of named tensors."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and "name" in each and "data" in each for each in value)
    )


def instances_of_tensors(tensors: list[dict[str, Any]]) -> list[Any]:
    """Return one instance for each place of the first dimension.

    One tensor of two dimensions is a table of values alone: each instance is a list. Otherwise each tensor is a field
    of its name; where there is one value for each instance it stands alone, else as a list.

    Raises
    ------
    ValueError
        A tensor's data do not fill its shape, or tensors have unlike first dimensions.
    """
    parts = {str(tensor["name"]): _instances(tensor) for tensor in tensors}
    if len(parts) != len(tensors):
        raise ValueError("two tensors have one name")
    counts = {len(part) for part in parts.values()}
    if len(counts) != 1:
        raise ValueError("the tensors have unlike numbers of instances")
    if len(parts) == 1:
        only = next(iter(parts.values()))
        if only and isinstance(only[0], list):
            return only
    return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]


def _instances(tensor: dict[str, Any]) -> list[Any]:
    shape, data = tensor.get("shape"), tensor.get("data")
    if not isinstance(data, list):
        raise ValueError("a tensor's data are no list")  # noqa: TRY004 (of a body, not of a call)
    if shape is None:
        return data
    whole = isinstance(shape, list) and 0 < len(shape) <= _MOST_DIMENSIONS
    if not whole or any(type(each) is not int or each < 0 for each in shape):
        raise ValueError("a tensor's shape is no list of whole numbers")
    values = data
    for _ in range(_MOST_DIMENSIONS):
        if not any(isinstance(each, list) for each in values):
            break
        if not all(isinstance(each, list) for each in values):
            raise ValueError("a tensor's data are of unlike depth")
        values = [part for each in values for part in each]
    if math.prod(shape) != len(values):
        raise ValueError(f"a tensor of shape {shape} has {len(values):,} values")
    width = math.prod(shape[1:])
    if width == 1:
        return values
    return [values[start : start + width] for start in range(0, len(values), width)] if width else []

"""Whether counted rows stand in their order, which costs less to see than to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ascends"]


def ascends(frame: pl.DataFrame, keys: Sequence[str]) -> bool:
    """Say whether rows ascend by whole numbers, or by these and then by numbers, each pair of which stands once.

    Parameters
    ----------
    frame
        The rows.
    keys
        One or two columns without nulls. Of texts the answer is always no: their order is not looked at.
    """
    first = frame[keys[0]].to_numpy()
    later = first[1:] > first[:-1]
    if len(keys) > 1:
        if frame.schema[keys[1]] == pl.String:
            return False
        second = frame[keys[1]].to_numpy()
        later |= (first[1:] == first[:-1]) & (second[1:] > second[:-1])
    return bool(later.all())

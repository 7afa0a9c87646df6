"""Some explained rows: which they are, what was recorded of them, what each feature contributed, and the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Numbers = npt.NDArray[np.float64]

__all__ = ["Block"]


@dataclass(frozen=True)
class Block:
    """Explained rows, side by side.

    Parameters
    ----------
    rows
        ``prediction_id``, ``place``, ``occurred_at``, and their rank where it is known already.
    inputs
        A recorded column for each feature, in the order of the model's signature.
    contributions, outputs
        Shapes ``(rows, features)`` and ``(rows,)``.
    """

    rows: pl.DataFrame
    inputs: pl.DataFrame
    contributions: Numbers
    outputs: Numbers

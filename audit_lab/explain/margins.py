"""The margin of a model that gives probabilities, as a function of rows: its log-odds. Runs in the child only."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.replay.scoring import ModelFault, Scorer

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import polars as pl

    Numbers = npt.NDArray[np.float64]

__all__ = ["log_odds"]

#: How far a score may lie from what its margin says: boosters compute in float32.
_LINK = 1e-5


def log_odds(scorer: Scorer, rows: pl.DataFrame) -> Callable[[pl.DataFrame], Numbers]:
    """Return the log-odds of the positive label as a function of rows, shape ``(rows,)``.

    Parameters
    ----------
    scorer
        A model that gives probabilities.
    rows
        On which the margin is tested to be what the score is made of: another link would not be told otherwise.

    Raises
    ------
    ModelFault
        Code ``explanation-not-offered``: the model gives no margin, or its score is not what the margin says.
    """
    asked = copy.copy(scorer)
    asked.signature = replace(scorer.signature, output=replace(scorer.signature.output, kind="margin"))
    try:
        margins = asked.scores(rows)
    except ModelFault:
        raise _not_offered(f"the {scorer.noun} gives none") from None
    scores = scorer.scores(rows)
    for sign in (1.0, -1.0):
        if np.allclose(1 / (1 + np.exp(-sign * margins)), scores, rtol=_LINK, atol=_LINK):
            return asked.scores if sign > 0 else lambda frame: -asked.scores(frame)
    raise _not_offered(f"the {scorer.noun}'s score is not what its margin says")


def _not_offered(why: str) -> ModelFault:
    message = f"log-odds are those of models whose probability comes from one margin, and {why}"
    return ModelFault("explanation-not-offered", message)

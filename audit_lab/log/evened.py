"""Which predictions of a sampled log count, so that all that do were recorded at one rate.

A recorder may record one prediction in ten, and always those near the threshold, failed ones and rare groups. Of those
at the higher rates a part is left out, by a hash of their request: what remains is a simple random sample of what was
served, in which every share, test and interval means what it means where all was recorded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Evened", "sampled_together"]


@dataclass(frozen=True, eq=False)
class Evened:
    """How the predictions of one model in a period were evened out.

    Parameters
    ----------
    rate
        At which those that count were recorded, or would have been, above 0 and at most 1: each stands for one over it.
        None where too few would be left, and all of them count as they are.
    highest
        The highest rate at which any was recorded.
    recorded, counted
        How many there are, and how many of them count.
    represented
        For how many served ones those that were recorded stand: the sum of one over their rates.
    rarer
        Of those that count, how many were recorded at a lower rate: too few to matter, they count once all the same.
    together
        How many predictions a request has in the mean, of those recorded at a rate below 1: they come, or stay away,
        together. 1 where each has a request of its own.
    left_out
        The ids of those that do not count, sorted.
    """

    rate: float | None
    highest: float
    recorded: int
    counted: int
    represented: float
    rarer: int
    together: float
    left_out: pl.Series

    @property
    def each(self) -> float:
        """For how many served predictions one that counts stands; not a number where that differs."""
        return math.nan if self.rate is None else 1 / self.rate

    @property
    def fact(self) -> str:
        """What must be known of an answer, one sentence without its full stop."""
        if self.rate is None:
            return (
                f"the {self.recorded:,} predictions were recorded at rates too far apart to be evened out, and all "
                "count once here, unweighted: what a rule records always is more among them than among those served"
            )
        if self.highest == self.rate and not self.rarer:
            return (
                f"all {self.recorded:,} predictions were recorded at a rate of {self.rate:g}: each stands for "
                f"{self.each:,.6g} that were served, together for about {self.represented:,.0f}"
                f"{sampled_together(self.together)}"
            )
        said = (
            f"the {self.recorded:,} predictions, which stand for about {self.represented:,.0f} that were served, were "
            f"recorded at rates up to {self.highest:g}: those {self.counted:,} are counted that a rate of "
            f"{self.rate:g} for all would have recorded, so each stands for {self.each:,.6g}"
        )
        rarer = f"; {self.rarer:,} of them were recorded at a lower rate, and stand for more than they count"
        return said + (rarer if self.rarer else "") + sampled_together(self.together)


def sampled_together(together: float) -> str:
    """Return what must be known where requests of several predictions were sampled; nothing where each has its own."""
    if together <= 1:
        return ""
    return (
        f"; they were sampled by request, of {together:,.1f} predictions in the mean, which come or stay away "
        "together: where those of a request are alike, what is called beyond chance may be chance, and intervals are "
        "too narrow"
    )

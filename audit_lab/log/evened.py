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

    from audit_lab.log.thinned import Thinned

__all__ = ["Evened"]


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
    thinned
        What counts of the predictions of one request, which come or stay away together.
    left_out
        The ids of those that do not count, sorted.
    """

    rate: float | None
    highest: float
    recorded: int
    counted: int
    represented: float
    rarer: int
    thinned: Thinned
    left_out: pl.Series

    @property
    def each(self) -> float:
        """For how many served predictions one that counts stands; not a number where that differs."""
        return math.nan if self.rate is None else 1 / (self.rate * (self.thinned.share or 1.0))

    @property
    def fact(self) -> str:
        """What must be known of an answer, one sentence without its full stop."""
        if self.rate is None:
            return (
                f"the {self.recorded:,} predictions were recorded at rates too far apart to be evened out, and all "
                "count once here, unweighted: what a rule records always is more among them than among those served"
            )
        if self.highest == self.rate and not self.rarer:
            said = f"all {self.recorded:,} predictions were recorded at a rate of {self.rate:g}"
            stands = f"each stands for {self.each:,.6g} that were served, together for about {self.represented:,.0f}"
            return f"{said}{self._of_requests or ':'} {stands}"
        said = (
            f"the {self.recorded:,} predictions, which stand for about {self.represented:,.0f} that were served, were "
            f"recorded at rates up to {self.highest:g}: those {self.counted + self.thinned.left_out.len():,} are "
            f"counted that a rate of {self.rate:g} for all would have recorded"
        )
        rarer = f"; {self.rarer:,} of them were recorded at a lower rate, and stand for more than they count"
        return f"{said}{self._of_requests or ','} so each stands for {self.each:,.6g}{rarer if self.rarer else ''}"

    @property
    def _of_requests(self) -> str:
        """What must be known of requests of several predictions; nothing where each has its own."""
        thinned = self.thinned
        if thinned.together <= 1:
            return ""
        said = (
            f"; they come by request, {thinned.together:,.1f} in the mean, recorded all or none, and those of one are"
        )
        alike = f"(intraclass correlation {thinned.alike:.2g})"
        if thinned.share is None:
            return f"{said} more alike than others {alike}, which makes tests and intervals too sure of themselves;"
        if thinned.share == 1:
            return f"{said} hardly more alike than others {alike};"
        return (
            f"{said} more alike than others {alike}, so that {self.counted:,} of them count, a share of "
            f"{thinned.share:.2g} of each request, as if drawn one by one;"
        )

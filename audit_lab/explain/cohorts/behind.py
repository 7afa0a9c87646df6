"""The decisions behind a bin, read from the log again through the same sieve as the explanation read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.explain.cohorts.kept_rows import ranks
from audit_lab.explain.cohorts.selection import in_bin
from audit_lab.explain.cohorts.sieve import ROW, Sieve
from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from audit_lab.explain.cohorts.asked import Asked
    from audit_lab.explain.cohorts.result import FeatureAttribution
    from audit_lab.replay.runner import Runner

__all__ = ["Behind"]


@dataclass(frozen=True)
class Behind:
    """Which decisions were explained, and how their bins were cut.

    Parameters
    ----------
    asked, runner
        The group, and what keeps a decision from being explained.
    features
        With their bins.
    refused
        Ids of the rows that the model refused.
    sampled
        Seed, and the highest rank that was taken (None: all), where rows were chosen.
    """

    asked: Asked
    runner: Runner
    features: tuple[FeatureAttribution, ...]
    refused: frozenset[str]
    sampled: tuple[int, int | None] | None

    def rows_of(self, feature: str, number: int) -> pl.DataFrame:
        """Return the decisions of a bin: id, place, time and recorded value, in the order of the log."""
        bins = next(each.bins for each in self.features if each.feature == feature)
        wanted = bins[number]
        own = [each.text for each in bins if each.text is not None]
        column = pl.col(FEATURE + feature)
        found: list[pl.DataFrame] = []
        for rows in Sieve(self.asked.resolved(), self.runner).rows():
            given = rows.with_columns(column.fill_nan(None)) if rows[FEATURE + feature].dtype.is_float() else rows
            inside = in_bin(column, wanted.span, own)
            some = given.filter(inside, ~pl.col("prediction_id").is_in(list(self.refused)))
            some = some.select(*ROW, column.alias("value"))
            if self.sampled is not None and self.sampled[1] is not None:
                seed, highest = self.sampled
                some = some.filter(ranks(some["prediction_id"], seed) <= highest)
            found.append(some)
        return pl.concat(found) if found else pl.DataFrame()

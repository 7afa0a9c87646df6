"""How the counts of a group vary where requests were sampled, with all of their predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.reading import reading
from audit_lab.monitor.fairness.tallies import WHERE, alias, marked, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.fairness.grouping import Group
    from audit_lab.monitor.fairness.suppression import Unit
    from audit_lab.monitor.fairness.tallies import Counted
    from audit_lab.monitor.performance.meaning import Meaning
    from audit_lab.monitor.performance.rows import JudgedRows

__all__ = ["SHARES", "Products", "products_of_requests"]

#: The shares that are taken of a tally: what is counted, and of which.
SHARES = {
    "selection_rate": ("selected", "rows"),
    "true_positive_rate": ("qualified_selected", "qualified"),
    "false_positive_rate": ("unqualified_selected", "unqualified"),
    "qualified_rate": ("qualified", "labelled"),
    "calibration_gap": ("scored_positive", "scored"),
}


@dataclass(frozen=True)
class Products:
    """Sums over requests of products of two of their counts: of those recorded at one rate, and at another or the same.

    Parameters
    ----------
    rate, other
        The two rates, both below 1.
    squared, mixed, of_all
        With s that are counted of t, and s', t' at the other rate: the sums of s s', of (s t' + t s') / 2 and of t t'.
    """

    rate: float
    other: float
    squared: float
    mixed: float
    of_all: float

    @property
    def less(self) -> Products:
        """The same of those that are not counted: t - s of t."""
        return Products(
            self.rate, self.other, self.of_all - 2 * self.mixed + self.squared, self.of_all - self.mixed, self.of_all
        )

    def spread(self, share: float) -> float:
        """Return what they add to the variance of the sum of ``s - share t``, by the estimator of Horvitz and Thompson.

        Requests are sampled by one number each: two of one are both recorded with the lower of their probabilities.
        """
        return self._factor * (self.squared - 2 * share * self.mixed + share**2 * self.of_all)

    @property
    def spread_of_all(self) -> float:
        """Return what they add to that of the sum of t."""
        return self._factor * self.of_all

    @property
    def _factor(self) -> float:
        return 1 / (self.rate * self.other) - 1 / min(self.rate, self.other)


#: By window and version, by group, by share (`SHARES`).
_Found = dict[tuple[Any, Any], dict["Unit", dict[str, list[Products]]]]


def products_of_requests(rows: JudgedRows, groups: Sequence[Group], asked: Counted, meaning: Meaning) -> _Found:
    """Return the products of each group of each column, and of each intersection of all.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    request = pl.coalesce("request_id", "prediction_id").alias("request")
    frame = marked(rows, groups, asked, meaning).filter(pl.col("rate") < 1).with_columns(request)
    kinds: list[tuple[int, ...]] = [(place,) for place in range(len(groups))]
    if len(groups) > 1:
        kinds.append(tuple(range(len(groups))))
    found: _Found = {}
    for kind in kinds:
        keys = [*WHERE, *(alias(place) for place in kind)]
        of_request = frame.group_by(*keys, "request", "rate").agg(*sums(meaning))
        of_request = of_request.with_columns(labelled=pl.col("qualified") + pl.col("unqualified"))
        pairs = of_request.join(of_request, on=[*keys, "request"], nulls_equal=True)
        added = pairs.group_by(*keys, "rate", "rate_right").agg(
            each for share, counts in SHARES.items() for each in _products(share, *counts)
        )
        with reading("the predictions, inputs and outcomes"):
            collected = added.sort(*keys, "rate", "rate_right", nulls_last=True).collect(engine="streaming")
        for row in collected.iter_rows(named=True):
            where = found.setdefault((row[WHERE[0]], row[WHERE[1]]), {})
            unit = tuple((place, row[alias(place)]) for place in kind)
            of_unit = where.setdefault(unit, {})
            for share in SHARES:
                each = (float(row[f"{share} {name}"]) for name in ("squared", "mixed", "of_all"))
                of_unit.setdefault(share, []).append(Products(row["rate"], row["rate_right"], *each))
    return found


def _products(share: str, counted: str, of: str) -> list[pl.Expr]:
    s, t, other, of_other = (pl.col(name).cast(pl.Float64) for name in (counted, of, f"{counted}_right", f"{of}_right"))
    products = {"squared": s * other, "mixed": (s * of_other + t * other) / 2, "of_all": t * of_other}
    return [each.sum().alias(f"{share} {name}") for name, each in products.items()]

"""Facts about columns that the numbers must be read with: thin references, ids, and what froze or left its range."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from audit_lab.monitor.bins import MOST_VALUES, NumericBins
from audit_lab.monitor.findings import MINIMUM_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.findings import Finding

__all__ = ["column_facts", "reference_facts"]

#: A text column with more different texts than this part of the rows is an id rather than a category.
_SCATTERED_PART = 0.5
_OUTSIDE = "outside the reference's range"


def reference_facts(rows: int, bins: Sequence[Bins]) -> list[str]:
    """State what a reference is too thin or too scattered for."""
    few = [f"the reference has only {rows} rows, and a verdict takes {MINIMUM_ROWS}"] if rows < MINIMUM_ROWS else []
    scattered = [
        f"{one.column} has {one.distinct:,} different texts in the {rows:,} rows of the reference; drift says little"
        for one in bins
        if one.kind == "categorical" and one.distinct > _SCATTERED_PART * rows and rows >= MINIMUM_ROWS
    ]
    marked = [
        f"{one.column} has more than {MOST_VALUES:,} different values in the reference: its Kolmogorov-Smirnov "
        "statistic is taken at percentiles, and may be up to 0.01 too small"
        for one in bins
        if isinstance(one, NumericBins) and one.marked
    ]
    constant = [
        f"{one.column} has one value in every row of the reference that has any"
        for one in bins
        if (one.values.size if isinstance(one, NumericBins) else one.distinct) == 1
    ]
    return [*few, *scattered, *marked, *constant]


def column_facts(findings: dict[str, list[Finding]], cut: Cut) -> list[str]:
    """State what froze, left its range or changed its kind, and where first."""
    facts = []
    for column, found in findings.items():
        frozen = [place for place, one in enumerate(found) if one.frozen]
        if frozen:
            count = _plural(len(frozen), cut.noun)
            facts.append(f"{column} has one value throughout {count}, first {cut.names[frozen[0]]}, and had several")
        for name, said in (("type_violations", "of another kind than in the reference"), ("out_of_range", _OUTSIDE)):
            there = [(getattr(one, name), place) for place, one in enumerate(found) if name in one.exceeds]
            if there:
                share, worst = max(there, key=itemgetter(0))
                count, first = _plural(len(there), cut.noun), cut.names[there[0][1]]
                facts.append(
                    f"{column}: values {said} in {count}, first {first}, most in {cut.names[worst]} ({share:.1%})"
                )
    return facts


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

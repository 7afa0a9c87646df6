"""Which version, node or endpoint alone carries a change that was recognised in all rows together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import MISSING
from audit_lab.monitor.recognised.change import DEFAULT, FROZEN, GONE_MISSING, NEW, DataChange
from audit_lab.monitor.recognised.defaults import EMPTY, value_name
from audit_lab.monitor.recognised.steps import rows_of_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.steps import Days

__all__ = ["LOCATED", "located"]

#: The kinds that can be those of some rows only: of all rows together, they take a share.
LOCATED = (DEFAULT, GONE_MISSING, NEW)
#: Values of the column that say where a row came from must have so many rows in the run to be the one, ...
_FEWEST_ROWS = 30
#: ... the others rise by no more than this part of its rise, ...
_BESIDE = 0.1
#: ... and would have so few rows of it, if they carried it as it does, in no more than this share of cases.
_BY_CHANCE = 0.001
#: All rows but one in a thousand have one value.
_EVERY = 0.999


@dataclass(frozen=True)
class _Part:
    """How many rows of one part carry a value in a run and outside it, of how many."""

    held: int
    rows: int
    held_outside: int
    rows_outside: int

    @property
    def share(self) -> float:
        return self.held / max(self.rows, 1)

    @property
    def share_outside(self) -> float:
        return self.held_outside / max(self.rows_outside, 1)

    @property
    def rise(self) -> float:
        return self.share - self.share_outside


def located(change: DataChange, part: str, days: Mapping[str, Days]) -> DataChange | None:
    """Return a change with the one value of a column that carries it, or None where several do, or none is told.

    Parameters
    ----------
    change
        One of `LOCATED`.
    part
        The column that says where a row came from, such as ``node``.
    days
        The changed column by day, by value of that column.
    """
    if change.kind not in LOCATED or change.after is None:
        return None
    brought = _brought(change, days.values())
    counted = {value: _counted(change, one, brought) for value, one in days.items()}
    inside = {value: one for value, one in counted.items() if one.rows >= _FEWEST_ROWS}
    if len(inside) < 2:  # noqa: PLR2004
        return None
    if change.kind != NEW and not all(one.rows_outside for one in inside.values()):
        return None
    carrier = max(inside, key=lambda value: inside[value].rise)
    mine = inside[carrier]
    if any(_carries_too(one, mine) for value, one in counted.items() if value != carrier and one.rows):
        return None
    if change.kind == NEW:
        return replace(change, rows=mine.held + mine.held_outside, where=(part, carrier))
    frozen = change.kind == DEFAULT and change.after != MISSING and mine.share >= _EVERY
    return replace(
        change,
        kind=FROZEN if frozen else change.kind,
        before=None if frozen else change.before,
        rows=mine.held,
        where=(part, carrier),
        evidence={**change.evidence, "share": mine.share, "share_before": mine.share_outside},
    )


def _carries_too(other: _Part, mine: _Part) -> bool:
    """Say whether another part carries the change as well, or has too few rows to say that it does not."""
    from scipy.special import bdtr

    if other.held and other.rise > _BESIDE * mine.rise:
        return True
    likely = min(max(other.share_outside + mine.rise, 0.0), 1.0)
    return other.rows >= _FEWEST_ROWS and float(bdtr(other.held, other.rows, likely)) > _BY_CHANCE


def _counted(change: DataChange, days: Days, brought: frozenset[float]) -> _Part:
    # What is new began in the middle of a day, which belongs to it: outside of its days there is none of it.
    bounds = zip(days.cut.starts, days.cut.ends, strict=True)
    met = [end > change.start if change.kind == NEW else start >= change.start for start, end in bounds]
    within = np.array(met) & np.array([start < change.end for start in days.cut.starts])
    held = _carrying(change, days, brought)
    return _Part(
        int(held[within].sum()), int(days.rows[within].sum()), int(held[~within].sum()), int(days.rows[~within].sum())
    )


def _brought(change: DataChange, days: Iterable[Days]) -> frozenset[float]:
    """Return the numbers that a change's name stands for, frequent in any part, or else those that occur."""
    numbers = [one for one in days if one.ordered]
    frequent = {value for one in numbers for value in one.frequent if value_name(one, value) == change.after}
    if frequent or change.kind == NEW:
        return frozenset(frequent)
    rows: dict[float, float] = {}
    for one in numbers:
        for sample in one.samples:
            for value, count in (
                () if sample is None else zip(sample.values.tolist(), sample.rows.tolist(), strict=True)
            ):
                rows[value] = rows.get(value, 0.0) + count
    named = [value for value in rows if value_name(numbers[0], value) == change.after]
    return frozenset([max(named, key=rows.__getitem__)] if named else [])


def _carrying(change: DataChange, days: Days, brought: frozenset[float]) -> NDArray[np.int64]:
    """Return the rows of each day that carry the value that a change brought, however rare it is there.

    Of a part with very many different numbers a day, rows of one that is not frequent in it are those of a sample.
    """
    if change.after == MISSING:
        return days.missing
    if not days.ordered:
        return rows_of_text(days, "" if change.after == EMPTY else change.after or "")
    held = np.zeros_like(days.rows)
    for value in brought:
        if value in days.frequent:
            held += days.frequent[value]
            continue
        some = [0.0 if one is None else float(one.rows[one.values == value].sum()) for one in days.samples]
        held += np.round(some).astype(np.int64)
    return held

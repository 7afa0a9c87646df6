"""Which version, node or endpoint alone carries a change that was recognised in all rows together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from audit_lab.monitor.bins import MISSING
from audit_lab.monitor.recognised.change import DEFAULT, FROZEN, GONE_MISSING, NEW, DataChange
from audit_lab.monitor.recognised.defaults import value_name
from audit_lab.monitor.recognised.steps import rows_of_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from audit_lab.monitor.recognised.steps import Days

__all__ = ["LOCATED", "located"]

#: The kinds that can be those of some rows only: of all rows together, they take a share.
LOCATED = (DEFAULT, GONE_MISSING, NEW)
#: Other values of the column that say where a row came from must have so many rows in the run ...
_FEWEST_ROWS = 30
#: ... and rise by no more than this part of the rise of the one.
_BESIDE = 0.1
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
    counted = {value: _counted(change, one) for value, one in days.items()}
    inside = {value: one for value, one in counted.items() if one.rows >= _FEWEST_ROWS}
    if len(inside) < 2 or not all(one.rows_outside for one in inside.values()):  # noqa: PLR2004
        return None
    carrier = max(inside, key=lambda value: inside[value].rise)
    mine = inside[carrier]
    if any(one.rise > _BESIDE * mine.rise for value, one in inside.items() if value != carrier):
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


def _counted(change: DataChange, days: Days) -> _Part:
    starts = days.cut.starts
    within = np.array([change.start <= start < change.end for start in starts], dtype=bool)
    held = _carrying(change, days)
    return _Part(
        int(held[within].sum()), int(days.rows[within].sum()), int(held[~within].sum()), int(days.rows[~within].sum())
    )


def _carrying(change: DataChange, days: Days) -> NDArray[np.int64]:
    """Return the rows of each day that carry the value that a change brought."""
    if change.after == MISSING:
        return days.missing
    if change.kind == NEW:
        return rows_of_text(days, change.after or "")
    held = [rows for value, rows in days.frequent.items() if value_name(days, value) == change.after]
    return np.sum(held, axis=0, dtype=np.int64) if held else np.zeros_like(days.rows)

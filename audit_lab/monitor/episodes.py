"""Episodes: unbroken runs of windows in which a column moved, and categories that vanished, to the moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.bins import CategoryBins
from audit_lab.monitor.compared import compared
from audit_lab.monitor.findings import vanished
from audit_lab.monitor.recognised.change import NEW, RENAMED, VANISHED
from audit_lab.monitor.verdict import MAJOR, TOO_FEW_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.findings import Finding
    from audit_lab.monitor.recognised import DataChange
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["Episode", "VanishedCategory", "find_episodes", "find_vanished", "is_restless", "runs"]

#: A reference of fewer windows than this cannot show that a column moves all the time.
_FEWEST_OWN_WINDOWS = 3


@dataclass(frozen=True)
class Episode:
    """One unbroken run of windows in which a column was broken, its verdict major, a category gone or its data changed.

    Windows with too few rows neither break nor lengthen a run. `start` is the start of the first window, `end` the
    end of the last; `ongoing` says that the run holds up to the last window that has a verdict; `partial` that the log
    covers its only window in part, so that a weekday, say, may differ for no other reason; `median_ratio`, for a
    numeric column, its median divided by the reference's; `violations` what no row of the reference did.
    """

    column: str
    start: datetime
    end: datetime
    windows: int
    highest_psi: float
    vanished_categories: tuple[str, ...]
    ongoing: bool
    partial: bool
    what: str
    median_ratio: float | None = None
    violations: tuple[str, ...] = ()


@dataclass(frozen=True)
class VanishedCategory:
    """A category of the reference that stopped arriving.

    `last_seen` is the time of its last row before it was gone, `gone_from` and `gone_until` the start of the first
    and the end of the last window without it, `returned` the time of its first row after that, or None.
    """

    column: str
    category: str
    reference_share: float
    expected_rows: float
    last_seen: datetime | None
    gone_from: datetime
    gone_until: datetime
    windows: int
    returned: datetime | None


def runs(marks: Sequence[bool | None]) -> list[tuple[int, int]]:
    """Return first and last position of each unbroken run of True; None neither breaks nor lengthens one."""
    found: list[tuple[int, int]] = []
    first = last = -1
    for position, mark in enumerate([*marks, False]):
        if mark:
            first, last = (position if first < 0 else first), position
        elif mark is False and first >= 0:
            found.append((first, last))
            first = -1
    return found


def find_episodes(
    column: str,
    findings: Sequence[Finding],
    cut: Cut,
    covered: Sequence[bool] | NDArray[np.bool_],
    changes: Sequence[DataChange] = (),
) -> list[Episode]:
    """Return the episodes of one column, in order; of versions, which overlap, each that moved is one by itself.

    Parameters
    ----------
    column
        The column.
    findings
        Its finding in each window.
    cut
        The windows.
    covered
        Whether the log covers each of them wholly.
    changes
        Changes of the data that were recognised; the windows that one of the column touches belong to an episode,
        but for a category that vanished or began, which its windows say themselves.
    """
    mine = [one for one in changes if column in one.columns and one.kind not in {VANISHED, RENAMED, NEW}]
    marks = [_moved(found, cut.starts[place], cut.ends[place], mine) for place, found in enumerate(findings)]
    judged = [position for position, mark in enumerate(marks) if mark is not None]
    episodes = []
    by_itself = [(place, place) for place, mark in enumerate(marks) if mark]
    for first, last in by_itself if cut.by_version else runs(marks):
        held = [findings[position] for position in range(first, last + 1) if marks[position]]
        gone = tuple(sorted({category for found in held for category in found.vanished_categories}))
        broken = tuple(sorted({name for found in held for name in found.violations}))
        highest = max(found.psi or 0.0 for found in held)
        start, end = cut.starts[first], max(cut.ends[first : last + 1])
        known = [
            " or ".join((one.conversion, *one.alternatives)) if one.conversion else one.kind
            for one in mine
            if one.touches(column, start, end)
        ]
        episodes.append(
            Episode(
                column=column,
                start=start,
                end=end,
                windows=len(held),
                highest_psi=highest,
                vanished_categories=gone,
                ongoing=last == judged[-1],
                partial=first == last and not covered[first],
                what=_what(gone, broken, known, highest),
                violations=broken,
            )
        )
    return episodes


def find_vanished(counts: WindowCounts, cut: Cut) -> list[VanishedCategory]:
    """Return the categories of one column that vanished, in the order in which they did.

    A category is gone over a run of windows without a row of it if at least one of them alone should have had fifteen.
    """
    bins = counts.bins
    if not isinstance(bins, CategoryBins):
        return []
    rows = counts.binned.sum(axis=1)
    missed = [vanished(counts, window, compared(counts, window, None)) for window in range(rows.size)]
    found = []
    for place, category in enumerate(bins.categories[: bins.named]):
        share = float(bins.category_rows[place] / bins.reference_counts.sum())
        absent = [bool(here) if total else None for here, total in zip(counts.binned[:, place] == 0, rows, strict=True)]
        for first, last in runs(absent):
            if any(category in missed[window] for window in range(first, last + 1)):
                seen = counts.long.filter(pl.col("key") == category)
                before, after = seen.filter(pl.col("window") < first), seen.filter(pl.col("window") > last)
                found.append(
                    VanishedCategory(
                        column=bins.column,
                        category=category,
                        reference_share=share,
                        expected_rows=share * float(np.sum(rows[first : last + 1])),
                        last_seen=before["last"].max(),  # type: ignore[arg-type]
                        gone_from=cut.starts[first],
                        gone_until=cut.ends[last],
                        windows=int(np.count_nonzero(rows[first : last + 1])),
                        returned=after["first"].min(),  # type: ignore[arg-type]
                    )
                )
    return sorted(found, key=lambda one: (one.gone_from, -one.reference_share))


def is_restless(findings: Sequence[Finding], inside: Sequence[bool]) -> bool:
    """Say whether at least half of the reference's own windows, those `inside` it, differ from it as far as incidents.

    Against such a reference a verdict says little: the column moves all the time.
    """
    own = [
        found.verdict == MAJOR
        for found, within in zip(findings, inside, strict=True)
        if within and found.verdict != TOO_FEW_ROWS
    ]
    return len(own) >= _FEWEST_OWN_WINDOWS and 2 * sum(own) >= len(own)


def _moved(found: Finding, start: datetime, end: datetime, changes: Sequence[DataChange]) -> bool | None:
    if found.verdict == TOO_FEW_ROWS:
        return None
    recognised = any(one.start < end and one.end > start for one in changes)
    return found.verdict == MAJOR or bool(found.vanished_categories or found.violations) or recognised


def _what(gone: Sequence[str], broken: Sequence[str], known: Sequence[str], highest: float) -> str:
    lost = [f"{'category' if len(gone) == 1 else 'categories'} {', '.join(gone)} vanished"] if gone else []
    return ", ".join([*lost, *(f"consistent with {unit}" for unit in known), *broken, f"PSI up to {highest:.2f}"])

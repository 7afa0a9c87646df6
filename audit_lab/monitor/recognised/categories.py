"""New and renamed categories, and texts that arrive written in another way, dated by their rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.monitor.bins import CategoryBins
from audit_lab.monitor.findings import VANISHED_ROWS, VANISHED_SHARE
from audit_lab.monitor.recognised.change import NEW, RENAMED, RETYPED, DataChange
from audit_lab.monitor.recognised.steps import rows_of_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.bins import Bins
    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.episodes import VanishedCategory
    from audit_lab.monitor.recognised.steps import Days
    from audit_lab.monitor.window_counts import WindowCounts

__all__ = ["find_new", "lasting", "renamed_in_part", "unseen_by_chance", "with_renamed"]

#: A column with more new categories than this has ids rather than categories.
_MOST_NEW = 50
_MICROSECOND = timedelta(microseconds=1)
#: One category follows another if its first row comes within a day of the other's last, or so many usual gaps.
_GAP = timedelta(days=1)
_GAPS = 7.0
#: Their shares match within this part and three standard errors.
_SHARE_PART = 0.2
_ERRORS = 3.0
#: A category that vanished and returned more often than this comes and goes.
_COMES_AND_GOES = 3
#: Of a category that another took the place of in a part of the rows, no more than this part of its share is left.
_LEFT = 0.1
_TRUE = {"true", "yes", "y", "t", "1", "1.0"}
_FALSE = {"false", "no", "n", "f", "0", "0.0"}


@dataclass(frozen=True)
class _Began:
    """A category that the reference does not have: its rows, the first and last, its share between these."""

    category: str
    rows: int
    first: datetime
    last: datetime
    share: float
    among: int
    ongoing: bool


def find_new(counts: WindowCounts) -> list[DataChange]:
    """Return the categories that began to arrive: with 1 % of a window's rows, and fifteen of them, none before."""
    found = [_as_change(counts.bins.column, one) for one in _began(counts)]
    return found if len(found) <= _MOST_NEW else []


def unseen_by_chance(one: DataChange, bins: Bins) -> bool:
    """Say whether a reference so short can lack a category that it has: of a new one fifteen rows were to be expected.

    None of n rows has a share s by chance in ``(1 - s)^n`` of cases, ``exp(-15)`` where `n s` is 15; the same goes for
    a category that vanished.
    """
    known = float(bins.category_rows.sum()) if isinstance(bins, CategoryBins) else 0.0
    return one.kind == NEW and one.evidence["share"] * known < VANISHED_ROWS


def lasting(vanished: Sequence[VanishedCategory], cut: Cut) -> tuple[list[VanishedCategory], tuple[str, ...]]:
    """Return the categories that vanished, but for those that come and go, and a fact about each of these.

    That one of them is gone once more is no change, unless it is for longer than ever and to the end of the log.
    """
    runs: dict[tuple[str, str], list[VanishedCategory]] = {}
    for one in vanished:
        runs.setdefault((one.column, one.category), []).append(one)
    kept, facts = [], []
    for (column, category), mine in runs.items():
        returned = [one for one in mine if one.returned is not None]
        if len(returned) <= _COMES_AND_GOES:
            kept += mine
            continue
        longest = max(returned, key=lambda one: one.windows)
        kept += [one for one in mine if one.returned is None and one.windows > longest.windows]
        windows = f"{longest.windows:,} {cut.noun}{'' if longest.windows == 1 else 's'}"
        facts.append(
            f"category {category} of {column} comes and goes: it vanished and returned {len(returned):,} times, at the "
            f"longest for {windows} from {cut.name(longest.gone_from)} on"
        )
    return kept, tuple(facts)


def with_renamed(vanished: Sequence[DataChange], new: Sequence[DataChange]) -> list[DataChange]:
    """Return the changes with each category that stopped as another began, with the same share, as one renaming.

    Where all that vanished from a column arrives written in another way, as 5 and 5.0, they are one change of type.
    """
    pairs = [(gone, came) for gone in vanished for came in new if _follows(gone, came)]
    sure = [
        (gone, came)
        for gone, came in pairs
        if _same(gone.before, came.after)
        or (sum(one is gone for one, _ in pairs) == 1 and sum(two is came for _, two in pairs) == 1)
    ]
    used = {id(one) for pair in sure for one in pair}
    rest = [one for one in (*vanished, *new) if id(one) not in used]
    return [*rest, *_retyped(sure)]


def renamed_in_part(new: Sequence[DataChange], days: Days) -> list[DataChange]:
    """Return categories that began in a part of the rows, each one as a renaming where it took another one's place.

    In all rows together the other goes on to arrive, from the other parts.

    Parameters
    ----------
    new
        Categories of one column that began in one part alone.
    days
        The column by day, of that part.
    """
    pairs = [(gone, came) for came in new for gone in _gave_way(came, days)]
    sure = [
        (gone, came)
        for gone, came in pairs
        if _same(gone.before, came.after)
        or (sum(two is came for _, two in pairs) == 1 and sum(one.before == gone.before for one, _ in pairs) == 1)
    ]
    used = {id(came) for _, came in sure}
    return [*(one for one in new if id(one) not in used), *_retyped(sure)]


def _gave_way(came: DataChange, days: Days) -> list[DataChange]:
    """Return the categories that stopped in the days of one that began, with the same share or meaning."""
    inside = np.array([came.start <= start and end <= came.end for start, end in zip(*_bounds(days), strict=True)])
    outside = np.array([end <= came.start or came.end <= start for start, end in zip(*_bounds(days), strict=True)])
    rows_inside, rows_outside = int(days.rows[inside].sum()), int(days.rows[outside].sum())
    if not rows_inside or not rows_outside:
        return []
    share = float(rows_of_text(days, came.after or "")[inside].sum() / rows_inside)
    found = []
    for name in days.names:
        held = rows_of_text(days, name)
        was, left = float(held[outside].sum() / rows_outside), float(held[inside].sum() / rows_inside)
        error = _ERRORS * float(np.sqrt(was * (1 - was) / rows_inside))
        if left > _LEFT * was or was * rows_inside < VANISHED_ROWS:
            continue
        if _same(name, came.after) or abs(was - share) <= _SHARE_PART * was + error:
            evidence = {"reference_share": was, "expected_rows": was * rows_inside, "rows": 0.0}
            found.append(replace(came, before=name, evidence=evidence))
    return found


def _bounds(days: Days) -> tuple[Sequence[datetime], Sequence[datetime]]:
    return days.cut.starts, days.cut.ends


def _began(counts: WindowCounts) -> list[_Began]:
    bins = counts.bins
    if not isinstance(bins, CategoryBins) or not bins.categories:
        return []
    rows = counts.binned.sum(axis=1)
    held = counts.long.drop_nulls("key").filter(~pl.col("key").is_in(list(bins.index)))
    share = pl.col("rows") / pl.Series("rows", rows)[held["window"]] if held.height else pl.lit(0.0)
    enough = held.filter((share >= VANISHED_SHARE) & (pl.col("rows") >= VANISHED_ROWS))["key"].unique().sort()
    found = []
    for category in enough.to_list():
        mine = held.filter(pl.col("key") == category)
        first, last = mine["window"].min(), mine["window"].max()
        among = int(rows[first : last + 1].sum())  # type: ignore[operator]
        judged = np.flatnonzero(rows)
        count = int(mine["rows"].sum())
        found.append(
            _Began(
                category=category,
                rows=count,
                first=mine["first"].min(),  # type: ignore[arg-type]
                last=mine["last"].max(),  # type: ignore[arg-type]
                share=count / max(among, 1),
                among=among,
                ongoing=last == judged[-1],
            )
        )
    return found


def _as_change(column: str, one: _Began) -> DataChange:
    return DataChange(
        kind=NEW,
        columns=(column,),
        start=one.first,
        end=one.last + _MICROSECOND,
        ongoing=one.ongoing,
        rows=one.rows,
        after=one.category,
        evidence={"share": one.share, "share_before": 0.0, "among": float(one.among)},
    )


def _follows(gone: DataChange, came: DataChange) -> bool:
    """Say whether a category began as another of the same column stopped, with the same share or meaning."""
    if gone.columns != came.columns:
        return False
    was, now = gone.evidence["reference_share"], came.evidence["share"]
    error = _ERRORS * float(np.sqrt(was * (1 - was) / max(came.evidence["among"], 1)))
    span = max(came.end - came.start, _MICROSECOND)
    gap = max(_GAP, _GAPS * span / max(came.rows, 1))
    if not -_GAP / 24 <= came.start - gone.start <= gap:
        return False
    return _same(gone.before, came.after) or abs(was - now) <= _SHARE_PART * was + error


def _same(one: str | None, two: str | None) -> bool:
    """Say whether two texts are one value written in two ways."""
    return one is not None and two is not None and _meaning(one) == _meaning(two)


def _meaning(text: str) -> str:
    plain = text.strip().casefold()
    if plain in _TRUE | _FALSE:
        return str(plain in _TRUE)
    try:
        return repr(float(plain))
    except ValueError:
        return plain


def _retyped(pairs: Sequence[tuple[DataChange, DataChange]]) -> list[DataChange]:
    """Join pairs that are the same values written in another way; the others are renamings."""
    found = []
    alike: dict[str, list[tuple[DataChange, DataChange]]] = {}
    for gone, came in pairs:
        if _same(gone.before, came.after):
            alike.setdefault(gone.column, []).append((gone, came))
        else:
            evidence = {**came.evidence, "reference_share": gone.evidence["reference_share"]}
            found.append(replace(came, kind=RENAMED, before=gone.before, evidence=evidence))
    for held in alike.values():
        first = min((came for _, came in held), key=lambda one: one.start)
        found.append(
            replace(
                first,
                kind=RETYPED,
                end=max(came.end for _, came in held),
                ongoing=any(came.ongoing for _, came in held),
                rows=sum(came.rows for _, came in held),
                before=", ".join(str(gone.before) for gone, _ in held),
                after=", ".join(str(came.after) for _, came in held),
                evidence={
                    "share": sum(came.evidence["share"] for _, came in held),
                    "reference_share": sum(gone.evidence["reference_share"] for gone, _ in held),
                },
            )
        )
    return found

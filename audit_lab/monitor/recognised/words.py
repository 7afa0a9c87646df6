"""A recognised change in one plain sentence, dated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.monitor.recognised.change import (
    AFFINE,
    DEFAULT,
    FROZEN,
    GONE_MISSING,
    NEW,
    RENAMED,
    RETYPED,
    ROUNDED,
    SIGN,
    SWAPPED,
    TRUNCATED,
    UNIT,
    DataChange,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.monitor.cuts import Cut
    from audit_lab.monitor.episodes import VanishedCategory

__all__ = ["sentence_of", "vanished_sentence"]


def sentence_of(change: DataChange, cut: Cut) -> str:
    """Return what happened to which column, from when to when, in how many rows, and what that rests on."""
    said = _SAID[change.kind](change)
    rows = f"{change.rows:,} row{'' if change.rows == 1 else 's'}"
    return f"{', '.join(change.columns)}: {_when(change, cut)}{_where(change)} {said}, in {rows}{_rests_on(change)}."


def vanished_sentence(one: VanishedCategory, cut: Cut) -> str:
    """Return which category vanished, after when, and how many rows of it were to be expected."""
    share = f"{one.column}: category {one.category} ({one.reference_share:.1%} of the reference) vanished"
    since = f" after {cut.date(one.last_seen)} (last seen {cut.moment(one.last_seen)})" if one.last_seen else ""
    windows = f"{one.windows:,} {cut.noun}{'' if one.windows == 1 else 's'}"
    absent = f"none in the {windows} from {cut.name(one.gone_from)} on"
    expected = f"where about {one.expected_rows:,.0f} were to be expected"
    if one.returned is None:
        return f"{share}{since} and did not return: {absent}, {expected}."
    return f"{share}{since} and returned on {cut.moment(one.returned)}: {absent}, {expected}."


def _when(change: DataChange, cut: Cut) -> str:
    first = cut.date(change.start)
    if change.ongoing:
        return f"from {first} on, to the end of the log,"
    last = cut.last_day(change.end)
    return f"on {first}" if first == last else f"from {first} to {last}"


def _where(change: DataChange) -> str:
    return f" and only where {change.where[0]} is {change.where[1]}," if change.where else ""


def _multiplied(change: DataChange) -> str:
    conversions = " or ".join([change.conversion or "", *change.alternatives])
    unsure = len(change.alternatives) > 0 and "ratio" in change.evidence
    size = f"about {change.evidence['ratio']:.3g}" if unsure else f"{change.factor:.4g}"
    return f"values arrive multiplied by {size} ({conversions}?)"


def _shifted(change: DataChange) -> str:
    factor, offset = change.factor or 1.0, change.offset or 0.0
    times = "" if factor == 1 else f" multiplied by {factor:.4g} and"
    moved = "plus" if offset > 0 else "minus"
    conversions = " or ".join([change.conversion or "", *change.alternatives])
    return f"values arrive{times} {moved} {abs(offset):.4g} ({conversions}?)"


def _replaced(change: DataChange) -> str:
    taken = f"missing values arrive as {change.after}" if change.before == "(missing)" else ""
    if change.after == "(missing)":
        taken = f"{change.before} arrives as missing"
    share = (
        f"{change.evidence.get('share', 0.0):.1%} of the rows, {change.evidence.get('share_before', 0.0):.1%} before"
    )
    return f"{taken or f'{change.after} takes the place of other values'} (a new default? {share})"


_SAID: dict[str, Callable[[DataChange], str]] = {
    UNIT: _multiplied,
    AFFINE: _shifted,
    SIGN: lambda _: "values arrive with the other sign",
    SWAPPED: lambda _: "each column has the other's values (swapped?)",
    ROUNDED: lambda change: (
        f"values arrive rounded to {change.after}" + (" or cut down" if change.alternatives else "")
    ),
    TRUNCATED: lambda change: f"values arrive cut down to {change.after}",
    FROZEN: lambda change: f"every value is {change.after} (frozen)",
    DEFAULT: _replaced,
    GONE_MISSING: lambda change: (
        f"values are missing ({change.evidence['share']:.1%} of the rows, {change.evidence['share_before']:.1%} before)"
    ),
    NEW: lambda change: f"category {change.after} arrives, which the reference does not have",
    RENAMED: lambda change: f"{change.before} arrives as {change.after} (renamed?)",
    RETYPED: lambda change: f"{change.before} arrive as {change.after} (another type?)",
}


def _rests_on(change: DataChange) -> str:
    held = change.evidence
    if "distance_undone" in held:
        return (
            f": with that undone the deciles lie {held['distance_undone']:.2g} middle halves from those of the days "
            f"beside, instead of {held['distance']:.2g}; by chance up to {held['distance_by_chance']:.2g}"
        )
    if change.kind == SWAPPED:
        own, other, chance = (
            max(value for name, value in held.items() if name.endswith(end))
            for end in ("from its own", "from the other's", "by chance")
        )
        return (
            f": up to {other:.2f} from the other's reference and {own:.2f} from their own; by chance up to {chance:.2f}"
        )
    return ""

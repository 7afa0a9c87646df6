"""Rates by group in words: what was measured and what it does not show. No sentence says why, or whose fault it is."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.monitor.fairness.grouping import MISSING
from audit_lab.monitor.fairness.rates import FOUR_FIFTHS
from audit_lab.monitor.sentences import sentence

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.fairness.result import Fairness

__all__ = ["NOT_SHOWN", "sentences", "to_dict", "to_html"]

#: What no number here says.
NOT_SHOWN = (
    "What this does not show: why the groups differ, whether the difference is justified or lawful, or whether anybody "
    "was treated differently for belonging to a group. A ratio of four fifths is a rule of thumb: falling below it "
    "proves nothing, and reaching it clears nobody."
)
_RATIO, _DIFFERENCE = "demographic_parity_ratio", "demographic_parity_difference"
_OPPORTUNITY, _ODDS = "equal_opportunity_difference", "equalized_odds_difference"


def sentences(found: Fairness) -> list[str]:
    """Return what was measured, grouping by grouping, then what was suppressed, and what is not shown."""
    groupings = found.table["grouping"].unique(maintain_order=True).to_list()
    said = [text for grouping in groupings for text in _of_grouping(found, grouping)]
    said += [*_missing(found), *_suppressed(found), NOT_SHOWN, *_outcomes(found)]
    return [*said, *(sentence(fact) for fact in found.facts)]


def to_dict(found: Fairness) -> dict[str, Any]:
    """Return the result JSON-safe; times in ISO 8601."""
    return {
        "asked": found.asked.to_dict(),
        "rows": found.rows,
        "summary": sentences(found),
        "table": _json_safe(found.table),
        "comparisons": _json_safe(found.comparisons),
    }


def to_html(found: Fairness) -> str:
    """Return the summary as a list, and the rates and comparisons as tables."""
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences(found))
    rates = _html_table(found, found.table, ("grouping", "group", "measure"), ("rows", "status"))
    compared = _html_table(found, found.comparisons, ("grouping", "comparison"), ("lowest", "highest", "status"))
    return f"<ul>{items}</ul>{rates}{compared}"


def _of_grouping(found: Fairness, grouping: str) -> list[str]:
    ratios = found.comparisons.filter(grouping=grouping, comparison=_RATIO)
    known = ratios.filter(status="measured")
    if known.is_empty():
        return [f"By {grouping}: nothing to compare ({ratios['note'][0] or 'no group is shown'})."]
    worst = known.sort("value", "window_start", "model_version", nulls_last=True).row(0, named=True)
    many = "" if known.height == 1 else f" In {known.height} windows or versions, the ratio is lowest here."
    counted = found.asked.counted
    low, high = (_selection(found, worst, side) for side in ("lowest", "highest"))
    gap = _same(found.comparisons, worst, _DIFFERENCE)
    side = "below" if worst["value"] < FOUR_FIFTHS else "not below"
    ends = _ends(worst)
    open_ = (
        ", and the interval reaches across it"
        if worst["low"] is not None and worst["low"] < FOUR_FIFTHS <= worst["high"]
        else ""
    )
    said = (
        f"By {grouping}{_where(found, worst)}: {counted.favourable} is the {counted.of} in {low} (lowest) and {high} "
        f"(highest) of {worst['groups']} groups. The ratio is {worst['value']:.2f}{ends}, {side} four fifths{open_}. "
        f"The difference is {gap['value']:.1%}; if all groups had one rate, chance alone would keep it below "
        f"{gap['by_chance']:.1%} in 95 % of cases.{many}"
    )
    return [said, *_by_outcome(found, worst)]


def _by_outcome(found: Fairness, worst: dict[str, Any]) -> list[str]:
    counted = found.asked.counted
    if counted.qualified is None:
        return []
    opportunity, odds = (_same(found.comparisons, worst, name) for name in (_OPPORTUNITY, _ODDS))
    if opportunity["value"] is None:
        return [f"By {worst['grouping']}, of those whose outcome was {counted.qualified}: {opportunity['note']}."]
    said = (
        f"Of those whose outcome was {counted.qualified}, {opportunity['lowest']} had {counted.favourable} least often "
        f"and {opportunity['highest']} most often: a difference of {opportunity['value']:.1%}{_ends(opportunity, 100)} "
        f"(chance alone: {opportunity['by_chance']:.1%})"
    )
    if odds["value"] is None:
        return [f"{said}."]
    return [f"{said}; equalized odds difference {odds['value']:.1%}{_ends(odds, 100)}."]


def _selection(found: Fairness, worst: dict[str, Any], side: str) -> str:
    mine = _like(found.table, worst).filter(pl.col("group") == worst[side], pl.col("measure") == "selection_rate")
    row = mine.row(0, named=True)
    return f"{row['value']:.1%} [{row['low']:.1%}, {row['high']:.1%}] of {row['rows']:,} of {worst[side]}"


def _same(comparisons: pl.DataFrame, worst: dict[str, Any], comparison: str) -> dict[str, Any]:
    return _like(comparisons, worst).filter(comparison=comparison).row(0, named=True)


def _like(frame: pl.DataFrame, row: dict[str, Any]) -> pl.DataFrame:
    keys = ("window_start", "model_version", "grouping")
    return frame.filter(pl.col(key).eq_missing(pl.lit(row[key], dtype=frame.schema[key])) for key in keys)


def _where(found: Fairness, row: dict[str, Any]) -> str:
    version = f", version {row['model_version']}" if row["model_version"] else ""
    length = found.asked.counted.length
    if length is None or row["window_start"] is None:
        return version
    return f", in {length.name(row['window_start'])}{version}"


def _ends(row: dict[str, Any], scale: int = 1) -> str:
    if row["low"] is None:
        return " (no interval: a group has none)"
    if scale == 1:
        return f" [{row['low']:.2f}, {row['high']:.2f}]"
    return f" [{row['low']:.1%}, {row['high']:.1%}]"


def _missing(found: Fairness) -> list[str]:
    if found.table.filter(group=MISSING).is_empty():
        return []
    return [f"Predictions whose group the log does not state are a group of their own, {MISSING}, and compared as one."]


def _suppressed(found: Fairness) -> list[str]:
    keys = ["window_start", "model_version", "grouping", "group"]
    gone = found.table.filter(status="suppressed")
    wholly = gone.filter(measure="selection_rate").select(keys).unique().height
    partly = gone.select(keys).unique().height - wholly
    said = []
    rule = f"it has fewer than {found.asked.minimum} rows, or such a group could be computed from what is shown"
    if wholly:
        said.append(f"Suppressed groups: {wholly}. A group is, where {rule}.")
    if partly:
        said.append(
            f"Groups of which only rates by outcome are suppressed: {partly}, for the same reason among those with an "
            "outcome of one kind."
        )
    return said


def _outcomes(found: Fairness) -> list[str]:
    if found.asked.counted.qualified is None:
        return []
    told = (
        "Rates by outcome know those whose outcome is known only: where a decision decides whether it is ever learnt, "
        "they can mislead in either direction."
    )
    return [told]


def _html_table(found: Fairness, frame: pl.DataFrame, names: tuple[str, ...], more: tuple[str, ...]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("window", "version", *names, "value", "95 % interval", *more))
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _html_cells(found, row, names, more))}</tr>"
        for row in frame.iter_rows(named=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _html_cells(found: Fairness, row: dict[str, Any], names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    start: datetime | None = row["window_start"]
    length = found.asked.counted.length
    window = "all" if start is None or length is None else length.name(start)
    value = "" if row["value"] is None else f"{row['value']:.4g}"
    ends = "" if row["low"] is None else f"{row['low']:.4g} \N{EN DASH} {row['high']:.4g}"
    texts = ("" if row[name] is None else str(row[name]) for name in (*names, *more))
    said = tuple(texts)
    return (window, row["model_version"] or "all", *said[: len(names)], value, ends, *said[len(names) :])


def _json_safe(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in frame.to_dicts()
    ]

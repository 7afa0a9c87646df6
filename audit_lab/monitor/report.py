"""Drift in words: the summary's sentences, the JSON form and the HTML form."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.monitor.contradiction import contradictory_sentences
from audit_lab.monitor.measures import CATALOGUE
from audit_lab.monitor.recognised.change import NEW, RENAMED, VANISHED
from audit_lab.monitor.sentences import sentence
from audit_lab.monitor.verdict import MAJOR, MODERATE, SLIGHT, STABLE, TOO_FEW_ROWS, VERDICT_RULE
from audit_lab.monitor.violations import NEW as NEW_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.drift import Drift
    from audit_lab.monitor.episodes import Episode
    from audit_lab.monitor.recognised.change import DataChange

__all__ = ["sentences", "to_dict", "to_html", "unit_sentences"]

_COLUMNS_NAMED = 6
#: A column with more past episodes than this has one sentence for all of them.
_EPISODES_TOLD = 2
#: Fewer of a window's rows than this can hardly make a major drift of it, wherever their values went: a share s that
#: goes where the reference has half a row of N adds about s ln(2 s N) to the population stability index.
_EXPLAINING = 0.025


def sentences(drift: Drift) -> list[str]:
    """Return what moved, most pressing first: changed for good, changed for a while, moved until now, the rest.

    An episode that a recognised change explains has no sentence of its own.
    """
    changes = sorted(drift.changes, key=lambda one: (-one.evidence.get("reference_share", 0.0), one.start))
    episodes = [one for one in drift.episodes if not (one.partial or one.column in drift.restless or _told(drift, one))]
    episodes.sort(key=lambda one: (not one.ongoing, -one.highest_psi))
    found = [
        *(one.sentence for one in changes if one.ongoing),
        *(one.sentence for one in changes if not one.ongoing),
        *(_episode(drift, one) for one in episodes if one.ongoing),
        *_past(drift, [one for one in episodes if not one.ongoing]),
    ]
    if not found:
        found = [_nothing(drift)]
    facts = (sentence(fact, drift.columns) for fact in drift.facts)
    disagreeing = contradictory_sentences(
        drift.contradictions().filter(~pl.col("column").is_in(drift.restless)), drift.cut.noun
    )
    besides = [*_restless(drift), *_partial(drift), *_lesser(drift), *disagreeing]
    return [*found, *besides, _compared(drift), *_chance(drift), *_gaps(drift), *facts]


def to_dict(drift: Drift) -> dict[str, Any]:
    """Return the result JSON-safe; times in ISO 8601."""
    return {
        "every": drift.every,
        "columns": list(drift.columns),
        "reference": _json_safe(vars(drift.reference)),
        "verdict_rule": VERDICT_RULE,
        "thresholds": {one.name: one.moderate for one in CATALOGUE if one.moderate is not None},
        "calibration": None if drift.calibration is None else vars(drift.calibration),
        "summary": sentences(drift),
        "episodes": [_json_safe(vars(one)) for one in drift.episodes],
        "vanished": [_json_safe(vars(one)) for one in drift.vanished],
        "changes": [one.to_dict() for one in drift.changes],
        "restless": list(drift.restless),
        "facts": list(drift.facts),
        "contradictions": [_json_safe(row) for row in drift.contradictions().to_dicts()],
        "bins": [one.bins.describe() for one in drift.counts],
        "volume": [_json_safe(row) for row in drift.volume.to_dicts()],
        "table": [_json_safe(row) for row in drift.table.to_dicts()],
    }


def to_html(drift: Drift) -> str:
    """Return the summary and one line for each column, with every text of the log escaped."""
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(drift))
    heads = ("column", "kind", "highest PSI", "in", *(f"windows {verdict}" for verdict in _VERDICTS))
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    held = drift.table.partition_by("column", as_dict=True)
    body = "".join(_row(drift, column, held[column,]) for column in drift.columns)
    return (
        f"<div><ul>{said}</ul><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{escape(f'Verdict: {VERDICT_RULE}.')}</p></div>"
    )


_VERDICTS = (MAJOR, MODERATE, SLIGHT, STABLE, TOO_FEW_ROWS)


def _row(drift: Drift, column: str, mine: pl.DataFrame) -> str:
    judged = [
        (psi, start)
        for psi, start, verdict in mine.select("psi", "window_start", "verdict").iter_rows()
        if verdict != TOO_FEW_ROWS
    ]
    highest = ["", ""]
    if judged:
        psi, start = max(judged, key=lambda one: one[0])
        highest = [f"{psi:.3f}", drift.cut.name(start)]
    verdicts = mine["verdict"].to_list()
    counts = (str(verdicts.count(verdict)) for verdict in _VERDICTS)
    cells = (column, mine["kind"][0], *highest, *counts)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _told(drift: Drift, episode: Episode) -> bool:
    """Say whether recognised changes explain every window of an episode; one of categories says nothing of kinds."""
    mine = [one for one in drift.changes if one.touches(episode.column, episode.start, episode.end)]
    if set(episode.violations) - {NEW_CATEGORIES} and all(one.kind in {NEW, VANISHED, RENAMED} for one in mine):
        return False
    gone = {one.before for one in mine}
    if episode.vanished_categories and gone.issuperset(episode.vanished_categories):
        return True
    held = drift.table.filter(pl.col("column") == episode.column, pl.col("verdict") != TOO_FEW_ROWS)
    if drift.cut.by_version:  # others may lie within its time
        held = held.filter(window_start=episode.start, window_end=episode.end)
    else:
        held = held.filter(pl.col("window_start") >= episode.start, pl.col("window_end") <= episode.end)
    windows = held.select("window_start", "window_end", "rows", "verdict").iter_rows(named=True)
    return bool(mine) and all(_explains(mine, window) for window in windows)


def _explains(changes: Sequence[DataChange], window: dict[str, Any]) -> bool:
    """Say whether changes touch a window, and in rows enough for its drift where that is major."""
    start, end = window["window_start"], window["window_end"]
    mine = [one for one in changes if one.start < end and one.end > start]
    if window["verdict"] != MAJOR:
        return bool(mine)
    parts = [(min(one.end, end) - max(one.start, start)) / (one.end - one.start) for one in mine]
    carried = sum(one.rows * part for one, part in zip(mine, parts, strict=True))
    return bool(carried >= _EXPLAINING * window["rows"])


def _episode(drift: Drift, one: Episode) -> str:
    window = drift.cut
    name, peak, count = window.name(one.start), f"PSI up to {one.highest_psi:.2f}", _plural(one.windows, window.noun)
    moved = ", ".join(one.violations) or "major drift"
    if one.windows == 1:
        only = "" if window.by_version else ", and only then"
        said = f"{one.column}: {moved} in {name}{', the last' if one.ongoing else only} ({peak})."
    elif one.ongoing:
        said = f"{one.column}: {moved} since {name}, in all {count} up to the last ({peak})."
    else:
        said = f"{one.column}: {moved} from {name}, for {count} up to {drift.cut.last_day(one.end)} ({peak})."
    return said


def _past(drift: Drift, episodes: list[Episode]) -> list[str]:
    """Return a sentence for each episode that ended, or one for a column that had several; farthest first."""
    said = []
    for column in dict.fromkeys(one.column for one in episodes):
        mine = [one for one in episodes if one.column == column]
        if len(mine) <= _EPISODES_TOLD:
            said += [_episode(drift, one) for one in mine]
            continue
        window = drift.cut
        count = _plural(sum(one.windows for one in mine), window.noun)
        farthest = f"the farthest from {window.name(mine[0].start)} (PSI up to {mine[0].highest_psi:.2f})"
        said.append(f"{column}: {len(mine)} episodes of major drift, {count} in all, {farthest}.")
    return said


def unit_sentences(drift: Drift, column: str) -> list[str]:
    """Return what can be said of the unit of one numeric column: recognised changes, else each episode's ratio."""
    cut, ratios = drift.cut, []
    for one in drift.episodes:
        known = any(change.touches(column, one.start, one.end) for change in drift.changes)
        if one.column == column and one.median_ratio is not None and not known:
            ratio = f"moved, not recognised: the median is {one.median_ratio:.4g} times the reference's"
            ratios.append(f"{column}: {cut.date(one.start)} to {cut.last_day(one.end)}, {ratio}.")
    return [*(change.sentence for change in drift.changes if column in change.columns), *ratios]


def _restless(drift: Drift) -> list[str]:
    if not drift.restless:
        return []
    noun = drift.cut.noun
    named = ", ".join(drift.restless)
    said = (
        f"No incident can be read from {named}: at least half of the reference's own {noun}s differ from it by as much "
        "as major drift, so that it moves all the time."
    )
    return [said]


def _partial(drift: Drift) -> list[str]:
    """Return one sentence on windows that differ, perhaps only for being cut short by the log's beginning or end."""
    window = drift.cut
    mine = [one for one in drift.episodes if one.partial and one.column not in drift.restless]
    if not mine:
        return []
    named = "; ".join(f"{one.column} in {window.name(one.start)} (PSI {one.highest_psi:.2f})" for one in mine)
    return [f"Major drift only in a {window.noun} that the log covers in part, which can be the reason: {named}."]


def _nothing(drift: Drift) -> str:
    judged = drift.table.filter(pl.col("verdict") != TOO_FEW_ROWS)["window_start"].n_unique()
    if not judged:
        return "No verdict: no window has enough rows to be judged."
    windows = _plural(judged, drift.cut.noun)
    return f"No major drift: none of the {_plural(len(drift.columns), 'column')} moved that far in any of {windows}."


def _lesser(drift: Drift) -> list[str]:
    """Return one sentence each on moderate and on slight windows, if there are any."""
    said = []
    for verdict, begun in (
        (MODERATE, "Moderate drift besides"),
        (SLIGHT, "Slight besides, beyond chance and too small to matter by the population stability index"),
    ):
        mine = drift.table.filter(
            pl.col("verdict") == verdict,
            pl.col("vanished_categories").list.len() == 0,
            pl.col("violations").list.len() == 0,
            ~pl.col("column").is_in(drift.restless),
        )
        if mine.is_empty():
            continue
        by_column = mine.group_by("column").len().sort("len", "column", descending=[True, False])
        named = by_column.head(_COLUMNS_NAMED).iter_rows()
        parts = [f"{name} in {_plural(count, drift.cut.noun)}" for name, count in named]
        more = f" and {by_column.height - _COLUMNS_NAMED} more columns" if by_column.height > _COLUMNS_NAMED else ""
        said.append(f"{begun}: {', '.join(parts)}{more}.")
    return said


def _chance(drift: Drift) -> list[str]:
    """Return how often rows without drift would raise any alert, and how that is known."""
    used = drift.calibration
    if used is None:
        return []
    said = (
        f"Of questions like this about rows without drift, {used.rate:.1%} raise any alert: {used.tests:,} tests, "
        f"adjusted p-values below {used.level:.3g}, a level calibrated by {used.resamples:,} resamples of "
        f"{used.sampled_rows:,} rows of the reference."
    )
    return [said]


def _compared(drift: Drift) -> str:
    noun = drift.cut.noun
    rows = int(drift.volume["rows"].sum())
    return (
        f"Compared: {_plural(drift.volume.height, noun)} with {rows:,} rows against {drift.reference.description}; "
        f"digest {drift.reference.sha256[:12]}."
    )


def _gaps(drift: Drift) -> list[str]:
    empty = drift.volume.filter(pl.col("rows") == 0)["window_start"].to_list()
    few = (
        drift.volume.height
        - drift.table.filter(pl.col("verdict") != TOO_FEW_ROWS)["window_start"].n_unique()
        - len(empty)
    )
    noun = drift.cut.noun
    said = []
    if empty:
        said.append(f"No rows at all in {_plural(len(empty), noun)}, the first {drift.cut.name(empty[0])}.")
    if few > 0:
        said.append(f"Too few rows for a verdict in {_plural(few, noun)}.")
    return said


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _json_safe(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else list(value) if isinstance(value, tuple) else value
        for name, value in row.items()
    }

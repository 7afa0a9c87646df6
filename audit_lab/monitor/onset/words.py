"""Onsets in words: the summary's sentences, facts, the table, and the JSON and HTML forms."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from audit_lab.log.schema import TIME
from audit_lab.monitor.onset.calibration import FALSE_ALARM_RATE, RESAMPLES
from audit_lab.monitor.onset.events import SPIKE
from audit_lab.monitor.onset.series import DISTANCE, FEWEST_WINDOWS, MEAN, MISSING, SHARE, VOLUME
from audit_lab.monitor.onset.spikes import LONGEST
from audit_lab.monitor.sentences import sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audit_lab.monitor.onset.events import Onset, OnsetEvent
    from audit_lab.monitor.onset.grid import Grid
    from audit_lab.monitor.onset.search import Onsets

__all__ = ["event_words", "grid_facts", "not_removed", "sentences", "table", "to_dict", "to_html"]

_CHANGES_TOLD = 4
_EVENTS_TOLD = 12
_SPIKES_TOLD = 12
_CONCENTRATED_TOLD = 4
_TIMES = ("at", "earliest", "latest", "since", "until", "returned")
_DISTANT = 0.0005

_TABLE: dict[str, Any] = {
    "event": pl.Int64,
    **dict.fromkeys(("kind", "column", "statistic", "category"), pl.String),
    **dict.fromkeys(("at", "earliest", "latest"), TIME),
    **dict.fromkeys(("before", "after"), pl.Float64),
    "unit": pl.String,
    **dict.fromkeys(("deviations", "p_value"), pl.Float64),
    **dict.fromkeys(("since", "until", "returned"), TIME),
    "is_return": pl.Boolean,
    **dict.fromkeys(("before_rows", "after_rows"), pl.Int64),
    "expression": pl.String,
    "factor": pl.Float64,
    "conversion": pl.String,
}


def sentences(found: Onsets) -> list[str]:
    """Return since when what is otherwise: what lasts first, then what came and went, the strongest first; spikes."""
    begun = [event for event in found.events if not event.is_return]
    lasting = sorted((one for one in begun if one.returned is None), key=lambda one: -one.gain)
    past = sorted((one for one in begun if one.returned is not None), key=lambda one: -one.gain)
    more = len(begun) - _EVENTS_TOLD
    # What came and went, as a storm, has its place beside what lasts.
    lasting = lasting[: max(_EVENTS_TOLD - len(past), _EVENTS_TOLD // 2)]
    past = past[: _EVENTS_TOLD - len(lasting)]
    said = [f"Since {event_words(found, one)}" for one in lasting] + [event_words(found, one) for one in past]
    if not begun:
        said = [_nothing(found)]
    elif not lasting:
        said[0] = f"Nothing that began lasts to the end of the period; the strongest: {said[0]}"
    said += [f"And {_plural(more, 'weaker event')}; see Onsets.events."] if more > 0 else []
    return [
        *said,
        *_spikes(found),
        *_restless(found),
        *_method(found),
        *(sentence(fact, found.columns) for fact in found.facts),
    ]


def event_words(found: Onsets, event: OnsetEvent) -> str:
    """Return one event as a sentence: its date and interval, what changed, until when."""
    first = event.onsets[0]
    interval = (
        "" if first.earliest == first.latest else f" ({_when(found, first.earliest)} to {_when(found, first.latest)})"
    )
    until = "" if event.returned is None else f", until {_when(found, event.returned, last=True)}"
    if event.kind == SPIKE and event.returned == _after(found, first):
        until = ""
    # Of one column, its categories and figures come before its distance, which says the same with less.
    told = [one for one in event.onsets if one.statistic != DISTANCE] or list(event.onsets)
    # Every column has its strongest change told before any has its second; what befell several alike is said once.
    seen: dict[str, int] = {}
    ranks = [seen.update({one.column: seen.get(one.column, -1) + 1}) or seen[one.column] for one in told]
    told = [one for _, one in sorted(zip(ranks, told, strict=True), key=lambda ranked: ranked[0])]
    alike: dict[str, list[str]] = {}
    for one in told:
        alike.setdefault(_change(one), []).append(one.column)
    by_columns: dict[str, list[str]] = {}
    for change, columns in list(alike.items())[:_CHANGES_TOLD]:
        by_columns.setdefault(", ".join(dict.fromkeys(columns)), []).append(change)
    parts = "; ".join(f"{columns}: {', '.join(changes)}" for columns, changes in by_columns.items())
    more = len(alike) - _CHANGES_TOLD
    rest = f" and {more} more" if more > 0 else ""
    return f"{_when(found, first.at)}{interval}{until}: {parts}{rest}{_concentrated(event)} (p {_p_value(first)})."


def grid_facts(
    grid: Grid, volume: NDArray[np.int64], searched: int, reference: range, whole: NDArray[np.bool_]
) -> list[str]:
    """Return what must be said about the windows: what is cut short, gaps, clock changes, a span too short."""
    facts = []
    cut = [grid.name(place) for place in np.flatnonzero(~whole)]
    if cut:
        facts.append(f"cut short at an end, and in no series: the {grid.noun} {' and '.join(cut)}")
    empty = int(np.count_nonzero(volume == 0))
    if empty:
        first = int(np.argmax(volume == 0))
        facts.append(f"no rows at all in {_plural(empty, grid.noun)}, the first {grid.name(first)}")
    odd = [place for place, hours in enumerate(grid.hours) if hours != np.median(grid.hours)]
    if odd:
        named = ", ".join(f"{grid.name(place)} ({grid.hours[place]:g} hours)" for place in odd[:4])
        facts.append(f"the clock changes in {grid.zone} on {named}; the number of rows is told as in a usual day")
    if not searched:
        facts.append(f"a change takes {FEWEST_WINDOWS} {grid.noun}s that say something, and there are {grid.size}")
    if reference.stop - reference.start == grid.size and searched:
        facts.append("the reference is the whole period, so that distances from it say little")
    return facts


def not_removed(cell: str) -> str:
    """Return the fact that a recurring pattern is still in the series."""
    return (
        f"the recurring pattern of the {cell} is not removed, as there are fewer than three full rounds of it; "
        "a change may be no more than it"
    )


def table(found: Onsets) -> pl.DataFrame:
    """Return one row for each change, then one for each spike."""
    rows = [
        [place, *(getattr(one, name) for name in _TABLE if name != "event")]
        for place, event in enumerate([*found.events, *found.spikes])
        for one in event.onsets
    ]
    return pl.DataFrame(rows, schema=_TABLE, orient="row")


def to_dict(found: Onsets) -> dict[str, Any]:
    """Return the answer JSON-safe; times in ISO 8601, UTC."""
    return {
        "every": found.every,
        "zone": found.zone,
        "columns": list(found.columns),
        "reference": [one.isoformat() for one in found.reference],
        "windows": found.windows,
        "rows": found.rows,
        "series": found.series_count,
        "false_alarm_rate": FALSE_ALARM_RATE,
        "resamples": RESAMPLES,
        "seed": found.seed,
        "penalties": None if found.penalties is None else list(found.penalties),
        "summary": sentences(found),
        "events": [_event(one) for one in found.events],
        "spikes": [_event(one) for one in found.spikes],
        "restless": list(found.restless),
        "facts": list(found.facts),
    }


def _event(event: OnsetEvent) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "at": event.at.isoformat(),
        "earliest": event.earliest.isoformat(),
        "latest": event.latest.isoformat(),
        "returned": None if event.returned is None else event.returned.isoformat(),
        "is_return": event.is_return,
        "columns": list(event.columns),
        "onsets": [_plain(one) for one in event.onsets],
    }


def to_html(found: Onsets) -> str:
    """Return the summary as a list, with every text of the log escaped."""
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences(found))}</ul>"


def _change(one: Onset) -> str:
    if one.statistic == VOLUME:
        return f"{_moved(one)} from {one.before:,.0f} to {one.after:,.0f} {one.unit}"
    if one.statistic in {SHARE, MISSING}:
        name = one.category if one.statistic == SHARE else "the share without a value"
        if one.after < _DISTANT and one.before >= _DISTANT:
            return f"{name} {'vanished' if one.statistic == SHARE else 'fell to 0'} ({one.before:.1%} before)"
        if one.before < _DISTANT:
            return f"{name} appeared ({one.after:.1%})"
        return f"{name} {_moved(one)} from {one.before:.1%} to {one.after:.1%}"
    name = "mean" if one.statistic == MEAN else one.statistic
    factor = (
        "" if one.factor is None else f", x {one.after / one.before:.4g} as in {one.conversion} (x {one.factor:.6g})"
    )
    unit = "" if one.statistic == DISTANCE or one.unit.startswith("the column") else f" {one.unit}"
    return f"{name} {_moved(one)} from {one.before:.4g} to {one.after:.4g}{unit}{factor}"


def _concentrated(event: OnsetEvent) -> str:
    """Return in which categories the missing values of an event lie, or nothing."""
    places = next((one.concentrated for one in event.onsets if one.concentrated), ())
    if not places:
        return ""
    named = [
        f"{one.column} {one.category} (in {one.missing:,} of its {one.rows:,} rows, and in "
        f"{_share(one.other_missing, one.other_rows)} of the others)"
        for one in places[:_CONCENTRATED_TOLD]
    ]
    return f"; above all {', '.join(named)}"


def _share(part: int, rows: int) -> str:
    return f"{part / rows:.1%}" if rows else "none"


def _moved(one: Onset) -> str:
    return "rose" if one.after > one.before else "fell"


def _when(found: Onsets, moment: datetime, *, last: bool = False) -> str:
    """Return a window's start where the zone is, or the last window before it."""
    shown = moment.astimezone(ZoneInfo(found.zone))
    if found.every == "1d":
        return f"{shown - timedelta(days=1) if last else shown:%Y-%m-%d}"
    return f"{shown:%Y-%m-%d %H:%M}{'' if found.zone == 'UTC' else f'{shown:%z}'}"


def _p_value(one: Onset) -> str:
    least = 1 / (RESAMPLES + 1)
    return f"<= {least:.2g}" if one.p_value <= least else f"{one.p_value:.2g}"


def _nothing(found: Onsets) -> str:
    noun = "day" if found.every == "1d" else "hour"
    if found.penalties is None:
        return f"No onset can be told: nothing could be followed over {_plural(found.windows, noun)}."
    followed = set(found.searched()["column"])
    if found.columns and not followed.intersection(found.columns):
        return (
            f"No onset can be told of any column: none of {_plural(len(found.columns), 'column')} could be followed; "
            f"in the number of rows nothing began over {_plural(found.windows, noun)} with {found.rows:,} rows."
        )
    return (
        f"Nothing began: no change in {found.series_count} series over {_plural(found.windows, noun)} "
        f"with {found.rows:,} rows."
    )


def _spikes(found: Onsets) -> list[str]:
    """Return the strongest spikes in order of time, and how many more there are."""
    told = sorted(sorted(found.spikes, key=lambda one: -one.gain)[:_SPIKES_TOLD], key=lambda one: one.at)
    said = [f"Spike, {event_words(found, one)}" for one in told]
    more = len(found.spikes) - len(told)
    return said + ([f"And {_plural(more, 'weaker spike')}; see Onsets.spikes."] if more else [])


def _after(found: Onsets, one: Onset) -> datetime:
    """Return the end of the first window of an onset."""
    ends: list[datetime] = found.series(one.column, one.statistic, one.category)["window_end"].to_list()
    return ends[one.window]


def _restless(found: Onsets) -> list[str]:
    if not found.restless:
        return []
    return [
        (
            f"Little can be dated in {', '.join(found.restless)}: neighbouring windows agree so much that the column "
            "moves all the time."
        )
    ]


def _method(found: Onsets) -> list[str]:
    if found.penalties is None:
        return []
    first, last = (one.astimezone(ZoneInfo(found.zone)) for one in found.reference)
    return [
        (
            f"Searched: {found.series_count} series over {found.windows} {'days' if found.every == '1d' else 'hours'} "
            f"({found.zone}) with {found.rows:,} rows; distances from {first:%Y-%m-%d} to "
            f"{last - timedelta(microseconds=1):%Y-%m-%d}."
        ),
        (
            f"A change counts if it gains {found.penalties[0]:.1f} to {found.penalties[1]:.1f} squared deviations, by "
            f"series, which chance does anywhere in such a log in {FALSE_ALARM_RATE:.0%} of cases ({RESAMPLES} "
            f"resamples, seed {found.seed}); intervals hold the date in 95 %."
        ),
        (
            f"Spikes of 1 to {LONGEST} {'days' if found.every == '1d' else 'hours'} are looked for in numbers of rows "
            f"and in shares; a log without any shows one in at most {FALSE_ALARM_RATE:.0%} of further cases."
        ),
        "Holidays and the time of the year are not modelled: a change may be theirs.",
    ]


def _plain(one: Onset) -> dict[str, Any]:
    fields = asdict(one)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""The timeline of the explorer: volume by decision, and alerts at their time; as a message, and as static HTML."""

from __future__ import annotations

import base64
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.log.files.printable import printable
from audit_lab.widgets.explorer_messages import steps_of
from audit_lab.widgets.page import moment, paragraph, section, table

if TYPE_CHECKING:
    from audit_lab.face.browse import Browse

__all__ = ["MOST_COUNTED", "drawn_timeline", "told_timeline"]

#: Logs of up to so many rows are counted for the page that is shown without a kernel.
MOST_COUNTED = 2_000_000

_MOST_MARKS = 60
_LONGEST_WORDS = 200
_WORST_FIRST = ("critical", "high", "error", "medium", "warning")
_URGENT = frozenset(_WORST_FIRST[:3])
_ALERTS = {"severity": "Severity", "state": "State", "since": "From", "until": "To", "what": "What", "kept": "Kept in"}
_STEPS = {
    "1m": "minute",
    "5m": "five minutes",
    "15m": "quarter of an hour",
    "1h": "hour",
    "6h": "six hours",
    "1d": "day",
    "1w": "week",
    "1mo": "month",
    "3mo": "quarter",
    "1y": "year",
}
_KEPT = {"journal": "alerts journal", "log": "the log's events"}
_WIDTH, _HEIGHT, _LANE = 880, 64, 10
#: Those of the front end, so that the page looks as the view did.
_SHADES = ("#0b5cad", "#c65d00", "#4a7f3f", "#7a4b9a", "#9e1b32", "#6b7681", "#b5bdc5")


def told_timeline(browse: Browse) -> dict[str, Any]:
    """Return what the timeline draws, JSON-safe: ``step``, ``steps``, ``alerts``, and ``alerts_said``, what is amiss.

    An alert has ``since`` and ``until``, what a press on it selects: its window, or else the step that it falls into;
    ``words``, in which it is read out, and what its table says of it.

    Raises
    ------
    LogError
        The predictions cannot be read.
    """
    counted, step = browse.timeline()
    said = ""
    try:
        alerts = browse.alerts()
    except AuditLabError as error:
        said = str(error)
        try:
            alerts = browse.alerts(raised=False)
        except AuditLabError:
            return {"step": step, "steps": steps_of(counted), "alerts": [], "alerts_said": said}
    marked = _worst(alerts)
    left = alerts.height - marked.height
    if left and not said:
        said = f"{left:,} further alerts are not marked: browse.alerts() has them."
    return {"step": step, "steps": steps_of(counted), "alerts": _marks(marked, step), "alerts_said": said}


def drawn_timeline(told: dict[str, Any]) -> str:
    """Return the timeline as static HTML: a picture that loads nothing, and the alerts as a table."""
    steps, step, alerts = told["steps"], told["step"], told["alerts"]
    body = ""
    if steps:
        decisions = sorted({each["decision"] for each in steps})
        coloured = ", ".join(f"{printable(each)} {_SHADES[at % 7]}" for at, each in enumerate(decisions))
        first, last = moment(steps[0]["start"]), moment(steps[-1]["start"])
        counted = f"{len(alerts)} alert{'' if len(alerts) == 1 else 's'}"
        words = f"Predictions by {_STEPS.get(step, step)} from {first} to {last}, and {counted}"
        encoded = base64.b64encode(_svg(steps, step, decisions, alerts).encode()).decode("ascii")
        looks = "display: block; width: 100%; height: auto; margin: 6px 0"
        body = f'<img alt="{escape(words)}" style="{looks}" src="data:image/svg+xml;base64,{encoded}">'
        body += paragraph(f"{words}. Colours: {coloured}.")
    rows = [{**each, "since": moment(each["from"]), "until": moment(each["to"])} for each in alerts]
    return section("Timeline", body + table(rows, _ALERTS) + paragraph(told["alerts_said"]))


def _worst(alerts: pl.DataFrame) -> pl.DataFrame:
    """Return as many alerts as are marked, the most severe and then the last ones, in order of time."""
    rank = pl.col("severity").replace_strict(
        list(_WORST_FIRST), list(range(len(_WORST_FIRST))), default=len(_WORST_FIRST)
    )
    kept = alerts.with_row_index("place").sort(rank, "since", descending=[False, True]).head(_MOST_MARKS)
    return kept.sort("place").drop("place")


def _marks(alerts: pl.DataFrame, step: str) -> list[dict[str, Any]]:
    begun = pl.col("since").dt.truncate(step)
    has_window = pl.col("until") > pl.col("since")
    chosen = alerts.with_columns(
        pl.when(has_window).then("since").otherwise(begun).alias("chosen_since"),
        pl.when(has_window).then("until").otherwise(begun.dt.offset_by(step)).alias("chosen_until"),
    )
    return [_mark(row) for row in chosen.iter_rows(named=True)]


def _mark(row: dict[str, Any]) -> dict[str, Any]:
    since, until = row["since"], row["until"]
    severity, what = printable(row["severity"] or "not stated", 40), printable(row["what"] or "", _LONGEST_WORDS)
    state = row["state"] or "of the log"
    when = f"at {since:%Y-%m-%d %H:%M} UTC"
    if since != until:
        when = f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
    return {
        "since": row["chosen_since"].isoformat(),
        "until": row["chosen_until"].isoformat(),
        "from": since.isoformat(),
        "to": until.isoformat(),
        "words": f"Alert, {severity}, {state}: {what}, {when}",
        "urgent": row["severity"] in _URGENT,
        "severity": severity,
        "state": row["state"] or "not known",
        "what": what,
        "kept": _KEPT[row["kept"]],
    }


def _svg(steps: list[dict[str, Any]], step: str, decisions: list[str], alerts: list[dict[str, Any]]) -> str:
    """Draw bars of volume, one shade for each decision, and above them a mark for each alert."""
    starts = [datetime.fromisoformat(each["start"]) for each in steps]
    ends = pl.Series(starts).dt.offset_by(step).to_list()
    first, length = starts[0], max(ends) - starts[0]

    def place(at: datetime) -> float:
        share: float = (at - first) / length
        return min(max(share, 0.0), 1.0) * _WIDTH

    totals: dict[str, int] = {}
    for each in steps:
        totals[each["start"]] = totals.get(each["start"], 0) + each["count"]
    most = max(totals.values())
    under: dict[str, float] = {}
    drawn = []
    for each, start, end in zip(steps, starts, ends, strict=True):
        height = each["count"] / most * (_HEIGHT - 2)
        base = under.get(each["start"], 0.0)
        under[each["start"]] = base + height
        x, width = place(start), max(place(end) - place(start) - 0.6, 0.6)
        shade = _SHADES[decisions.index(each["decision"]) % len(_SHADES)]
        y = _LANE + _HEIGHT - base - height
        drawn.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{shade}"/>')
    for each in alerts:
        x = place(datetime.fromisoformat(each["from"]))
        width = max(place(datetime.fromisoformat(each["to"])) - x, 4)
        fill = "#9e1b32" if each["urgent"] else "#c65d00"
        drawn.append(f'<rect class="alert" x="{x:.1f}" y="1" width="{width:.1f}" height="7" fill="{fill}"/>')
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT + _LANE}"'
    back = f'<rect y="{_LANE}" width="{_WIDTH}" height="{_HEIGHT}" fill="#f3f5f7"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{back}{"".join(drawn)}</svg>'

"""The view of a log's alerts: all of them over time, and one of them with the evidence of each of its windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.charts.alerts import alert_timeline
from audit_lab.widgets.alerted import decisions_of_alert
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import choice, facts, listed, page, paragraph, picture, section, table

if TYPE_CHECKING:
    from audit_lab.monitor.alerts import Alerts

__all__ = ["AlertsView"]

_MOST_ROWS = 200
_ALERTS = {
    "severity": "Severity",
    "state": "State",
    "rule": "Rule",
    "column": "Seen in",
    "first_seen": "First seen",
    "last_seen": "Last seen",
    "windows": "Windows",
    "what": "At its worst",
    "id": "Alert",
}
_WINDOWS = {
    "window_start": "From",
    "window_end": "To",
    "value": "Value",
    "low": "Low",
    "high": "High",
    "rows": "Rows",
    "what": "What",
    "raised_at": "Raised",
    "id": "Window",
}
_SAID = {"at": "At", "actor": "By", "kind": "What", "summary": "Words"}
_EVERY = "all"


class AlertsView(OpeningPanel):
    """Summary and timeline of alerts, with dropdowns for the state that is drawn and an alert, whose decisions open.

    Parameters
    ----------
    alerts
        What ``log.alerts()`` returned.
    """

    controls = ("state", "alert", "opened", "decision", "stored")

    def __init__(self, alerts: Alerts) -> None:
        self._found = alerts
        states = alerts.table["state"].unique().sort().to_list()
        self.state = ipywidgets.Dropdown(options=[_EVERY, *states], value=_EVERY, description="State")
        self.alert = ipywidgets.Dropdown(options=self._offered(), value=None, description="Alert")
        self._overview = ipywidgets.HTML()
        self._detail, listing = ipywidgets.HTML(), self._opening()
        drawer, self._code = self._code_drawer()
        said = ipywidgets.HTML(page([section("Alerts", listed(alerts.summary()))]))
        super().__init__([said, self.state, self._overview, self.alert, self._detail, listing, drawer])
        self.state.observe(self._state_changed, names="value")
        self.alert.observe(self._alert_changed, names="value")
        self._refresh()

    @property
    def subject(self) -> Alerts:
        """The alerts."""
        return self._found

    def parts(self) -> list[str]:
        """Return summary, timeline and table of the chosen state, the chosen alert, and its decisions where opened."""
        summary = section("Alerts", listed(self._found.summary()))
        return [summary, *self._drawn(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._found.summary())

    def code(self) -> str:
        """Return the Python that reads the alerts again, draws them, and shows them with the chosen one."""
        asked = ", ".join(f"{name}={value!r}" for name, value in self._found.asked.items())
        chosen = "" if self.state.value == _EVERY else f".filter(state={self.state.value!r})"
        lines = ["import audit_lab as al", "", f"alerts = log.alerts({asked})"]
        if self._mine().height:
            lines.append(f"timeline = al.charts.alert_timeline(alerts.windows{chosen})")
        if self.alert.value is not None:
            lines.append(f"windows = alerts.windows.filter(alert={self.alert.value!r})")
        return "\n".join([*lines, *self.listing.code(), self._showing("alerts"), ""])

    def _mine(self) -> pl.DataFrame:
        windows = self._found.windows
        return windows if self.state.value == _EVERY else windows.filter(state=self.state.value)

    def _offered(self) -> list[tuple[str, str | None]]:
        mine = self._found.table if self.state.value == _EVERY else self._found.table.filter(state=self.state.value)
        named = [
            (choice(f"{rule}, {column} ({name[:8]})"), name)
            for rule, column, name in mine["rule", "column", "id"].iter_rows()
        ]
        return [("none", None), *named[:_MOST_ROWS]]

    def _state_changed(self, _: Any) -> None:
        offered = self._offered()
        kept = self.alert.value if any(name == self.alert.value for _, name in offered) else None
        self.alert.options = offered
        self.alert.value = kept
        self._refresh()

    def _alert_changed(self, _: Any) -> None:
        """Offer the decisions of the window where the chosen alert was worst."""
        name = self.alert.value
        if name is None:
            self.listing.offer("", None)
        else:
            row = self._found.table.row(by_predicate=pl.col("id") == name, named=True)
            self.listing.offer(*decisions_of_alert(self._found, row))
        self._refresh()

    def _refresh(self, _: Any = None) -> None:
        self._overview.value = page(self._drawn())
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _drawn(self) -> list[str]:
        windows = self._mine()
        if windows.is_empty():
            return []
        rows = self._found.table.filter(pl.col("id").is_in(windows["alert"].implode()))
        left = rows.height - _MOST_ROWS
        return [
            picture(alert_timeline(windows), self._found.summary()[0]),
            table(_timed(rows.head(_MOST_ROWS)), _ALERTS),
            paragraph(f"{left:,} more are in alerts.table." if left > 0 else ""),
        ]

    def _chosen(self) -> list[str]:
        if self.alert.value is None:
            return []
        found, name = self._found, self.alert.value
        row = found.table.row(by_predicate=pl.col("id") == name, named=True)
        windows = found.windows.filter(alert=name)
        ids = set(windows["id"])
        said = [
            {"at": f"{one.at:%Y-%m-%d %H:%M}", "actor": one.actor, "kind": one.kind, "summary": one.summary}
            for one in found.entries
            if one.kind != "alert" and ids & set(one.alerts)
        ]
        about = [
            ("State", row["state"]),
            ("Measure", row["measure"]),
            ("Limit", row["threshold"]),
            ("Asked again by", row["query"]),
        ]
        left = windows.height - _MOST_ROWS
        return [
            section(
                f"{row['rule']}: {row['column']}", facts(about) + table(_timed(windows.head(_MOST_ROWS)), _WINDOWS)
            ),
            paragraph(f"{left:,} more are in alerts.windows." if left > 0 else ""),
            section("What became of it", table(said, _SAID)) if said else "",
        ]


def _timed(rows: pl.DataFrame) -> list[dict[str, Any]]:
    times = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Datetime)]
    return rows.with_columns(pl.col(times).dt.strftime("%Y-%m-%d %H:%M")).to_dicts()

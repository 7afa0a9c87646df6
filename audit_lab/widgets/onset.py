"""The view of onsets: what began when, one series with its interval, its days, and the decisions of the days chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.onset import onset_line
from audit_lab.face.onsets_of_log import OnsetsOfLog
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.asking import written
from audit_lab.widgets.chosen_decisions import MOST_DECISIONS, ChosenDecisions
from audit_lab.widgets.linking import LinkedPanel
from audit_lab.widgets.page import cut, facts, listed, page, paragraph, picture, section, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.onset import Onsets
    from audit_lab.monitor.onset.events import Onset

__all__ = ["OnsetView"]

_DAYS = {"window_start": "Window", "value": "Value", "rows": "Rows", "place": "Place"}
_MOST_ONSETS = 200
_LONGEST_NAME = 100
_FIRST_SENTENCES = 5


class OnsetView(LinkedPanel):
    """Summary of onsets, with a dropdown for the one that is drawn and a slider that chooses days.

    Parameters
    ----------
    onset
        What ``log.onset(...)`` returned. The view begins with the strongest change.
    """

    controls = ("onset", "windows", "decision", "stored")

    def __init__(self, onset: Onsets) -> None:
        self._found = onset
        self._every = (*onset.onsets, *onset.spike_onsets)
        self._quiet = False
        ranked = sorted(range(len(self._every)), key=lambda place: -self._every[place].gain)[:_MOST_ONSETS]
        options: list[tuple[str, int | None]] = [(spelled(_called(self._every[place])), place) for place in ranked]
        self.onset = ipywidgets.Dropdown(
            options=options or [("none", None)], value=ranked[0] if ranked else None, description="What"
        )
        self.brush = ipywidgets.SelectionRangeSlider(
            options=[("none", 0)],
            index=(0, 0),
            continuous_update=False,
            description="Days",
            layout=ipywidgets.Layout(width="700px"),
        )
        self._place()
        self._detail, self.listing = ipywidgets.HTML(), ChosenDecisions(self._refresh)
        drawer, self._code = self._code_drawer()
        said = ipywidgets.HTML(page(self._overview()))
        super().__init__([said, self.onset, self._detail, self.brush, self.listing, drawer])
        self.onset.observe(self._onset_changed, names="value")
        self.brush.observe(self._brushed, names="index")
        self._refresh()

    @property
    def selection(self) -> tuple[datetime, datetime] | None:
        """From when to when the chosen days reach, the end excluded; None where there is no onset."""
        one = self._one()
        if one is None:
            return None
        first, last = self.brush.index
        series = self._series(one)
        return series["window_start"][first], series["window_end"][last]

    @property
    def subject(self) -> Onsets:
        """The onsets."""
        return self._found

    def parts(self) -> list[str]:
        """Return the summary, the chosen onset with its days, and the decisions where they were asked for."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._found.summary())

    def code(self) -> str:
        """Return the Python that dates again, draws the chosen series, asks for its days, and shows what is shown."""
        found, one, chosen = self._found, self._one(), self.selection
        asked = (
            found.asked if isinstance(found, OnsetsOfLog) else {"columns": list(found.columns), "every": found.every}
        )
        given = ", ".join(f"{name}={written(value)}" for name, value in asked.items() if value is not None)
        lines = ["import audit_lab as al", "", f"onset = log.onset({given})"]
        if one is not None and chosen is not None:
            series = f"{one.column!r}, {one.statistic!r}, {one.category!r}"
            lines += [
                f"series = onset.series({series})",
                f"line = al.charts.onset_line(series, onset.table(), {series})",
            ]
            if isinstance(found, OnsetsOfLog):
                place = self.onset.value
                lines += [
                    f"one = (*onset.onsets, *onset.spike_onsets)[{place}]",
                    "days = onset.days(one)",
                    f"chosen = log.foremost({self._asking(found, one)}, limit={MOST_DECISIONS})",
                    "decisions = chosen.decisions",
                ]
        return "\n".join([*lines, self._showing("onset"), ""])

    def _asking(self, found: OnsetsOfLog, one: Onset) -> str:
        since, until = self.selection or (one.at, one.until)
        asked = {**found.choosing(one), "since": since.isoformat(), "until": until.isoformat()}
        asked["model"] = found.asked.get("model")
        return ", ".join(f"{name}={value!r}" for name, value in asked.items() if value is not None)

    def _one(self) -> Onset | None:
        return None if self.onset.value is None else self._every[self.onset.value]

    def _series(self, one: Onset) -> Any:
        return self._found.series(one.column, one.statistic, one.category)

    def _place(self) -> None:
        """Let the slider offer the days of the series, and stand on the interval of the onset."""
        one = self._one()
        self.brush.disabled = one is None
        if one is None:
            return
        starts = self._series(one)["window_start"].to_list()
        inside = [place for place, start in enumerate(starts) if one.earliest <= start <= one.latest] or [0]
        shape = "%Y-%m-%d" if self._found.every == "1d" else "%Y-%m-%d %H:%M"
        self._quiet = True
        try:
            self.brush.options = [(f"{start:{shape}}", place) for place, start in enumerate(starts)]
            self.brush.index = (inside[0], inside[-1])
        finally:
            self._quiet = False

    def _onset_changed(self, _: Any) -> None:
        self._place()
        self.listing.forget()
        self._refresh()

    def _brushed(self, _: Any) -> None:
        if self._quiet:
            return
        one, chosen, found = self._one(), self.selection, self._found
        if one is not None and chosen is not None and isinstance(found, OnsetsOfLog):
            # The rows of a linked explorer are there sooner than the picture is drawn, so they come first.
            self._lead(*chosen)
            since, until = chosen
            title = f"Decisions from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
            self.listing.ask(title, lambda: found.foremost(one, *chosen, limit=MOST_DECISIONS))
        self._refresh()

    def _window_starts(self) -> Sequence[datetime]:
        one = self._one()
        starts: list[datetime] = [] if one is None else self._series(one)["window_start"].to_list()
        return starts

    def _chosen_places(self) -> tuple[int, int]:
        first, last = self.brush.index
        return first, last

    def _choose_windows(self, first: int, last: int) -> None:
        if self.brush.index == (first, last):
            self._brushed(None)
        else:
            self.brush.index = (first, last)

    def _refresh(self) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        said = self._found.summary()
        left = len(said) - _FIRST_SENTENCES
        more = paragraph(f"{left:,} more sentences are in onset.summary()." if left > 0 else "")
        return [section("Since when what is otherwise", listed(said[:_FIRST_SENTENCES]) + more)]

    def _chosen(self) -> list[str]:
        found, one = self._found, self._one()
        if one is None:
            return []
        drawn = onset_line(self._series(one), found.table(), one.column, one.statistic, one.category)
        about = [
            ("First window after it", f"{one.at:%Y-%m-%d %H:%M} UTC"),
            ("In 95 % of cases", f"{one.earliest:%Y-%m-%d %H:%M} to {one.latest:%Y-%m-%d %H:%M} UTC"),
            ("Before", f"{one.before:.4g} over {one.before_rows:,} rows"),
            ("After", f"{one.after:.4g} over {one.after_rows:,} rows"),
            ("Came back", None if one.returned is None else f"{one.returned:%Y-%m-%d %H:%M} UTC"),
            ("Conversion", one.conversion),
        ]
        parts = [section(_called(one), facts(about) + picture(drawn, _called(one)))]
        if isinstance(found, OnsetsOfLog):
            days = [
                {**row, "window_start": f"{row['window_start']:%Y-%m-%d %H:%M}"}
                for row in found.days(one).iter_rows(named=True)
            ]
            parts.append(section("Its days", table(days, _DAYS)))
        return parts


def _called(one: Onset) -> str:
    name = ", ".join(cut(part, _LONGEST_NAME) for part in (one.column, one.category, one.statistic) if part)
    return f"{name}: {one.kind} of {one.at:%Y-%m-%d}"

"""The views of performance and fairness: what was said of them, pictures, and the numbers behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.charts.fairness import group_comparison
from audit_lab.charts.performance import calibration_curve, performance_timeline
from audit_lab.face.measured_of_log import FairnessOfLog, PerformanceOfLog
from audit_lab.widgets.linking import LinkedPanel
from audit_lab.widgets.page import choice, listed, note, page, paragraph, picture, section, table
from audit_lab.widgets.window_brush import WindowBrush

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.fairness import Fairness
    from audit_lab.monitor.performance import Performance

__all__ = ["FairnessView", "PerformanceView"]

_MOST_ROWS = 200
_MEASURES = {
    "window_start": "Window",
    "model_version": "Version",
    "known": "Known",
    "of": "Of",
    "measure": "Measure",
    "value": "Value",
    "low": "Low",
    "high": "High",
    "rows": "Rows",
    "status": "Status",
}
_WINDOWS = {
    "window_start": "Window",
    "model_version": "Version",
    "known": "Known",
    "rows": "Predictions",
    "labelled": "Outcomes",
    "missing_share": "Missing",
    "expected_share": "To have arrived",
    "mature": "Mature",
}
_RATES = {
    "group": "Group",
    "measure": "Rate",
    "value": "Value",
    "low": "Low",
    "high": "High",
    "rows": "Rows",
    "status": "Status",
}
_COMPARISONS = {
    "comparison": "Comparison",
    "value": "Value",
    "low": "Low",
    "high": "High",
    "lowest": "Lowest group",
    "highest": "Highest group",
    "by_chance": "By chance",
}


class _WindowedPanel(LinkedPanel):
    """A view with a slider over windows."""

    _windows: WindowBrush

    def _window_starts(self) -> Sequence[datetime]:
        return self._windows.starts

    def _chosen_places(self) -> tuple[int, int]:
        first, last = self._windows.brush.index
        return first, last

    def _choose_windows(self, first: int, last: int) -> None:
        self._windows.choose(first, last)


class PerformanceView(_WindowedPanel):
    """Summary, calibration and windows of a performance, with a dropdown for the measure and a slider over windows.

    Parameters
    ----------
    performance
        What ``log.performance()`` returned.
    """

    controls = ("measure", "windows", "decision", "stored")

    def __init__(self, performance: Performance) -> None:
        self._found = performance
        there = performance.table.drop_nulls("value").select("of", "measure").unique(maintain_order=True).rows()
        options = [(f"{measure.replace('_', ' ')} of the {of}", (of, measure)) for of, measure in there]
        first = next((pair for _, pair in options if pair[1] in {"auc", "rmse"}), options[0][1] if options else None)
        self.measure = ipywidgets.Dropdown(options=options, value=first, description="Measure")
        self._detail = ipywidgets.HTML()
        leads = performance if isinstance(performance, PerformanceOfLog) else None
        self._windows = WindowBrush(performance.windows, leads, self._refresh, self._lead)
        self.brush, self.listing = self._windows.brush, self._windows.listing
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self._overview())), self.measure, self._detail, self._windows, drawer])
        self.measure.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> Performance:
        """The performance."""
        return self._found

    def parts(self) -> list[str]:
        """Return summary, calibration and windows, the chosen measure, and the decisions of the windows brushed."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._found.summary())

    def code(self) -> str:
        """Return the Python that measures again, draws the chosen measure and shows what is shown; without costs."""
        asked = self._found.asked
        parts = [f"every={asked.every!r}", f"model={self._found.model!r}"]
        times = {"since": asked.since, "until": asked.until if asked.as_of is None else None, "as_of": asked.as_of}
        parts += [f"{name}={at.isoformat()!r}" for name, at in times.items() if at is not None]
        parts += ["by_version=True"] if asked.by_version else []
        parts += [f"zone={asked.zone!r}"] if asked.zone != "UTC" else []
        parts += [f"positive={self._found.meaning.output.positive!r}"] if self._found.meaning.output.positive else []
        lines = ["import audit_lab as al", "", f"performance = log.performance({', '.join(parts)})"]
        if self.measure.value is not None and asked.every is not None:
            of, measure = self.measure.value
            lines.append(f"chart = al.charts.performance_timeline(performance.table, {measure!r}, of={of!r})")
        return "\n".join([*lines, *self._windows.code(self._found.model), self._showing("performance"), ""])

    def _refresh(self, _: Any = None) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        found = self._found
        said = found.summary()
        parts = [note(said[0], bad=False), section("What that says", listed(said[1:]))]
        curve = found.calibration() if found.meaning.has_probability else pl.DataFrame()
        if curve.height:
            drawn = calibration_curve(curve, positive=found.meaning.output.positive or "", model=found.model)
            parts.append(section("Calibration", picture(drawn, "Share of positives by mean score")))
        windows = table(found.windows.head(_MOST_ROWS).to_dicts(), _WINDOWS)
        return [*parts, section("Windows", windows + _more(found.windows, "performance.windows"))]

    def _chosen(self) -> list[str]:
        if self.measure.value is None:
            return []
        of, measure = self.measure.value
        mine = self._found.table.filter(of=of, measure=measure)
        title = f"{measure.replace('_', ' ')} of the {of}"
        rows = table(mine.head(_MOST_ROWS).to_dicts(), _MEASURES) + _more(mine, "performance.table")
        drawable = mine.drop_nulls(["value", "window_start"]).filter(known="now")
        if self._found.asked.every is None or drawable.is_empty():
            return [section(title, rows)]
        drawn = performance_timeline(self._found.table, measure, of=of, model=self._found.model)
        return [section(title, picture(drawn, title) + rows)]


class FairnessView(_WindowedPanel):
    """Summary of a fairness, with dropdowns for grouping and rate and a slider over windows.

    Parameters
    ----------
    fairness
        What ``log.fairness()`` returned.
    """

    controls = ("grouping", "measure", "windows", "decision", "stored")

    def __init__(self, fairness: Fairness) -> None:
        self._found = fairness
        groupings = fairness.table["grouping"].unique(maintain_order=True).to_list()
        measures = fairness.table["measure"].unique(maintain_order=True).to_list()
        self.grouping = ipywidgets.Dropdown(options=[(choice(each), each) for each in groupings], description="By")
        self.measure = ipywidgets.Dropdown(options=measures, description="Rate")
        self._detail = ipywidgets.HTML()
        leads = fairness if isinstance(fairness, FairnessOfLog) else None
        self._windows = WindowBrush(fairness.table, leads, self._refresh, self._lead)
        self.brush, self.listing = self._windows.brush, self._windows.listing
        drawer, self._code = self._code_drawer()
        overview = ipywidgets.HTML(page(self._overview()))
        super().__init__([overview, self.grouping, self.measure, self._detail, self._windows, drawer])
        for chooser in (self.grouping, self.measure):
            chooser.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> Fairness:
        """The fairness."""
        return self._found

    def parts(self) -> list[str]:
        """Return the summary, the chosen grouping and rate, and the decisions of the windows brushed."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._found.summary())

    def code(self) -> str:
        """Return the Python that counts again, draws the chosen rate, and shows what is shown."""
        asked, counted = self._found.asked, self._found.asked.counted
        parts = [repr(list(asked.groups)), f"favourable={counted.favourable!r}", f"of={counted.of!r}"]
        parts += [f"qualified={counted.qualified!r}"] if counted.qualified is not None else []
        parts += [f"bands={dict(asked.bands)!r}"] if asked.bands else []
        parts += [f"every={counted.every!r}"] if counted.every is not None else []
        parts += ["by_version=True"] if counted.by_version else []
        times = {"since": asked.since, "until": asked.until, "as_of": asked.as_of}
        parts += [f"{name}={at.isoformat()!r}" for name, at in times.items() if at is not None]
        parts += [f"zone={counted.zone!r}"] if counted.zone != "UTC" else []
        parts += [f"model={asked.model!r}", f"minimum={asked.minimum}"]
        if len(asked.groups) > 1 and self._found.table["grouping"].n_unique() <= len(asked.groups):
            parts.append("intersections=False")
        lines = ["import audit_lab as al", "", f"fairness = log.fairness({', '.join(parts)})"]
        if not counted.by_version:
            chosen = f"{self.measure.value!r}, grouping={self.grouping.value!r}"
            lines.append(f"chart = al.charts.group_comparison(fairness.table, {chosen})")
        return "\n".join([*lines, *self._windows.code(asked.model), self._showing("fairness"), ""])

    def _refresh(self, _: Any = None) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        said = self._found.summary()
        return [note(said[0], bad=False), section("What that says", listed(said[1:]))]

    def _chosen(self) -> list[str]:
        found, grouping, measure = self._found, self.grouping.value, self.measure.value
        mine = found.table.filter(grouping=grouping, measure=measure)
        apart = found.asked.counted.by_version or found.asked.counted.every is not None
        where = {"window_start": "Window", "model_version": "Version"} if apart else {}
        rows = table(mine.head(_MOST_ROWS).to_dicts(), {**where, **_RATES}) + _more(mine, "fairness.table")
        if not found.asked.counted.by_version and mine.height:
            favourable = found.asked.counted.favourable
            drawn = group_comparison(found.table, measure, grouping=grouping, favourable=favourable)
            rows = picture(drawn, f"{measure} by {grouping}") + rows
        compared = found.comparisons.filter(grouping=grouping)
        told = table(compared.head(_MOST_ROWS).to_dicts(), {**where, **_COMPARISONS})
        told += _more(compared, "fairness.comparisons")
        return [section(f"{measure.replace('_', ' ')} by {grouping}", rows), section("Comparisons", told)]


def _more(frame: pl.DataFrame, where: str) -> str:
    if frame.height <= _MOST_ROWS:
        return ""
    return paragraph(f"{frame.height - _MOST_ROWS:,} more rows stand in {where}.")

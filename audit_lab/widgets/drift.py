"""The view of a drift: the map of all columns, one column over time, windows beside the reference, their decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import ipywidgets
import polars as pl

from audit_lab.charts.before_after import distribution
from audit_lab.charts.drift import MEASURES, drift_timeline
from audit_lab.charts.heat_map import drift_heatmap
from audit_lab.charts.ridge import drift_ridge
from audit_lab.face.drift_of_log import DriftOfLog
from audit_lab.monitor.beside import densities, where_to_begin, window_bins
from audit_lab.widgets.chosen_decisions import MOST_DECISIONS, ChosenDecisions
from audit_lab.widgets.drift_question import asked_besides
from audit_lab.widgets.heat_grid import HeatGrid
from audit_lab.widgets.linking import LinkedPanel
from audit_lab.widgets.page import choice, facts, listed, page, picture, section, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.drift import Drift

__all__ = ["DriftView", "Selection"]

_BINS = {
    "bin": "Bin",
    "reference_rows": "Reference rows",
    "window_rows": "Window rows",
    "reference_share": "Reference share",
    "window_share": "Window share",
    "chance_low": "Chance allows from",
    "chance_high": "to",
    "note": "Note",
}
_VERDICTS = {"window": "Window", "rows": "Rows", "psi": "Population stability index", "verdict": "Verdict"}
_FINDING = {
    "rows": "Rows",
    "verdict": "Verdict",
    "psi": "Population stability index",
    "psi_noise": "Chance stays below (99.9 %)",
    "js_distance": "Jensen-Shannon distance",
    "ks": "Kolmogorov-Smirnov statistic",
    "ks_p_value": "Its p-value",
    "hellinger": "Hellinger distance",
    "total_variation": "Total variation distance",
    "wasserstein": "Wasserstein-1 distance",
    "wasserstein_error": "Its error, at most",
    "chi_square": "Chi-squared statistic",
    "p_value": "Its p-value, bins with few rows pooled",
    "q_value": "Adjusted for all columns and windows",
    "missing_rate": "Missing",
    "out_of_range": "Outside the reference's range",
    "type_violations": "Of another kind",
    "new_categories": "New categories",
    "vanished_categories": "Vanished categories",
}
_OVER_TIME, _RIDGE = "One measure over time", "Its values, window by window"
#: So many sentences stand before the map, so that it is seen without scrolling; the others can be unfolded.
_FIRST_SENTENCES = 3


class Selection(NamedTuple):
    """What is chosen in a view of a drift: a column, and decisions of ``since <= occurred_at < until``."""

    column: str
    since: datetime
    until: datetime


class DriftView(LinkedPanel):
    """Summary, map, timeline, bins and decisions of a drift; a press on a cell of the map, or the brush, chooses.

    Parameters
    ----------
    drift
        What ``log.drift(...)`` returned. The view begins where the summary does: at the first thing that moved.
    """

    controls = ("column", "measure", "picture", "windows", "decision", "stored")

    def __init__(self, drift: Drift) -> None:
        self._drift = drift
        self._quiet = False
        column, window = where_to_begin(drift)
        self._starts = drift.volume["window_start"].to_list()
        places = range(len(self._starts))
        names = [self._name(start) for start in self._starts]
        self.column = ipywidgets.Dropdown(
            options=[(choice(each), each) for each in drift.columns], value=column, description="Column"
        )
        self.measure = ipywidgets.Dropdown(options=self._measures(column), description="Measure")
        self.window = ipywidgets.Dropdown(
            options=list(zip(names, self._starts, strict=True)), value=window, description="Window"
        )
        self.picture = ipywidgets.Dropdown(options=self._pictures(column), description="Picture")
        self.grid = HeatGrid(drift.table, self.measure.value or "psi", self._pressed)
        place = self._starts.index(window)
        self.brush = ipywidgets.SelectionRangeSlider(
            options=list(zip(names, places, strict=True)),
            index=(place, place),
            continuous_update=False,
            readout=False,
            # Windows by version overlap, so that no period holds several of them and nothing else.
            disabled=bool(drift.cut.by_version),
            layout=ipywidgets.Layout(width=f"{self.grid.width}px", margin=f"0 0 0 {self.grid.left}px"),
        )
        self._detail = ipywidgets.HTML()
        self.listing = ChosenDecisions(self._refresh)
        drawer, self._code = self._code_drawer()
        choosers = ipywidgets.HBox(
            [self.column, self.measure, self.window, self.picture], layout=ipywidgets.Layout(flex_flow="row wrap")
        )
        summary = drift.summary()
        said = ipywidgets.HTML(page([section("What moved, and since when", listed(summary[:_FIRST_SENTENCES]))]))
        rest = ipywidgets.Accordion(
            children=[ipywidgets.HTML(page([listed(summary[_FIRST_SENTENCES:])]))],
            titles=("What else moved, and what the numbers rest on",),
            selected_index=None,
        )
        self._map = ipywidgets.VBox([self.grid])
        super().__init__([said, self._map, self.brush, choosers, self._detail, self.listing, rest, drawer])
        self.column.observe(self._column_changed, names="value")
        self.measure.observe(self._measure_changed, names="value")
        self.picture.observe(self._refresh, names="value")
        self.window.observe(self._window_changed, names="value")
        self.brush.observe(self._brushed, names="index")
        self._refresh()

    @property
    def selection(self) -> Selection:
        """The chosen column, and from when to when the chosen windows reach."""
        first, last = self._chosen_windows()
        return Selection(self.column.value, first, self._end(last))

    @property
    def subject(self) -> Drift:
        """The drift."""
        return self._drift

    def parts(self) -> list[str]:
        """Return summary and map, the chosen column and windows, and their decisions where they were asked for."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._drift.summary())

    def code(self) -> str:
        """Return the Python that measures again, draws the chosen pictures, asks for decisions, and shows it all."""
        drift, column = self._drift, self.column.value
        first, last = self._chosen_windows()
        until = "" if first == last else f", datetime.fromisoformat({self._end(last).isoformat()!r})"
        ridge = self.picture.value == _RIDGE
        return "\n".join(
            [
                "from datetime import datetime",
                "",
                "import audit_lab as al",
                f"from audit_lab.monitor.beside import {'densities, ' if ridge else ''}window_bins",
                "",
                f"drift = log.drift({list(drift.columns)!r}, every={drift.every!r}{asked_besides(drift)})",
                "heat_map = al.charts.drift_heatmap(",
                f"    drift.table, {self.measure.value or 'psi'!r}, reference=drift.reference.description",
                ")",
                "timeline = al.charts.drift_timeline(",
                f"    drift.table, {column!r}, {self.measure.value!r}, reference=drift.reference.description",
                ")",
                *(
                    [
                        "ridge = al.charts.drift_ridge(",
                        f"    densities(drift, {column!r}), column={column!r}, reference=drift.reference.description",
                        ")",
                    ]
                    if ridge
                    else []
                ),
                f"bins = window_bins(drift, {column!r}, datetime.fromisoformat({first.isoformat()!r}){until})",
                "distribution = al.charts.distribution(",
                f"    bins, column={column!r}, window={self._called()!r}, reference=drift.reference.description",
                ")",
                f"chosen = log.foremost({self._asking(first, last)}, limit={MOST_DECISIONS})",
                "decisions = chosen.decisions",
                self._showing("drift"),
                "",
            ]
        )

    def _asking(self, first: datetime, last: datetime) -> str:
        cut, drift = self._drift.cut, self._drift
        chosen = {"column": self.column.value}
        if isinstance(drift, DriftOfLog):
            chosen = drift.choosing(self.column.value, first, last)
        parts = [] if chosen["column"] is None else [repr(chosen["column"])]
        parts += [f"since={first.isoformat()!r}", f"until={self._end(last).isoformat()!r}"]
        parts += [f"{name}={chosen[name]!r}" for name in ("usual", "categories") if name in chosen]
        model = getattr(self._drift, "model", None)
        parts += [f"model={model!r}"] if model is not None else []
        if cut.by_version:
            parts.append(f"version={cut.by_version[cut.starts.index(first)]!r}")
        return ", ".join(parts)

    def _chosen_windows(self) -> tuple[datetime, datetime]:
        first, last = self.brush.index
        return self._starts[first], self._starts[last]

    def _end(self, last: datetime) -> datetime:
        end: datetime = self._drift.volume["window_end"][self._starts.index(last)]
        return end

    def _called(self) -> str:
        first, last = self._chosen_windows()
        return self._name(first) if first == last else f"{self._name(first)} to {self._name(last)}"

    def _measures(self, column: str) -> list[tuple[str, str]]:
        """Return the measures that were taken of a column, by name."""
        mine = self._drift.table.filter(column=column)
        taken = [name for name in MEASURES if mine[name].null_count() < mine.height]
        return [(MEASURES[name], name) for name in taken]

    def _pictures(self, column: str) -> list[str]:
        bins = self._drift.counts[self._drift.columns.index(column)].bins
        return [_OVER_TIME, _RIDGE] if bins.kind == "numeric" and bins.values.size else [_OVER_TIME]

    def _name(self, start: datetime) -> str:
        return self._drift.cut.name(start)

    def _pressed(self, column: str, first: datetime, last: datetime) -> None:
        """Choose what a pressed cell stands for, and list its decisions."""
        self._go(column, self._starts.index(first), self._starts.index(last))

    def _brushed(self, _: Any) -> None:
        if self._quiet:
            return
        self._go(self.column.value, *self.brush.index)

    def _window_changed(self, _: Any) -> None:
        if self._quiet:
            return
        place = self._starts.index(self.window.value)
        self._go(self.column.value, place, place)

    def _go(self, column: str, first: int, last: int) -> None:
        """Choose a column and windows.

        The rows of a linked explorer are there sooner than anything is drawn here, so they come first.
        """
        self._lead(self._starts[first], self._end(self._starts[last]))
        self._set(column, first, last)
        self._ask()

    def _measure_changed(self, _: Any) -> None:
        """Colour the map by the chosen measure."""
        if self._quiet:
            return
        self._coloured()
        self._refresh()

    def _coloured(self) -> None:
        measure = self.measure.value or "psi"
        if self.grid.measure != measure:
            self.grid = HeatGrid(self._drift.table, measure, self._pressed)
            self._map.children = [self.grid]

    def _column_changed(self, _: Any) -> None:
        """Offer the new column's measures and pictures, keeping those that were chosen where there are."""
        if self._quiet:
            return
        self._set(self.column.value, *self.brush.index)
        if self.listing.is_asked:
            # Those that are listed matter most to another column.
            self._ask()
        else:
            self._refresh()

    def _set(self, column: str, first: int, last: int) -> None:
        """Let every chooser say the same, without any of them answering."""
        chosen, drawn = self.measure.value, self.picture.value
        offered, pictures = self._measures(column), self._pictures(column)
        self._quiet = True
        try:
            self.column.value = column
            self.brush.index = (first, last)
            self.window.value = self._starts[first]
            if list(self.measure.options) != offered:
                self.measure.options = offered
                self.measure.value = (
                    chosen if chosen in {name for _, name in offered} else next((name for _, name in offered), None)
                )
            if list(self.picture.options) != pictures:
                self.picture.options = pictures
                self.picture.value = drawn if drawn in pictures else pictures[0]
        finally:
            self._quiet = False
        self._coloured()

    def _refresh(self, _: Any = None) -> None:
        if self._quiet:
            return
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()
        self.grid.show(self.column.value, *self._chosen_windows())

    def _ask(self) -> None:
        """Ask the log, where there is one, for the decisions of the chosen windows that matter most, and draw."""
        drift = self._drift
        if isinstance(drift, DriftOfLog):
            column, windows = self.column.value, self._chosen_windows()
            self.listing.ask(
                f"Decisions of {self._called()}", lambda: drift.foremost(column, *windows, limit=MOST_DECISIONS)
            )
        self._refresh()

    def _window_starts(self) -> Sequence[datetime]:
        return self._starts

    def _chosen_places(self) -> tuple[int, int]:
        first, last = self.brush.index
        return first, last

    def _choose_windows(self, first: int, last: int) -> None:
        self._go(self.column.value, first, last)

    def _chosen_in(self, name: str) -> Any:
        """Return what one control says; windows count as chosen, too, where there is no log to ask for decisions."""
        if name == "windows" and not isinstance(self._drift, DriftOfLog):
            return tuple(self._starts[place].isoformat() for place in self._chosen_places())
        return super()._chosen_in(name)

    def _overview(self) -> list[str]:
        drift = self._drift
        said = drift.summary()
        return [
            section("What moved, and since when", listed(said)),
            picture(
                drift_heatmap(drift.table, self.measure.value or "psi", reference=drift.reference.description), said[0]
            ),
        ]

    def _chosen(self) -> list[str]:
        drift, column, called = self._drift, self.column.value, self._called()
        first, last = self._chosen_windows()
        bins = window_bins(drift, column, first, None if first == last else self._end(last))
        named = drift.reference.description
        drawn = ""
        if bins["window_rows"].sum():
            chart = distribution(bins, column=column, window=called, reference=named)
            drawn = picture(chart, f"{column} in {called} beside the reference")
        findings = drift.table.filter(
            pl.col("column") == column, pl.col("window_start").is_between(first, last, closed="both")
        )
        if first == last:
            finding = findings.row(0, named=True)
            said = facts([(heading, finding[name] or None) for name, heading in _FINDING.items()])
        else:
            said = table(findings.to_dicts(), _VERDICTS)
        return [
            section(f"{column} over time", self._over_time(column, named)),
            section(f"{column} in {called}", said + drawn),
            table(bins.to_dicts(), _BINS),
        ]

    def _over_time(self, column: str, named: str) -> str:
        if self.picture.value == _RIDGE:
            return picture(
                drift_ridge(densities(self._drift, column), column=column, reference=named),
                f"{column}, its values by window",
            )
        if not self.measure.value:
            return ""
        chart = drift_timeline(self._drift.table, column, self.measure.value, reference=named)
        return picture(chart, f"{column}, {MEASURES[self.measure.value]} by window")

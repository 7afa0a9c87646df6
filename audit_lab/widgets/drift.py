"""The view of a drift: the map of all columns, one column over time, one window beside the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.charts.before_after import distribution
from audit_lab.charts.drift import MEASURES, drift_timeline
from audit_lab.charts.heat_map import drift_heatmap
from audit_lab.widgets.page import facts, listed, page, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.monitor.drift import Drift

__all__ = ["DriftView"]

_BINS = {
    "bin": "Bin",
    "reference_rows": "Reference rows",
    "window_rows": "Window rows",
    "reference_share": "Reference share",
    "window_share": "Window share",
}
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


class DriftView(Panel):
    """Summary, map, timeline and bins of a drift, with dropdowns for column, measure and window.

    Parameters
    ----------
    drift
        What ``log.drift(...)`` returned. The view begins where the summary does: at the first thing that moved.
    """

    def __init__(self, drift: Drift) -> None:
        self._drift = drift
        column, window = _start(drift)
        starts = drift.volume["window_start"].to_list()
        self.column = ipywidgets.Dropdown(options=drift.columns, value=column, description="Column")
        self.measure = ipywidgets.Dropdown(options=self._measures(column), description="Measure")
        self.window = ipywidgets.Dropdown(
            options=[(self._name(start), start) for start in starts], value=window, description="Window"
        )
        self._map = ipywidgets.HTML(page(self._overview()))
        self._detail = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        super().__init__([self._map, ipywidgets.HBox([self.column, self.measure, self.window]), self._detail, drawer])
        self.column.observe(self._column_changed, names="value")
        self.measure.observe(self._refresh, names="value")
        self.window.observe(self._refresh, names="value")
        self._refresh()

    def parts(self) -> list[str]:
        """Return summary and map, then the chosen column and window."""
        return [*self._overview(), *self._chosen()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._drift.summary())

    def code(self) -> str:
        """Return the Python that measures the drift again and draws the chosen pictures."""
        drift, column, window = self._drift, self.column.value, self.window.value
        return "\n".join(
            [
                "from datetime import datetime",
                "",
                "import audit_lab as al",
                "",
                f"drift = log.drift({list(drift.columns)!r}, every={drift.every!r}{_options(drift)})",
                "timeline = al.charts.drift_timeline(",
                f"    drift.table, {column!r}, {self.measure.value!r}, reference=drift.reference.description",
                ")",
                f"bins = drift.bins({column!r}, datetime.fromisoformat({window.isoformat()!r}))",
                "distribution = al.charts.distribution(",
                f"    bins, column={column!r}, window={self._name(window)!r}, reference=drift.reference.description",
                ")",
                "",
            ]
        )

    def _measures(self, column: str) -> list[tuple[str, str]]:
        """Return the measures that were taken of a column, by name."""
        mine = self._drift.table.filter(column=column)
        taken = [name for name in MEASURES if mine[name].null_count() < mine.height]
        return [(MEASURES[name], name) for name in taken]

    def _name(self, start: datetime) -> str:
        return self._drift.cut.name(start)

    def _column_changed(self, _: Any) -> None:
        """Offer the new column's measures, keeping the chosen one where it was taken."""
        chosen, offered = self.measure.value, self._measures(self.column.value)
        with self.hold_trait_notifications():
            self.measure.options = offered
            if chosen in {name for _, name in offered}:
                self.measure.value = chosen
        self._refresh()

    def _refresh(self, _: Any = None) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self.code()

    def _overview(self) -> list[str]:
        drift = self._drift
        said = drift.summary()
        return [
            section("What moved, and since when", listed(said)),
            picture(drift_heatmap(drift.table, reference=drift.reference.description), said[0]),
        ]

    def _chosen(self) -> list[str]:
        drift, column, window = self._drift, self.column.value, self.window.value
        bins = drift.bins(column, window)
        named = drift.reference.description
        pictures = [
            picture(
                drift_timeline(drift.table, column, self.measure.value, reference=named),
                f"{column}, {MEASURES[self.measure.value]} by window",
            )
            if self.measure.value
            else ""
        ]
        if bins["window_rows"].sum():
            drawn = distribution(bins, column=column, window=self._name(window), reference=named)
            pictures.append(picture(drawn, f"{column} in {self._name(window)} beside the reference"))
        finding = drift.table.filter(pl.col("column") == column, pl.col("window_start") == window).row(0, named=True)
        said = [(heading, finding[name] or None) for name, heading in _FINDING.items()]
        return [
            section(f"{column} over time", pictures[0]),
            section(f"{column} in {self._name(window)}", facts(said) + "".join(pictures[1:])),
            table(bins.to_dicts(), _BINS),
        ]


def _options(drift: Drift) -> str:
    """Return the other arguments that ask the same again, as Python."""
    reference, cut = drift.reference, drift.cut
    said = ""
    if reference.kind == "period" and reference.start and reference.end:
        said += f", reference={(reference.start.isoformat(), reference.end.isoformat())!r}"
    elif reference.kind == "rolling":
        said += f", reference='rolling:{reference.windows}'"
    elif reference.kind == "dataset":
        said += ", reference=training_data"
    if cut.around is not None:
        options = {"around": cut.around.moment.isoformat(), "before": cut.around.before, "after": cut.around.after}
        said += "".join(f", {name}={value!r}" for name, value in options.items())
    return said + (f", zone={cut.zone!r}" if cut.zone != "UTC" else "")


def _start(drift: Drift) -> tuple[str, datetime]:
    """Return the column and window to begin with: what is gone for good, else the farthest episode, else the first."""
    gone = [one for one in drift.vanished if one.returned is None]
    if gone:
        first = max(gone, key=lambda one: one.reference_share)
        return first.column, first.gone_from
    calm = [one for one in drift.episodes if one.column not in drift.restless and not one.partial]
    if calm:
        farthest = max(calm, key=lambda one: (one.ongoing, one.highest_psi))
        return farthest.column, farthest.start
    return drift.columns[0], drift.volume["window_start"][-1]

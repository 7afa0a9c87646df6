"""The map of a drift as buttons: a cell that is pressed says which column and which windows are meant."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.drift import MEASURES
from audit_lab.charts.heat_map import HEAT, heat_steps, heat_table
from audit_lab.charts.theme import INK, MUTED, PALE
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.page import cut

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import polars as pl

__all__ = ["HeatGrid"]

_MOST_COLUMNS = 25
_WIDTH, _NAMES, _HEIGHT = 700, 170, 22
_WIDEST = 28
_MOST_LABELS = 7
_LONGEST_GONE = 200
_FEW = "too few rows"
#: The mark of each verdict, as the picture has them; a style sheet draws it, so that no text of a log gets there.
_MARKS = {"slight": "\\25C6", "moderate": "\\25B2", "major": "\\25A0"}
_GONE = "\\00D7"
_HATCHED = f"repeating-linear-gradient(135deg, #ffffff 0 3px, {MUTED} 3px 4px)"
#: Cells from this colour on have a light mark.
_DARK = 3


class HeatGrid(ipywidgets.VBox):
    """Rows of buttons, one for each cell of :func:`audit_lab.charts.heat_map.drift_heatmap`.

    Parameters
    ----------
    table
        ``Drift.table``.
    measure
        What the colours say.
    picked
        Called with the column, and the starts of the first and the last window that a pressed cell stands for.
    """

    def __init__(self, table: pl.DataFrame, measure: str, picked: Callable[[str, datetime, datetime], None]) -> None:
        self._picked = picked
        self.measure = measure
        cells, self.columns, self.left_out = heat_table(table, measure, most=_MOST_COLUMNS)
        self._cells = {name: cells.filter(column=name).sort("place") for name in self.columns}
        self._starts = table["window_start"].unique().sort().to_list()
        self._pooled = int(cells["windows"].max())  # type: ignore[arg-type]
        self._cell_width = min(_WIDTH // max(cells["place"].n_unique(), 1), _WIDEST)
        self._style = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self._class = f"audit-lab-map-{self._style.model_id}"
        self._steps = heat_steps(table, measure)
        self._sheet = self._painted()
        self._rows = {name: self._row(number, name) for number, name in enumerate(self.columns)}
        legend = ipywidgets.HTML(self._legend(measure))
        super().__init__([self._style, *self._rows_named(), ipywidgets.HTML(self._axis()), legend])
        self.add_class(self._class)
        self._style.value = self._sheet

    @property
    def width(self) -> int:
        """How wide a row of cells is, in pixels; the names stand in `left` pixels before it."""
        return self._cell_width * next(iter(self._cells.values())).height

    @property
    def left(self) -> int:
        """How many pixels the names of the columns take."""
        return _NAMES

    def button_row(self, column: str) -> Any:
        """Return the row of buttons of a column; setting its index is what pressing a cell does."""
        return self._rows[column]

    def show(self, column: str, first: datetime, last: datetime) -> None:
        """Frame the cells of a column from one window to another."""
        framed = ""
        if column in self._rows:
            begin, end = (self._starts.index(one) // self._pooled + 1 for one in (first, last))
            row = f".{self._class} .row-{self.columns.index(column)}"
            framed = (
                f"{row} button:nth-child(n+{begin}):nth-child(-n+{end})"
                f"{{outline: 2px solid {INK}; outline-offset: -1px; z-index: 1}}"
            )
        self._style.value = self._sheet.replace("</style>", f"{framed}</style>")

    def _row(self, number: int, name: str) -> Any:
        cells = self._cells[name]
        seen: dict[str, int] = {}
        labels = []
        for window in cells["name"]:
            seen[window] = seen.get(window, 0) + 1
            labels.append(window if seen[window] == 1 else f"{window} ({seen[window]})")
        row = ipywidgets.ToggleButtons(
            options=list(zip(labels, range(cells.height), strict=True)),
            value=None,
            tooltips=[spelled(_told(name, cell)) for cell in cells.iter_rows(named=True)],
            layout=ipywidgets.Layout(width="auto"),
        )
        row.add_class(f"row-{number}")

        def pressed(change: dict[str, Any]) -> None:
            if change["new"] is None:
                return
            place = int(cells["place"][change["new"]]) * self._pooled
            # The frame says what is chosen, so that the same cell can be pressed again.
            row.index = None
            self._picked(name, self._starts[place], self._starts[min(place + self._pooled, len(self._starts)) - 1])

        row.observe(pressed, names="index")
        return row

    def _rows_named(self) -> list[Any]:
        rows = []
        for name, row in self._rows.items():
            label = ipywidgets.Label(
                spelled(name), layout=ipywidgets.Layout(width=f"{_NAMES - 8}px", height=f"{_HEIGHT}px")
            )
            rows.append(ipywidgets.HBox([label, row], layout=ipywidgets.Layout(height=f"{_HEIGHT + 2}px")))
        return rows

    def _painted(self) -> str:
        """Return a style sheet that gives each cell its colour and its mark."""
        own = f".{self._class}"
        rules = [
            f"{own} .widget-hbox {{overflow: visible; align-items: center}}",
            f"{own} .widget-label {{text-align: right; line-height: {_HEIGHT}px; overflow: hidden}}",
            f"{own} .widget-toggle-buttons {{margin: 0; height: {_HEIGHT}px; overflow: visible; white-space: nowrap}}",
            f"{own} .widget-toggle-buttons > div {{display: flex}}",
            (
                f"{own} button.widget-toggle-button {{width: {self._cell_width}px; min-width: 0; height: {_HEIGHT}px; "
                "margin: 0; padding: 0; font-size: 0; line-height: 0; border: 1px solid #ffffff; border-radius: 0; "
                "box-shadow: none; box-sizing: border-box; flex: none; cursor: pointer; position: relative}"
            ),
            f"{own} button.widget-toggle-button:hover {{outline: 2px solid {MUTED}; outline-offset: -1px; z-index: 2}}",
            (
                f"{own} button.widget-toggle-button::before {{display: block; text-align: center; "
                f"font: 9px/{_HEIGHT - 2}px Arial, sans-serif}}"
            ),
        ]
        painted: dict[str, list[str]] = {}
        for number, cells in enumerate(self._cells.values()):
            for place, cell in enumerate(cells.iter_rows(named=True)):
                button = f"{own} .row-{number} button.widget-toggle-button:nth-child({place + 1})"
                for suffix, rule in self._looks(cell):
                    painted.setdefault(rule, []).append(button + suffix)
        rules += [f"{', '.join(buttons)} {{{rule}}}" for rule, buttons in painted.items()]
        return f"<style>{' '.join(rules)}</style>"

    def _looks(self, cell: dict[str, Any]) -> list[tuple[str, str]]:
        """Return what a cell looks like: rules for itself, and for the mark in it."""
        value, verdict = cell["value"], cell["verdict"]
        if verdict == _FEW:
            return [("", f"background: {_HATCHED}; border-color: {PALE}")]
        if value is None:
            return [("", f"background: #ffffff; border-color: {PALE}")]
        step = bisect_right(self._steps, value)
        looks = [("", f"background: {HEAT[step]}")]
        mark = _GONE if cell["vanished_categories"] else _MARKS.get(verdict)
        if mark:
            ink = "#ffffff" if step >= _DARK else INK
            size = "; font-size: 13px; font-weight: bold" if mark == _GONE else ""
            looks.append(("::before", f"content: '{mark}'; color: {ink}{size}"))
        return looks

    def _axis(self) -> str:
        """Return when some of the windows begin, each below its cell."""
        cells = next(iter(self._cells.values()))
        apart = max(-(-cells.height // _MOST_LABELS), -(-90 // self._cell_width))
        dates = [
            f'<span style="position: absolute; left: {_NAMES + place * self._cell_width}px; border-left: 1px solid '
            f'{PALE}; padding-left: 3px; white-space: nowrap">{start:%-d %b %Y}</span>'
            for place, start in list(enumerate(cells["window_start"]))[::apart]
        ]
        return (
            f'<div style="position: relative; height: 18px; font-size: 11px; line-height: 14px">{"".join(dates)}</div>'
        )

    def _legend(self, measure: str) -> str:
        """Return what colours and marks mean; every text in it is this module's own."""
        ends = [f"below {self._steps[0]:g}", *(f"from {step:g}" for step in self._steps)]
        squares = [
            f'<span style="display: inline-block; width: 11px; height: 11px; background: {colour}; border: 1px solid '
            f'{MUTED}; vertical-align: -1px"></span> {text}'
            for colour, text in zip(HEAT, ends, strict=True)
        ]
        marks = [f"&#x{code[1:]}; {verdict}" for verdict, code in [*_MARKS.items(), ("a category is gone", _GONE)]]
        more = f"; {self.left_out:,} columns that moved less are not shown" if self.left_out else ""
        few = (
            f'<span style="display: inline-block; width: 11px; height: 11px; background: {_HATCHED}; border: 1px solid '
            f'{MUTED}; vertical-align: -1px"></span> {_FEW}'
        )
        parts = [f"<b>{MEASURES[measure]}</b>", *squares, *marks, few]
        style = f"padding-left: {_NAMES}px; font-size: 11px; line-height: 18px; max-width: {_WIDTH}px"
        kept = " &ensp;".join(f'<span style="white-space: nowrap">{part}</span>' for part in parts)
        return f'<div style="{style}">{kept}{more}</div>'


def _told(column: str, cell: dict[str, Any]) -> str:
    """Return what is said of a cell that is pointed at."""
    value = "not measured" if cell["value"] is None else f"{cell['value']:.4g}"
    gone = f", gone: {', '.join(cell['vanished_categories'])}" if cell["vanished_categories"] else ""
    return f"{column}, {cell['name']}: {value}, {cell['verdict']}{cut(gone, _LONGEST_GONE)}; {cell['rows']:,} rows"

"""A slider over the windows of a measure, and the decisions of those that are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from audit_lab.widgets.chosen_decisions import MOST_DECISIONS, ChosenDecisions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import polars as pl

    from audit_lab.face.foremost import Foremost

__all__ = ["LeadsToDecisions", "WindowBrush"]


class LeadsToDecisions(Protocol):
    """A measure that was asked of a log, so that its windows lead to decisions."""

    def foremost(self, since: datetime, until: datetime, *, limit: int = MOST_DECISIONS) -> Foremost:
        """Return the decisions of a period that matter most."""
        ...

    def choosing(self) -> Mapping[str, Any]:
        """Return what `log.foremost` is asked for these beside the period, the model and the limit."""
        ...


class WindowBrush(ipywidgets.VBox):
    """A slider over windows; the decisions of those that are brushed are asked for and listed.

    Parameters
    ----------
    table
        Rows with ``window_start`` and ``window_end``; those without times are no windows. With fewer than two there
        is nothing to choose, and the slider is disabled.
    measure
        What asks the log; None where there is no log, which disables the slider, too.
    told
        Called when other windows are chosen, and when their decisions are there.
    lead
        Called with the period that was chosen, before its decisions are asked for.
    """

    def __init__(
        self,
        table: pl.DataFrame,
        measure: LeadsToDecisions | None,
        told: Callable[[], object],
        lead: Callable[[datetime, datetime], object],
    ) -> None:
        self._windows = table.select("window_start", "window_end").drop_nulls().unique().sort("window_start").rows()
        self._measure, self._told, self._lead = measure, told, lead
        names = [(f"{start:%Y-%m-%d %H:%M}", place) for place, (start, _) in enumerate(self._windows)] or [("none", 0)]
        self.brush = ipywidgets.SelectionRangeSlider(
            options=names,
            index=(len(names) - 1,) * 2,
            continuous_update=False,
            description="Windows",
            disabled=measure is None or len(names) == 1,
            layout=ipywidgets.Layout(width="700px"),
        )
        self.listing = ChosenDecisions(told)
        super().__init__([self.brush, self.listing])
        self.brush.observe(self._brushed, names="index")

    @property
    def starts(self) -> list[datetime]:
        """Where the windows start."""
        return [start for start, _ in self._windows]

    @property
    def selection(self) -> tuple[datetime, datetime] | None:
        """From when to when the chosen windows reach, the end excluded; None where there are no windows."""
        if not self._windows:
            return None
        first, last = self.brush.index
        return self._windows[first][0], self._windows[last][1]

    def choose(self, first: int, last: int) -> None:
        """Choose windows by their places, and ask for their decisions, also where they were chosen before."""
        if self.brush.index == (first, last):
            self._brushed(None)
        else:
            self.brush.index = (first, last)

    def code(self, model: str) -> list[str]:
        """Return lines of Python that ask for the same decisions, where they were asked for."""
        if not self.listing.is_asked or self.selection is None or self._measure is None:
            return []
        since, until = (moment.isoformat() for moment in self.selection)
        asked = f"since={since!r}, until={until!r}, model={model!r}, limit={MOST_DECISIONS}"
        asked += "".join(f", {name}={value!r}" for name, value in self._measure.choosing().items())
        return [f"chosen = log.foremost({asked})", "decisions = chosen.decisions"]

    def _brushed(self, _: Any) -> None:
        chosen, measure = self.selection, self._measure
        if measure is None or chosen is None:
            return
        self._lead(*chosen)
        since, until = chosen
        title = f"Decisions from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
        self.listing.ask(title, lambda: measure.foremost(*chosen, limit=MOST_DECISIONS))
        self._told()

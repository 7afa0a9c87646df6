"""A slider over the windows of a measure, and the decisions of those that are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from audit_lab.widgets.decisions import DecisionsView
from audit_lab.widgets.page import page, paragraph, section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import polars as pl

    from audit_lab.face.decisions import Decisions
    from audit_lab.face.foremost import Foremost

__all__ = ["MOST_DECISIONS", "LeadsToDecisions", "WindowBrush"]

#: So many decisions of the chosen windows are reconstructed and listed.
MOST_DECISIONS = 25


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
        Called when other windows are chosen.
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
        self._asked: Decisions | None = None
        self._said = ""
        names = [(f"{start:%Y-%m-%d %H:%M}", place) for place, (start, _) in enumerate(self._windows)] or [("none", 0)]
        self.brush = ipywidgets.SelectionRangeSlider(
            options=names,
            index=(len(names) - 1,) * 2,
            continuous_update=False,
            description="Windows",
            disabled=measure is None or len(names) == 1,
            layout=ipywidgets.Layout(width="700px"),
        )
        self._listed = ipywidgets.VBox([])
        super().__init__([self.brush, self._listed])
        self.brush.observe(self._brushed, names="index")

    @property
    def selection(self) -> tuple[datetime, datetime] | None:
        """From when to when the chosen windows reach, the end excluded; None where there are no windows."""
        if not self._windows:
            return None
        first, last = self.brush.index
        return self._windows[first][0], self._windows[last][1]

    @property
    def decisions(self) -> Decisions | None:
        """The decisions of the chosen windows that matter most; None until windows were chosen."""
        return self._asked

    def parts(self) -> list[str]:
        """Return the decisions as HTML, where they were asked for."""
        return [] if self._asked is None else [*self._heading(), *DecisionsView(self._asked).parts()]

    def code(self, model: str) -> list[str]:
        """Return lines of Python that ask for the same decisions, where they were asked for."""
        if self._asked is None or self.selection is None or self._measure is None:
            return []
        since, until = (moment.isoformat() for moment in self.selection)
        asked = f"since={since!r}, until={until!r}, model={model!r}, limit={MOST_DECISIONS}"
        asked += "".join(f", {name}={value!r}" for name, value in self._measure.choosing().items())
        return [f"chosen = log.foremost({asked})", "decisions = chosen.decisions"]

    def _brushed(self, _: Any) -> None:
        if self._measure is None or self.selection is None:
            return
        self._lead(*self.selection)
        chosen = self._measure.foremost(*self.selection, limit=MOST_DECISIONS)
        self._asked, self._said = chosen.decisions, chosen.sentence
        self._listed.children = [ipywidgets.HTML(page(self._heading())), DecisionsView(self._asked)]
        self._told()

    def _heading(self) -> list[str]:
        since, until = self.selection or (None, None)
        return [section(f"Decisions from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC", paragraph(self._said))]

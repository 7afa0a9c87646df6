"""The view of a cause: what moved, drawn by the method that is chosen, and all methods side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.steps import cause_waterfall
from audit_lab.widgets.page import listed, note, page, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.monitor.cause import Cause

__all__ = ["CauseView"]

_MOST_ROWS = 200
_FEATURES = {
    "feature": "Feature",
    "change": "Recognised",
    "attribution": "Attribution",
    "reweighting": "Re-weighting",
    "exchange": "Exchange",
    "exchange_low": "From",
    "exchange_high": "To",
    "unsupported": "Unsupported",
}
_SEGMENTS = {
    "column": "Column",
    "group": "Group",
    "before": "Before",
    "after": "After",
    "mix": "By its share",
    "rate": "By its mean",
    "p_value": "p",
    "expression": "Rows",
}


class CauseView(Panel):
    """What moved, with a dropdown for the method whose steps are drawn.

    Parameters
    ----------
    cause
        What ``log.cause()`` returned.
    """

    controls = ("method",)

    def __init__(self, cause: Cause) -> None:
        self._found = cause
        there = [each.name for each in cause.methods if each.is_there]
        first = cause.method().name if there else None
        self.method = ipywidgets.Dropdown(options=there, value=first, description="Method")
        self._detail = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self._overview())), self.method, self._detail, drawer])
        self.method.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> Cause:
        """The cause."""
        return self._found

    def parts(self) -> list[str]:
        """Return the sentences and tables, then the steps by the chosen method."""
        return [*self._overview(), *self._chosen()]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._found.describe())

    def code(self) -> str:
        """Return the Python that asks again, draws the steps by the chosen method, and shows what is shown."""
        asked = self._found.asked
        windows = {name: (span.start, span.end) for name, span in (("after", asked.after), ("before", asked.before))}
        parts = [f"{name}=({start.isoformat()!r}, {end.isoformat()!r})" for name, (start, end) in windows.items()]
        parts += [f"model={asked.model!r}"]
        parts += [f"of={asked.of!r}, favourable={asked.favourable!r}"] if asked.of == "decision" else []
        parts += [f"columns={list(asked.columns)!r}"] if asked.columns is not None else []
        usual = {"rows": None, "output": None, "confidence": 0.95, "minimum": 50, "seed": 0, "anyway": False}
        given = {name: getattr(asked, name) for name in usual}
        parts += [f"{name}={value!r}" for name, value in given.items() if value != usual[name]]
        lines = ["import audit_lab as al", "", f"cause = log.cause({', '.join(parts)})"]
        if self.method.value is not None:
            named = repr(self.method.value)
            lines.append(f"chart = al.charts.cause_waterfall(cause.steps({named}), **cause.words({named}))")
        return "\n".join([*lines, self._showing("cause"), ""])

    def _refresh(self, _: Any = None) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        found = self._found
        said = found.describe()
        parts = [note(said[0], bad=False), section("What that says", listed(said[1:]))]
        if not found.was_looked_for:
            return parts
        features = table(found.table().head(_MOST_ROWS).to_dicts(), _FEATURES)
        groups = table(found.segments_table().head(_MOST_ROWS).to_dicts(), _SEGMENTS)
        return [*parts, section("Contributions", features), section("Segments", groups)]

    def _chosen(self) -> list[str]:
        method = self.method.value
        if method is None:
            return []
        drawn = cause_waterfall(self._found.steps(method), **self._found.words(method))
        return [section(f"Step by step, by {method}", picture(drawn, f"What moved, by {method}"))]

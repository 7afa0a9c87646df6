"""The view of a coverage: its picture, the reasons, and the first ids behind the one that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.coverage import coverage_chart
from audit_lab.replay.coverage_counts import REPLAYABLE
from audit_lab.replay.verdict import EFFECTS
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import listed, note, page, paragraph, picture, section, table

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.replay.coverage import Coverage

__all__ = ["CoverageView"]

_FEW = 20
_MOST_ROWS = 200
_VERSIONS = {
    "model_name": "Model",
    "model_version": "Version",
    "predictions": "Predictions",
    "reconstructable": "Reconstructable",
    "replayable": "Replayable",
}
_REASONS = {
    "window_start": "From",
    "model_version": "Version",
    "code": "Reason",
    "predictions": "Predictions",
    "reconstructable": "Reconstructable",
    "first_id": "First id",
}


class CoverageView(OpeningPanel):
    """Summary, picture and reasons of a coverage, with a dropdown for a reason whose ids are shown, and can be opened.

    Parameters
    ----------
    coverage
        What ``log.coverage()`` returned.
    """

    controls = ("reason", "opened", "decision", "stored")

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        codes = [code for code in coverage.table["code"].unique().sort() if code != REPLAYABLE]
        self.reason = ipywidgets.Dropdown(options=[("none", None), *codes], value=None, description="Ids of")
        self._detail, listing = ipywidgets.HTML(), self._opening()
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self._overview())), self.reason, self._detail, listing, drawer])
        self.reason.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> Coverage:
        """The coverage."""
        return self._coverage

    def parts(self) -> list[str]:
        """Return summary, picture and reasons, the ids of the chosen reason, and the decisions that are opened."""
        return [*self._overview(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the summary, one sentence a line."""
        return "\n".join(self._coverage.summary())

    def code(self) -> str:
        """Return the Python that counts again, draws the picture, finds the chosen ids and shows what is shown."""
        lines = [
            "import audit_lab as al",
            "",
            f"coverage = log.coverage({self._coverage.every!r})",
            "chart = al.charts.coverage_chart(coverage.weeks, coverage.reasons, coverage.sequence_gaps)",
        ]
        if self.reason.value is not None:
            lines.append(f"ids = coverage.ids({self.reason.value!r})")
        return "\n".join([*lines, *self.listing.code(), self._showing("coverage"), ""])

    def _refresh(self, _: Any = None) -> None:
        self._ids = [] if self.reason.value is None else self._found_ids(self.reason.value)
        if self.reason.value is None:
            rows, title = self._reasons().head(_MOST_ROWS), "The first decisions of the reasons"
            self.listing.name(title, rows["first_id"], self._coverage.decisions_of)
        else:
            self.listing.name(f"Decisions of {self.reason.value}", self._ids[:_FEW], self._coverage.decisions_of)
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _found_ids(self, code: str) -> list[str | None]:
        """Return the first ids behind a reason, and one more where there are more."""
        return self._coverage.ids(code, limit=_FEW + 1).to_list()

    def _reasons(self) -> pl.DataFrame:
        return self._coverage.reasons.sort("window_start", "model_version", "code", nulls_last=True)

    def _overview(self) -> list[str]:
        stated = self._coverage
        said = stated.summary()
        whole = 0 < stated.predictions == stated.replayable and not stated.lost
        parts = [note(said[0], bad=not whole), section("What that says", listed(said[1:]))]
        if stated.weeks["window_start"].drop_nulls().len():
            drawn = coverage_chart(stated.weeks, stated.reasons, stated.sequence_gaps)
            parts.append(picture(drawn, said[0]))
        reasons = self._reasons()
        parts.append(section("By version", table(stated.versions.to_dicts(), _VERSIONS)))
        more = (
            f"{reasons.height - _MOST_ROWS:,} more rows stand in coverage.reasons."
            if reasons.height > _MOST_ROWS
            else ""
        )
        rows = table(reasons.head(_MOST_ROWS).to_dicts(), _REASONS)
        parts.append(section("What cannot be replayed", rows + paragraph(more)))
        return parts

    def _chosen(self) -> list[str]:
        code = self.reason.value
        if code is None:
            return []
        ids = self._ids
        shown = listed([str(one) for one in ids[:_FEW]])
        more = paragraph(f"The first {_FEW}; the code below finds all of them.") if len(ids) > _FEW else ""
        return [section(f"{code}: {EFFECTS[code]}", shown + more)]

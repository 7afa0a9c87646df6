"""The view of comparable cases: the decision beside the nearest ones, and in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.widgets.alike import asking, who_was_alike
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import choice, facts, page, paragraph, section, table

if TYPE_CHECKING:
    from audit_lab.replay.comparable_cases import Comparable

__all__ = ["ComparableView"]

_DIFFERENCES = {
    "feature": "Feature",
    "this": "This decision",
    "other": "The case",
    "unit": "Unit",
    "part": "Difference",
}


class ComparableView(OpeningPanel):
    """Sentences, the table of values with differing ones shaded, one case in numbers; the decisions can be opened.

    Parameters
    ----------
    comparable
        What ``decision.comparable(...)`` returned.
    """

    controls = ("case", "opened", "decision", "stored")

    def __init__(self, comparable: Comparable) -> None:
        self._comparable = comparable
        cases = comparable.cases.select("rank", "prediction_id").rows()
        self.case = ipywidgets.Dropdown(
            options=[(choice(f"{rank}: {name}"), rank) for rank, name in cases], description="Case"
        )
        self._overview = ipywidgets.HTML(page(self._whole()))
        self._detail, listing = ipywidgets.HTML(), self._opening()
        named = [comparable.place, *comparable.cases["place"]]
        listing.name("This decision and the cases", named, comparable.decisions_of)
        drawer, self._code = self._code_drawer()
        self.case.observe(self._refresh, names="value")
        super().__init__([self._overview, self.case, self._detail, listing, drawer])
        self._refresh()

    @property
    def subject(self) -> Comparable:
        """The comparable cases."""
        return self._comparable

    def parts(self) -> list[str]:
        """Return sentences, picture and cases, what the chosen case differs in, and the decisions that are opened."""
        return [*self._whole(), *self._chosen(), *self.listing.parts()]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._comparable.summary())

    def code(self) -> str:
        """Return the Python that asks the same question and shows the answer, with the chosen case."""
        return "\n".join(
            [
                "import audit_lab as al",
                "",
                f"decision = log.decision({self._comparable.place!r})",
                *self.listing.code(),
                self._showing(asking(self._comparable)),
                "",
            ]
        )

    def _refresh(self, _: Any = None) -> None:
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _whole(self) -> list[str]:
        return who_was_alike(self._comparable)

    def _chosen(self) -> list[str]:
        rank, found = self.case.value, self._comparable
        if rank is None:
            return []
        mine = found.differences.filter(pl.col("rank") == rank)
        differing = mine.filter(pl.col("part") > 0).sort(-pl.col("part"), maintain_order=True)
        without = mine.filter(pl.col("part").is_null())["feature"].to_list()
        alike = mine.filter(pl.col("part") == 0)["feature"].to_list()
        body = table(differing.to_dicts(), _DIFFERENCES) or paragraph("No feature that both have differs.")
        return [
            section(
                f"Case {rank} differs in",
                body + facts([("Alike in", alike), ("Not compared", without), ("This answer (SHA-256)", found.digest)]),
            )
        ]

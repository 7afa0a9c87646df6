"""The view of an exploration: where two runs of the same inputs part, and what differs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.widgets.asking import asking_again, narrowed
from audit_lab.widgets.opening import OpeningPanel
from audit_lab.widgets.page import exact, facts, listed, note, page, paragraph, section, table

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.replay.environment.exploration import Exploration, Side

__all__ = ["ExplorationView"]

_ROWS = {
    "prediction_id": "Prediction",
    "score_a": "Score A",
    "score_b": "Score B",
    "absolute_difference": "Distance",
    "ulps": "Steps between floats",
    "label_a": "Label A",
    "label_b": "Label B",
    "decision_a": "Decision A",
    "decision_b": "Decision B",
}
_DIFFERENCES = {"field": "What", "recorded": "A", "present": "B", "sentence": "What that is"}
_FARTHEST, _DECIDED = "Farthest apart", "Decided otherwise"
_MOST_ROWS = 25
_SAME = {True: "the same", False: "not the same", None: "not known of both"}


class ExplorationView(OpeningPanel):
    """Sentence, the inputs whose outputs part, whose decisions open, and how the sides differ; a dropdown for which.

    Parameters
    ----------
    exploration
        What ``log.explore(...)`` returned.
    """

    controls = ("rows_shown", "opened", "decision", "stored")

    def __init__(self, exploration: Exploration) -> None:
        self._exploration = exploration
        options = [_FARTHEST, _DECIDED] if exploration.table["decision_differs"].any() else [_FARTHEST]
        self.rows_shown = ipywidgets.Dropdown(options=options, description="Inputs")
        self._content, listing = ipywidgets.HTML(), self._opening()
        drawer, self._code = self._code_drawer()
        self.rows_shown.observe(self._refresh, names="value")
        super().__init__([self.rows_shown, self._content, listing, drawer])
        self._refresh()

    @property
    def subject(self) -> Exploration:
        """The exploration."""
        return self._exploration

    def parts(self) -> list[str]:
        """Return the sentence, the chosen inputs, what differs between the sides, and the decisions that are opened."""
        return [*self._shown(), *self.listing.parts()]

    def _shown(self) -> list[str]:
        found = self._exploration
        mattering = [each.to_dict() for each in found.differences if each.matters]
        others = len(found.differences) - len(mattering)
        more = f"{others:,} further differences, none of which a score passes through: exploration.differences."
        return [
            note(found.summary, bad=found.differing.height > 0),
            section(*self._parted()),
            section("What differs between the two", table(mattering, _DIFFERENCES)),
            paragraph(more if others else ""),
            section("The two sides", facts([*_side("A", found.sides[0]), *_side("B", found.sides[1])])),
            paragraph(f"Processor features and linear algebra are {_SAME[found.same_numerics]}."),
        ]

    def text(self) -> str:
        """Return both sides and the sentence, and the differences that matter, one a line."""
        found = self._exploration
        mattering = [each.sentence for each in found.differences if each.matters]
        return "\n".join([f"A: {found.sides[0]}; B: {found.sides[1]}", found.summary, *mattering])

    def code(self) -> str:
        """Return the Python that runs the same again and shows what is shown; it can be said of inputs of a log."""
        asked = self._exploration.asked
        if not asked:
            return (
                "import audit_lab as al\n\n"
                "# exploration = audit_lab.replay.environment.exploration.explore(...), with inputs of no log\n"
                f"{self._showing('exploration')}\n"
            )
        versions = [repr(asked[name]) for name in ("version", "other") if asked[name] is not None]
        given = [*versions, *narrowed(asked), f"rows={asked['rows']}"]
        shown = "\n".join([*self.listing.code(), self._showing("exploration")])
        return asking_again("exploration", "log.explore", given, asked, shown)

    def _ordered(self) -> pl.DataFrame:
        """Return the rows of the chosen inputs, those first that are farthest apart."""
        differing = self._exploration.differing
        if self.rows_shown.value == _DECIDED:
            differing = differing.filter("decision_differs")
        return differing.sort("absolute_difference", descending=True, nulls_last=True, maintain_order=True)

    def _parted(self) -> tuple[str, str]:
        ordered = self._ordered()
        count = ordered.height
        rows = [{name: exact(value) for name, value in row.items()} for row in ordered.head(_MOST_ROWS).to_dicts()]
        title = f"{self.rows_shown.value}: {count:,} inputs"
        if count > _MOST_ROWS:
            title = f"{self.rows_shown.value}, the first {_MOST_ROWS} of {count:,} inputs"
        return title, table(rows, _ROWS) or listed(["Every output has the same bits."])

    def _refresh(self, _: Any = None) -> None:
        ids = self._ordered()["prediction_id"].head(_MOST_ROWS)
        self.listing.name(f"Decisions: {self.rows_shown.value.lower()}", ids, self._exploration.decisions_of)
        self._content.value = page(self._shown())
        self._code.value = self._shown_code()


def _side(name: str, side: Side) -> list[tuple[str, Any]]:
    isolation = ", ".join(f"{what} {value}" for what, value in side.isolation.items())
    return [(name, str(side)), (f"{name} was isolated by", isolation)]

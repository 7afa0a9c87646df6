"""The view of comparable cases: the decision beside the nearest ones, and in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.charts.comparable import comparable_table
from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.page import facts, listed, page, paragraph, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.replay.comparable_cases import Comparable

__all__ = ["ComparableView", "asking", "who_was_alike"]

_CASES = {
    "rank": "Case",
    "prediction_id": "Prediction",
    "occurred_at": "At",
    "model_version": "Version",
    "score": "Score",
    "decision": "Decided",
    "final_decision": "Stands by now",
    "distance": "Distance",
    "differing": "Features that differ",
}
_DIFFERENCES = {
    "feature": "Feature",
    "this": "This decision",
    "other": "The case",
    "unit": "Unit",
    "part": "Difference",
}


class ComparableView(Panel):
    """Sentences, the table of values with differing ones shaded, and one case in numbers.

    Parameters
    ----------
    comparable
        What ``decision.comparable(...)`` returned.
    """

    controls = ("case",)

    def __init__(self, comparable: Comparable) -> None:
        self._comparable = comparable
        cases = comparable.cases.select("rank", "prediction_id").rows()
        self.case = ipywidgets.Dropdown(
            options=[(spelled(f"{rank}: {name}"), rank) for rank, name in cases], description="Case"
        )
        self._overview = ipywidgets.HTML(page(self._whole()))
        self._detail = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        self.case.observe(self._refresh, names="value")
        super().__init__([self._overview, self.case, self._detail, drawer])
        self._refresh()

    @property
    def subject(self) -> Comparable:
        """The comparable cases."""
        return self._comparable

    def parts(self) -> list[str]:
        """Return sentences, picture and cases, then what the chosen case differs in."""
        return [*self._whole(), *self._chosen()]

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


def who_was_alike(found: Comparable) -> list[str]:
    """Return the sentences, the picture and the table of comparable cases, as HTML."""
    times = pl.col("occurred_at").dt.strftime("%Y-%m-%d %H:%M:%S")
    rows = found.cases.with_columns(times).to_dicts()
    return [
        section("Who was alike?", listed(found.summary())),
        picture(_chart(found), found.summary()[1]) if rows else "",
        section("Cases", table(rows, _CASES)),
    ]


def asking(found: Comparable) -> str:
    """Return the Python that asks for the same comparable cases of a `decision`."""
    asked = found.asked
    given = [f"{asked['k']}", f"decided_otherwise={asked['decided_otherwise']}"]
    given += [f"same_version={asked['same_version']}", f"as_of={asked['as_of']!r}"]
    given += [f"features={asked['features']!r}"]
    if asked["window"] is not None:
        given.append(f"window={tuple(asked['window'])!r}")
    return f"decision.comparable({', '.join(given)})"


def _chart(found: Comparable) -> Any:
    word = f"decided otherwise than {found.decision}" if found.asked["decided_otherwise"] else "whatever was decided"
    return comparable_table(
        found.cases,
        found.differences,
        decision=found.decision,
        title=f"The nearest cases {word}",
        subtitle=[f"{found.prediction_id}; {found.candidates:,} decisions came into question:", found.scope],
    )

"""The view of many decisions: what they are, what is missing, and one of them with all around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from audit_lab.widgets.asking import asking_again, narrowed
from audit_lab.widgets.decision import DecisionView
from audit_lab.widgets.page import choice, listed, page, paragraph, section, table
from audit_lab.widgets.panel import Panel
from audit_lab.widgets.source import stored_parts, stored_toggle

if TYPE_CHECKING:
    from audit_lab.face.decisions import Decisions

__all__ = ["DecisionsView"]

_ROWS = {
    "prediction_id": "Prediction",
    "occurred_at": "At",
    "model_version": "Version",
    "score": "Score",
    "decision": "Decided",
    "final_decision": "Stands by now",
    "outcome_label": "Outcome",
    "gaps": "Gaps",
    "findings": "Findings",
}
_TIMELINE = {
    "at": "At",
    "what": "What",
    "prediction_id": "Prediction",
    "model_version": "Version",
    "told": "What happened",
}
_AMBIGUOUS = {"asked": "Asked for", "place": "Place that can be asked for"}
_MOST_ROWS = 25
#: So many ids are written out in the code; for more it counts on a variable with them.
_MOST_IDS = 50


class DecisionsView(Panel):
    """Sentences and the first decisions, with a dropdown for the one that is shown whole, and a button for its bytes.

    Parameters
    ----------
    decisions
        What ``log.decisions(...)`` or ``log.subject(...)`` returned.
    most
        So many can be shown whole, the first ones.
    """

    controls = ("decision", "stored")

    def __init__(self, decisions: Decisions, most: int = _MOST_ROWS) -> None:
        self._decisions = decisions
        numbered = decisions.frame.with_row_index("row").filter("found").head(most)
        options = [(choice(name), number) for number, name in numbered.select("row", "place").iter_rows()]
        self.decision = ipywidgets.Dropdown(options=[("none", None), *options], value=None, description="Decision")
        self.stored = stored_toggle()
        self.stored.layout.display = "none"
        self._detail = ipywidgets.HTML()
        drawer, self._code = self._code_drawer()
        super().__init__([ipywidgets.HTML(page(self._overview())), self.decision, self._detail, self.stored, drawer])
        for control in (self.decision, self.stored):
            control.observe(self._refresh, names="value")
        self._refresh()

    @property
    def subject(self) -> Decisions:
        """The decisions."""
        return self._decisions

    def parts(self) -> list[str]:
        """Return sentences and tables, then the chosen decision, with its stored rows where they are shown."""
        return [*self._overview(), *self._chosen()]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._decisions.summary())

    def code(self) -> str:
        """Return the Python that asks for the same decisions, and shows them with the chosen one."""
        shown = self._showing("decisions")
        asked = self._decisions.asked
        ids = asked.ids
        if ids is not None and ids.len() > _MOST_IDS:
            made = asking_again("decisions", "log.decisions", ["ids"], {}, shown)
            return made.replace("\n\n", f"\n\n# ids: {asked.words}\n", 1)
        if ids is not None:
            return asking_again("decisions", "log.decisions", [repr(ids.to_list())], {}, shown)
        question: dict[str, Any] = {
            "since": None if asked.since is None else asked.since.isoformat(),
            "until": None if asked.until is None else asked.until.isoformat(),
            "model": asked.model,
        }
        first = []
        if isinstance(asked.what, str):
            first = [repr(asked.what)]
        elif asked.what is not None:
            question["by_polars"] = str(asked.what)
            first = ["expression"]
        given = [each for each in narrowed(question) if not each.startswith("expression=")]
        given += [f"{name}={value!r}" for name in ("subject", "limit") if (value := getattr(asked, name)) is not None]
        return asking_again("decisions", "log.decisions", [*first, *given], question, shown)

    def _refresh(self, _: Any = None) -> None:
        self.stored.layout.display = "none" if self.decision.value is None else None
        self._detail.value = page(self._chosen())
        self._code.value = self._shown_code()

    def _overview(self) -> list[str]:
        found = self._decisions
        there = found.frame.filter("found")
        whole = found.asked.subject is not None
        left = there.height - _MOST_ROWS
        timeline = found.timeline if whole else pl.DataFrame()
        missing, several = found.missing, found.ambiguous
        return [
            section("What they are", listed(found.summary())),
            section("Decisions", table(_told(there, "occurred_at"), _ROWS)),
            paragraph(f"{left:,} more are in decisions.frame." if left > 0 else ""),
            section("In order of time", table(_told(timeline, "at"), _TIMELINE)),
            paragraph(_more(timeline.height, "decisions.timeline")),
            section("Not in the log", listed(list(missing[:_MOST_ROWS]))),
            paragraph(_more(len(missing), "decisions.missing")),
            section("In several places", table(several.head(_MOST_ROWS).to_dicts(), _AMBIGUOUS)),
            paragraph(_more(several.height, "decisions.ambiguous")),
        ]

    def _chosen(self) -> list[str]:
        number = self.decision.value
        if number is None:
            return []
        decision = self._decisions[number]
        return [*DecisionView(decision).parts(), *(stored_parts(decision) if self.stored.value else [])]


def _told(rows: pl.DataFrame, at: str) -> list[dict[str, Any]]:
    """Return the first rows, with their times as people write them."""
    if rows.is_empty():
        return []
    return rows.head(_MOST_ROWS).with_columns(pl.col(at).dt.strftime("%Y-%m-%d %H:%M:%S")).to_dicts()


def _more(count: int, where: str) -> str:
    return f"{count - _MOST_ROWS:,} more are in {where}." if count > _MOST_ROWS else ""

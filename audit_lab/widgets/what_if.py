"""The view of a what-if: sentences, picture, inputs with the changed ones marked, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.beside import what_if_specification
from audit_lab.explain.describing import amount_text
from audit_lab.explain.what_if.state import value_words
from audit_lab.widgets.page import exact, facts, listed, note, page, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from audit_lab.explain.what_if import WhatIf

__all__ = ["WhatIfView"]

_MARK = "\N{BLACK CIRCLE}"
_INPUTS = {
    "mark": "Changed",
    "feature": "Feature",
    "recorded": "Recorded",
    "value": "In this state",
    "contribution": "Contribution",
    "changed_contribution": "In this state ",
    "difference": "Difference",
}
_SIDES = {"side": "", "score": "Score", "label": "Label", "rule": "Rule", "decision": "Decision", "refused": "Refused"}
_NAMES = {"recorded": "As recorded", "original": "Run again", "changed": "Changed"}


class WhatIfView(Panel):
    """Sentences, picture, both sides, inputs, and the code that makes this state; nothing in it can be changed.

    Parameters
    ----------
    found
        What ``decision.what_if(...)`` returned.
    """

    def __init__(self, found: WhatIf) -> None:
        self._found = found
        self._content = ipywidgets.HTML(page(self.parts()))
        drawer, _ = self._code_drawer()
        super().__init__([self._content, drawer])

    @property
    def subject(self) -> WhatIf:
        """The what-if."""
        return self._found

    def parts(self) -> list[str]:
        """Return the headline, sentences, picture, both sides, inputs, reasons and what it rests on."""
        found = self._found
        return [
            note(found.headline, bad=not (found.replays and found.repeats and found.is_answered)),
            section("What if?", listed(found.summary())),
            picture(what_if_specification(found), found.headline),
            section("Step by step", table(_sides(found), _SIDES) + facts([("Threshold", exact(found.threshold))])),
            section("Inputs", table(_inputs(found), _shown_columns(found))),
            section("What it rests on", facts(_grounds(found))),
        ]

    def text(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join(self._found.summary())

    def code(self) -> str:
        """Return the Python that reproduces this state."""
        return self._found.code()


def _sides(found: WhatIf) -> list[dict[str, Any]]:
    rows = found.sides.iter_rows(named=True)
    return [{**row, "side": _NAMES[row["side"]], "score": exact(row["score"])} for row in rows]


def _inputs(found: WhatIf) -> list[dict[str, Any]]:
    before = found.original_attribution
    rows = []
    for each, row in zip(found.inputs, found.rows.iter_rows(named=True), strict=True):
        numbers = {
            name: "" if before is None or row[name] is None else amount_text(before, row[name])
            for name in ("contribution", "changed_contribution", "difference")
        }
        rows.append(
            {
                "mark": _MARK if each.is_changed else "",
                "feature": each.feature,
                "recorded": value_words(each.recorded, each.unit),
                "value": value_words(each.value, each.unit) if each.is_changed else "",
                **numbers,
            }
        )
    return rows


def _shown_columns(found: WhatIf) -> dict[str, str]:
    left_out = set() if found.changes else {"value", "mark", "changed_contribution", "difference"}
    if found.original_attribution is None:
        left_out |= {"contribution", "changed_contribution", "difference"}
    return {name: heading for name, heading in _INPUTS.items() if name not in left_out}


def _grounds(found: WhatIf) -> list[tuple[str, Any]]:
    before, after = found.original_attribution, found.changed_attribution
    return [
        ("Prediction", found.place),
        ("Artifact (SHA-256)", found.artifact_sha256),
        ("Replay of the original", f"{found.replay_code}: {found.replay_why}"),
        ("Explained by", None if before is None else f"{before.algorithm}; {before.library} {before.library_version}"),
        ("Background", None if before is None else before.background.description),
        ("Attribution of the original (SHA-256)", None if before is None else before.digest),
        ("Attribution of this state (SHA-256)", None if after is None else after.digest),
        ("Environment", found.environment),
        ("Isolation", ", ".join(f"{name}: {value}" for name, value in sorted(found.isolation.items()))),
        ("Notes", " ".join(found.notes)),
        ("This state (SHA-256)", found.digest),
    ]

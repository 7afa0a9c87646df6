"""The view of a what-if: a control for each input, and of each answer sentences, picture, inputs and grounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.charts.beside import what_if_specification
from audit_lab.errors import MisuseError
from audit_lab.explain.describing import amount_text
from audit_lab.explain.what_if.state import value_words
from audit_lab.face.what_if_again import Offered
from audit_lab.widgets.errand import Errand
from audit_lab.widgets.input_control import InputControl, is_too_long
from audit_lab.widgets.page import cut, exact, facts, listed, note, page, paragraph, picture, section, table
from audit_lab.widgets.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.explain.what_if import Input, WhatIf

__all__ = ["WhatIfView"]

#: So many inputs have a control, and so many are named as not asked yet.
_MOST_CONTROLS, _MOST_NAMED, _LONGEST_NAME = 60, 5, 60
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
    """A control for each input, which the model is asked with anew; the answer, and the code that makes it.

    The library is asked, as ``found.change(...)`` asks it: in the sandbox, and beside everything else that the kernel
    does. What is shown, kept and handed out as code is always the last answer, whatever the controls say by then.

    Parameters
    ----------
    found
        What ``decision.what_if(...)`` returned. Where that cannot be asked again, it is shown without controls.
    """

    #: The inputs that were changed in the answer that is shown: feature to value.
    controls = ("changes",)

    def __init__(self, found: WhatIf) -> None:
        self._found, self._has_ranges = found, False
        self.inputs: dict[str, InputControl] = {}
        self.errand, self._reading = Errand(), Errand()
        self.ask = ipywidgets.Button(
            description="Ask the model", button_style="primary", tooltip="Run the inputs above through the model"
        )
        self.reset = ipywidgets.Button(
            description="As recorded", tooltip="Put the recorded inputs back into the controls"
        )
        self._form = ipywidgets.VBox([], layout=ipywidgets.Layout(max_height="420px", overflow="auto"))
        self._pending, self._content = ipywidgets.HTML(), ipywidgets.HTML(page(self.parts()))
        drawer, self._code = self._code_drawer()
        asking = [self._form, ipywidgets.HBox([self.ask, self.reset]), self._reading, self.errand, self._pending]
        super().__init__([*(asking if found.again is not None else []), self._content, drawer])
        if found.again is not None:
            kinds = getattr(found.again, "kinds", None)
            self._make_form({} if kinds is None else kinds())
        self.ask.on_click(self._asked)
        self.reset.on_click(self._put_back)

    @property
    def subject(self) -> WhatIf:
        """The what-if that is shown: the last answer."""
        return self._found

    def settle(self) -> None:
        """Wait for the answer that is asked for."""
        self.errand.wait()

    @property
    def is_settled(self) -> bool:
        """Whether no answer is asked for."""
        return not self.errand.is_running

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

    def _choose(self, name: str, value: Any) -> None:  # noqa: ARG002 - there is one control
        """Ask the model with other inputs, as the button does, and wait for its answer."""
        again = self._found.again
        if again is None:
            raise MisuseError("This what-if cannot be asked again", "Show what decision.what_if(...) returns.")
        self._answered(again(dict(value)))
        for feature, control in self.inputs.items():
            control.set(value.get(feature, control.recorded))
        self._given()

    def _chosen_in(self, name: str) -> Any:  # noqa: ARG002 - there is one control
        """Return what was changed in the answer that is shown."""
        return dict(self._found.changes)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show the view; what the log has of each input is read meanwhile, and gives numbers their sliders."""
        offered = getattr(self._found.again, "offered", None)
        if offered is not None and not self._has_ranges:
            self._has_ranges = True
            self._reading.start("The values on record are read", lambda _: offered(), self._make_form)
        return super()._repr_mimebundle_(**kwargs)

    def _make_form(self, offered: Mapping[str, Offered]) -> None:
        """Make the controls; what was given in those before stands in these."""
        given = {name: control.value for name, control in self.inputs.items()}
        shown, left_out = _controlled(self._found)
        self.inputs = {}
        for each in shown:
            value = given.get(each.feature, each.value)
            known = offered.get(each.feature) or Offered(_kind(each.recorded if each.recorded is not None else value))
            self.inputs[each.feature] = InputControl(replace(each, value=value), known, self._given)
        more = f"{left_out:,} more inputs, or texts too long for a browser, can be changed by found.change({{...}})."
        said = [ipywidgets.HTML(page([paragraph(more)]))] if left_out else []
        self._form.children = [*self.inputs.values(), *said]

    def _changes(self) -> dict[str, Any]:
        """Return what the controls say: feature to value, beside those changes that have no control."""
        kept = {name: value for name, value in self._found.changes.items() if name not in self.inputs}
        return kept | {name: control.value for name, control in self.inputs.items() if control.is_changed}

    def _given(self) -> None:
        """Say what of the controls is not in the answer yet."""
        asked, shown = self._changes(), self._found.changes
        apart = [name for name in self.inputs if (name in asked, asked.get(name)) != (name in shown, shown.get(name))]
        named = ", ".join(cut(name, _LONGEST_NAME) for name in apart[:_MOST_NAMED])
        more = f" and {len(apart) - _MOST_NAMED} more" if len(apart) > _MOST_NAMED else ""
        said = f"Not in the answer below yet: {named}{more}. Ask the model."
        self._pending.value = page([note(said)]) if apart else ""

    def _put_back(self, _: Any) -> None:
        for control in self.inputs.values():
            control.set(control.recorded)
        self._given()

    def _asked(self, _: Any) -> None:
        again, changes = self._found.again, self._changes()
        if again is not None:
            self.errand.start("The model is asked", lambda _: again(changes), self._answered)

    def _answered(self, found: WhatIf) -> None:
        self._found = found
        self._content.value = page(self.parts())
        self._code.value = self._shown_code()
        self._given()


def _controlled(found: WhatIf) -> tuple[list[Input], int]:
    """Return the inputs that have a control, in the model's order, and how many have none.

    Of very many inputs these are the changed ones, then those with the largest contributions.
    """
    size = {name: abs(value or 0.0) for name, value in found.rows.select("feature", "contribution").iter_rows()}
    able = [each for each in found.inputs if not is_too_long(each)]
    first = sorted(able, key=lambda each: (not each.is_changed, -size[each.feature]))[:_MOST_CONTROLS]
    names = {each.feature for each in first}
    return [each for each in able if each.feature in names], len(found.inputs) - len(names)


def _kind(value: Any) -> str:
    """Return the type of a value, where no signature says it."""
    kinds = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(value), "str")


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

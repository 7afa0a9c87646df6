"""The control of one input of a model: a number with a slider, a list, or a text, and whether it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from audit_lab.seal.hidden_letters import spelled
from audit_lab.widgets.page import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.explain.what_if import Input
    from audit_lab.face.what_if_again import Offered

__all__ = ["InputControl", "is_too_long"]

_LONGEST_NAME, _LONGEST_OPTION = 60, 90
#: Texts beyond this are not sent to the browser, and so cannot be edited there.
_LONGEST_TEXT = 2_000
_STEPS = 200
_NAMED = {"description_width": "240px"}
_WIDE, _SLIDER, _TICK = (ipywidgets.Layout(width=width) for width in ("460px", "220px", "100px"))
_MISSING = ("missing", None)


class InputControl(ipywidgets.HBox):
    """Lets one input be given another value of its type; what is given is checked by the library when it is asked.

    Parameters
    ----------
    given
        The input, recorded and in the state that is shown.
    offered
        Its type, and what the signature and the log know of its values.
    told
        Called when another value is given.
    """

    def __init__(self, given: Input, offered: Offered, told: Callable[[], object]) -> None:
        self.feature, self.recorded, self._told = given.feature, given.recorded, told
        self._quiet = False
        name = spelled(cut(f"{given.feature} ({given.unit})" if given.unit else given.feature, _LONGEST_NAME))
        self.field, self._without = _field(given, offered, name)
        self.slider = _slider(offered) if offered.kind in {"float", "int"} else None
        self.missing = ipywidgets.Checkbox(
            value=given.value is None, description="missing", indent=False, layout=_TICK, tooltip=f"{name} is missing"
        )
        said = ipywidgets.HTML(_range(offered))
        listed = isinstance(self.field, ipywidgets.Dropdown)
        parts = [self.field, self.slider, None if listed else self.missing, said if self.slider else None]
        super().__init__([each for each in parts if each is not None])
        self.set(given.value)
        self.field.observe(self._changed, names="value")
        self.missing.observe(self._changed, names="value")
        if self.slider is not None:
            self.slider.observe(self._slid, names="value")

    @property
    def value(self) -> Any:
        """What the input is given; None for missing."""
        if isinstance(self.field, ipywidgets.Dropdown):
            return self.field.value
        return None if self.missing.value else self.field.value

    @property
    def is_changed(self) -> bool:
        """Whether that is not what was recorded."""
        return self.value != self.recorded or isinstance(self.value, bool) != isinstance(self.recorded, bool)

    def set(self, value: Any) -> None:
        """Show a value, without telling of it."""
        self._quiet = True
        try:
            if isinstance(self.field, ipywidgets.Dropdown):
                self.field.value = value
                return
            self.missing.value = value is None
            self.field.value = self._without if value is None else value
            self._slide()
        finally:
            self._quiet = False
        self.field.disabled = value is None

    def _changed(self, _: Any) -> None:
        if self._quiet:
            return
        self.field.disabled = not isinstance(self.field, ipywidgets.Dropdown) and self.missing.value
        self._quiet = True
        try:
            self._slide()
        finally:
            self._quiet = False
        self._told()

    def _slid(self, change: dict[str, Any]) -> None:
        if self._quiet:
            return
        self._quiet = True
        try:
            self.field.value, self.missing.value, self.field.disabled = change["new"], False, False
        finally:
            self._quiet = False
        self._told()

    def _slide(self) -> None:
        """Let the slider stand at the value, or at the end that lies nearest to it."""
        if self.slider is not None and isinstance(self.field.value, int | float):
            self.slider.value = min(max(self.field.value, self.slider.min), self.slider.max)


def _field(given: Input, offered: Offered, name: str) -> tuple[Any, Any]:
    """Return the field that a value is given in, and what stands in it where the value is missing."""
    looks: dict[str, Any] = {"description": name, "style": _NAMED, "layout": _WIDE}
    if offered.kind == "bool":
        return ipywidgets.Dropdown(options=[("yes", True), ("no", False), _MISSING], value=None, **looks), None
    if offered.kind == "int" and not isinstance(given.value, float):
        return ipywidgets.IntText(continuous_update=False, **looks), 0
    if offered.kind in {"float", "int"}:
        return ipywidgets.FloatText(continuous_update=False, **looks), 0.0
    if offered.texts is not None:
        own = [each for each in (given.recorded, given.value) if isinstance(each, str)]
        values = list(dict.fromkeys([*offered.texts, *own]))
        options = [(spelled(f"{number}: {cut(each, _LONGEST_OPTION)}"), each) for number, each in enumerate(values, 1)]
        if all(len(each) <= _LONGEST_OPTION for each in values):
            options = [(spelled(each), each) for each in values]
        return ipywidgets.Dropdown(options=[*options, _MISSING], value=None, **looks), None
    return ipywidgets.Text(continuous_update=False, **looks), ""


def _slider(offered: Offered) -> Any:
    """Return a slider over what is on record; None where that is no range."""
    low, high = offered.low, offered.high
    if low is None or high is None or not low < high:
        return None
    looks: dict[str, Any] = {"readout": False, "continuous_update": False, "layout": _SLIDER}
    if offered.kind == "int":
        return ipywidgets.IntSlider(min=int(low), max=int(high), value=int(low), **looks)
    return ipywidgets.FloatSlider(min=low, max=high, value=low, step=(high - low) / _STEPS, **looks)


def _range(offered: Offered) -> str:
    return "" if offered.low is None else f"{offered.low:,.6g} to {offered.high:,.6g} on record"


def is_too_long(given: Input) -> bool:
    """Return whether a text is too long to be sent to the browser and edited there."""
    return any(isinstance(each, str) and len(each) > _LONGEST_TEXT for each in (given.recorded, given.value))

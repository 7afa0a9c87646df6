"""Running the code that a view hands out, as a cell of a notebook runs it."""

from __future__ import annotations

import ast
import re
from html import unescape

import ipywidgets

CHOOSING = (ipywidgets.Dropdown, ipywidgets.ToggleButtons, ipywidgets.SelectionRangeSlider)


def shown_by(code, **names):
    """Run lines of Python, and return what the last of them shows."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    exec(compile(tree, "shown", "exec"), names)
    return eval(compile(ast.Expression(last.value), "shown", "eval"), names)


def controls_of(widget):
    """Return every control that chooses something in a widget."""
    if isinstance(widget, CHOOSING):
        return [widget]
    return [one for child in getattr(widget, "children", ()) for one in controls_of(child)]


def toggles_of(widget):
    """Return every button in a widget that stays pressed."""
    if isinstance(widget, ipywidgets.ToggleButton):
        return [widget]
    return [one for child in getattr(widget, "children", ()) for one in toggles_of(child)]


def others(control):
    """Return what a control offers besides what it says, in its order."""
    offered = [each[1] if isinstance(each, tuple) else each for each in control.options]
    return [value for value in offered if value != control.value]


def words_of(page: str) -> str:
    """Return what a reader without scripts reads in a page, without its spaces, and each picture as it is."""
    without = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    drawn = re.sub(r'<img\b[^>]*src="(data:[^"]*)"[^>]*>', r"\1", without)
    return re.sub(r"\s+", "", unescape(re.sub(r"<[^>]*>", "", drawn)))

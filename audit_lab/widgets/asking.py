"""The Python that asks a log the same question again."""

from __future__ import annotations

import ast
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["GIVEN_EXPRESSION", "asking_again", "narrowed", "question_in", "written"]

#: A polars expression cannot be written out as the Python that makes it.
GIVEN_EXPRESSION = "expression"

_NARROWING = ("expression", "since", "until", "model")
_LOG = "log"
_RUNNING = ("trust", "trusted_types")


def narrowed(asked: Mapping[str, Any]) -> list[str]:
    """Return the arguments by which a question is narrowed down, and what its models are trusted with."""
    given = [f"{name}={asked[name]!r}" for name in _NARROWING if asked.get(name) is not None]
    if asked.get("by_polars") is not None:
        given.insert(0, f"expression={GIVEN_EXPRESSION}")
    return [*given, *(f"{name}={list(asked[name])!r}" for name in _RUNNING if asked.get(name))]


def asking_again(
    name: str, call: str, arguments: Iterable[str], asked: Mapping[str, Any], shown: str | None = None
) -> str:
    """Return lines of Python that make a variable by a call, and show it.

    Parameters
    ----------
    name, call, arguments
        The variable, what is called, and with what.
    asked
        The question; where it holds a polars expression, the code counts on a variable with it, and says so.
    shown
        The Python that shows it; ``al.view(...)`` of the variable when omitted.
    """
    lines = ["import audit_lab as al", ""]
    if asked.get("by_polars") is not None:
        words = " ".join(str(asked["by_polars"]).split())
        lines.append(f"# {GIVEN_EXPRESSION} = the polars expression that was given: {words}")
    return "\n".join([*lines, f"{name} = {call}({', '.join(arguments)})", shown or f"al.view({name})", ""])


def question_in(code: str) -> str:
    """Return the question that lines of Python put to the log first: the whole call, on one line; empty for none."""
    tree = _OpenedLog().visit(ast.parse(code))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _asked_of(node) == _LOG]
    # Where a chain of calls begins at one place, the longest of them is the question.
    calls.sort(key=lambda call: (call.lineno, call.col_offset, -(call.end_lineno or 0), -(call.end_col_offset or 0)))
    return ast.unparse(calls[0]) if calls else ""


def written(value: Any) -> str:
    """Return an argument as Python that needs no import: times as ISO 8601."""
    if isinstance(value, date):
        return repr(value.isoformat())
    if isinstance(value, tuple):
        return f"({', '.join(written(each) for each in value)},)"
    return repr(value)


class _OpenedLog(ast.NodeTransformer):
    """Puts the name of the log where it is opened: a question does not depend on where a log stands."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        opens = isinstance(node.func, ast.Attribute) and node.func.attr == "open" and _asked_of(node.func) == "al"
        return ast.copy_location(ast.Name(_LOG), node) if opens else node


def _asked_of(node: ast.expr) -> str:
    """Return the name that a chain of calls and attributes begins with."""
    while isinstance(node, ast.Call | ast.Attribute):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""

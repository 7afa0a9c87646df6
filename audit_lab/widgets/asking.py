"""The Python that asks a log the same question again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["GIVEN_EXPRESSION", "asking_again", "narrowed"]

#: A polars expression cannot be written out as the Python that makes it.
GIVEN_EXPRESSION = "expression"

_NARROWING = ("expression", "since", "until", "model")
_RUNNING = ("trust", "trusted_types")


def narrowed(asked: Mapping[str, Any]) -> list[str]:
    """Return the arguments by which a question is narrowed down, and what its models are trusted with."""
    given = [f"{name}={asked[name]!r}" for name in _NARROWING if asked.get(name) is not None]
    if asked.get("by_polars") is not None:
        given.insert(0, f"expression={GIVEN_EXPRESSION}")
    return [*given, *(f"{name}={list(asked[name])!r}" for name in _RUNNING if asked.get(name))]


def asking_again(name: str, call: str, arguments: Iterable[str], asked: Mapping[str, Any]) -> str:
    """Return lines of Python that make a variable by a call, and show it.

    Parameters
    ----------
    name, call, arguments
        The variable, what is called, and with what.
    asked
        The question; where it holds a polars expression, the code counts on a variable with it, and says so.
    """
    lines = ["import audit_lab as al", ""]
    if asked.get("by_polars") is not None:
        shown = " ".join(str(asked["by_polars"]).split())
        lines.append(f"# {GIVEN_EXPRESSION} = the polars expression that was given: {shown}")
    return "\n".join([*lines, f"{name} = {call}({', '.join(arguments)})", f"al.view({name})", ""])

"""What LIKE means: ``%`` stands for any text, ``_`` for one character, everything else for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import narwhals as nw

__all__ = ["matches"]

_MEANING_IN_A_REGEX = frozenset(".^$*+?{}[]\\|()")


def matches(text: nw.Expr, pattern: str, *, any_case: bool) -> nw.Expr:
    """Return whether the whole of a text matches a pattern.

    Patterns of the common forms become plain tests, which every engine does alike and fast; others a regular
    expression made of plain characters, ``.`` and ``.*`` only, which the engines' dialects have in common.
    """
    if any_case:
        text, pattern = text.str.to_lowercase(), pattern.lower()
    inner = pattern.strip("%")
    if "_" not in inner and "%" not in inner:
        before, after = pattern.startswith("%"), pattern.endswith("%")
        if before and after:
            return text.str.contains(inner, literal=True)
        if before:
            return text.str.ends_with(inner)
        return text.str.starts_with(inner) if after else text == inner
    regex = "".join(_regex_of(character) for character in pattern)
    return text.str.contains(f"(?s)^{regex}$")


def _regex_of(character: str) -> str:
    if character == "%":
        return ".*"
    if character == "_":
        return "."
    return f"\\{character}" if character in _MEANING_IN_A_REGEX else character

"""Makes foreign text in a chart drawable: XML cannot hold every character, and some would not be seen."""

from __future__ import annotations

import re
from typing import Any

from audit_lab.seal.hidden_letters import spelled

__all__ = ["drawable"]

#: What XML 1.0 forbids (section 2.2, Char). The renderer ends the whole process when one reaches it.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Vega-Lite puts titles into the code of descriptions and escapes quotes in them, but no backslash: one before a quote
#: would end the text there, and what follows would be code. A line must not end within it either.
_ENDING = re.compile(r"[\\\n\r\u2028\u2029]")
_TITLE = "title"


def drawable(part: Any, *, is_title: bool = False) -> Any:
    r"""Return a copy of a part of a specification in which no name and no text holds what XML forbids.

    Such a character is shown by its number: ``<U+001B>``. An escape with a backslash, as the command line shows it,
    would not do: in a title, Vega-Lite turns ``\x1b`` into the character again. What nobody would see, and what turns
    the direction of text, is named like ``[U+202E]``.
    """
    if isinstance(part, str):
        shown = spelled(_FORBIDDEN.sub(_number, part))
        return _ENDING.sub(_number, shown) if is_title else shown
    if isinstance(part, dict):
        return {drawable(name): drawable(value, is_title=name == _TITLE) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [drawable(value, is_title=is_title) for value in part]
    return part


def _number(found: re.Match[str]) -> str:
    return f"<U+{ord(found[0]):04X}>"

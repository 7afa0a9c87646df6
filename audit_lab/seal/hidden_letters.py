"""Characters that nobody sees, made visible: they turn the direction of text, or stand in it without a width.

With them a text reads otherwise than it is: a name backwards, two different ids alike.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["spelled", "spelled_html", "spelling"]

_Shown = TypeVar("_Shown")

#: Controls of direction (Unicode UAX #9), and what has no width: joiners, fillers, invisible operators, tags.
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f"
)
_LETTER = re.compile(f"[{_HIDDEN}]")
#: A tag, whose values in quotes may hold anything, or a hidden letter between tags.
_TAG_OR_LETTER = re.compile(rf"""<(?:"[^"]*"|'[^']*'|[^"'>])*>|[{_HIDDEN}]""")


def spelled(text: str) -> str:
    """Return text in which each hidden character is its name in brackets, like ``[U+202E]``."""
    return text if text.isascii() else _LETTER.sub(lambda letter: f"[{_name(letter[0])}]", text)


def spelled_html(html: str) -> str:
    """Return HTML in which each hidden character is its name: marked in text, in brackets in attributes.

    `html` has no character references but those of ``html.escape``, and no ``<`` that begins no tag.
    """
    if html.isascii() or _LETTER.search(html) is None:
        return html
    return _TAG_OR_LETTER.sub(_shown, html)


def spelling(to_html: Callable[[_Shown], str]) -> Callable[[_Shown], str]:
    """Let a method that returns HTML return it as `spelled_html` does: every ``_repr_html_`` is decorated so."""

    @wraps(to_html)
    def spelled_out(shown: _Shown) -> str:
        return spelled_html(to_html(shown))

    return spelled_out


def _shown(found: re.Match[str]) -> str:
    if found[0].startswith("<"):
        return spelled(found[0])
    return f'<mark title="A character that is not seen">{_name(found[0])}</mark>'


def _name(letter: str) -> str:
    return f"U+{ord(letter):04X}"

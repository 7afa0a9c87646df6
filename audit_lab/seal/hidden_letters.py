"""Characters that nobody sees, made visible: controls, what turns the direction of text, what has no width.

With them a text reads otherwise than it is: a name backwards, two different ids alike; and a terminal that is told an
escape (``ESC [ 2 J``) clears its screen, or takes another title.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from audit_lab.seal.bounded_html import bounded_html

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["spelled", "spelled_html", "spelled_text", "spelling", "spelling_text"]

_Shown = TypeVar("_Shown")
_Told = TypeVar("_Told", str, list[str])
_Given = ParamSpec("_Given")

#: Controls (C0 without tab and ends of lines, DEL and C1), separators of lines, controls of direction (Unicode UAX #9),
#: and what has no width: joiners, fillers, invisible operators, tags.
_HIDDEN = (
    "\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
_LETTER = re.compile(f"[{_HIDDEN}]")
_LETTER_OR_RETURN = re.compile(rf"[{_HIDDEN}]|\r(?!\n)")
#: A tag, whose values in quotes may hold anything, or a hidden letter between tags.
_TAG_OR_LETTER = re.compile(rf"""<(?:"[^"]*"|'[^']*'|[^"'>])*>|[{_HIDDEN}]""")


#: So many characters of a ``repr`` are handed out, which a notebook sends beside what shows itself as HTML.
_LONGEST_REPR = 50_000
_CUT_REPR = "\N{HORIZONTAL ELLIPSIS} (cut: 50,000 of {:,} characters)"


def spelled(text: str) -> str:
    """Return text in which each hidden character is its name in brackets, like ``[U+202E]``."""
    return text if text.isascii() and text.isprintable() else _LETTER.sub(_bracketed, text)


def spelled_text(text: str) -> str:
    """Return text for a terminal, or whatever shows plain text: as `spelled`, and what goes back to a line's start."""
    return text if text.isascii() and text.isprintable() else _LETTER_OR_RETURN.sub(_bracketed, text)


def spelled_html(html: str) -> str:
    """Return HTML in which each hidden character is its name: marked in text, in brackets in attributes.

    `html` has no character references but those of ``html.escape``, and no ``<`` that begins no tag.
    """
    if _LETTER.search(html) is None:
        return html
    return _TAG_OR_LETTER.sub(_shown, html)


def spelling(to_html: Callable[[_Shown], str]) -> Callable[[_Shown], str]:
    """Let a method that returns HTML return it as `spelled_html` does, and no more of it than a browser can hold.

    Every ``_repr_html_`` is decorated so.
    """

    @wraps(to_html)
    def spelled_out(shown: _Shown) -> str:
        return spelled_html(bounded_html(to_html(shown)))

    return spelled_out


def spelling_text(to_text: Callable[_Given, _Told]) -> Callable[_Given, _Told]:
    """Let a method return its text, or its texts, as `spelled_text` does.

    Whatever a person prints is decorated so: every ``__repr__``, ``summary`` and ``describe``.
    """

    @wraps(to_text)
    def spelled_out(*given: _Given.args, **named: _Given.kwargs) -> _Told:
        told = to_text(*given, **named)
        if isinstance(told, str):
            is_long = to_text.__name__ == "__repr__" and len(told) > _LONGEST_REPR
            return spelled_text(f"{told[:_LONGEST_REPR]}{_CUT_REPR.format(len(told))}" if is_long else told)
        return [spelled_text(each) for each in told]

    return spelled_out


def _shown(found: re.Match[str]) -> str:
    if found[0].startswith("<"):
        return spelled(found[0])
    return f'<mark title="A character that is not seen">{_name(found[0])}</mark>'


def _bracketed(letter: re.Match[str]) -> str:
    return f"[{_name(letter[0])}]"


def _name(letter: str) -> str:
    return f"U+{ord(letter):04X}"

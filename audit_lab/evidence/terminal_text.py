"""Text with a terminal's colours as HTML; every other command to a terminal is left out."""

from __future__ import annotations

import re
from html import escape

__all__ = ["terminal_html"]

#: ECMA-48: a control sequence (CSI), or an operating system command up to its terminator.
_SEQUENCE = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]?")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_RENDITION = "m"
_BOLD, _NOT_BOLD, _FIRST, _DEFAULT, _FIRST_BRIGHT = 1, 22, 30, 39, 90
_EXTENDED = {38, 48}


def terminal_html(text: str) -> str:
    """Return escaped text in which the eight colours and bold are classes of a ``span``."""
    pieces, at, colour, bold = [], 0, "", False
    for sequence in _SEQUENCE.finditer(text):
        pieces.append(_span(text[at : sequence.start()], colour, bold=bold))
        at = sequence.end()
        if sequence.group(2) == _RENDITION:
            colour, bold = _after(sequence.group(1), colour, bold=bold)
    return "".join([*pieces, _span(text[at:], colour, bold=bold)])


def _after(parameters: str, colour: str, *, bold: bool) -> tuple[str, bool]:
    """Return colour and boldness after a select graphic rendition; 256 and true colours leave them as they were."""
    for part in parameters.split(";"):
        code = int(part) if part.isascii() and part.isdigit() else 0 if not part else -1
        if code in _EXTENDED:
            break
        if code == 0:
            colour, bold = "", False
        elif code in {_BOLD, _NOT_BOLD}:
            bold = code == _BOLD
        elif code == _DEFAULT:
            colour = ""
        else:
            for first in (_FIRST, _FIRST_BRIGHT):
                if first <= code < first + len(_COLOURS):
                    colour = _COLOURS[code - first]
    return colour, bold


def _span(text: str, colour: str, *, bold: bool) -> str:
    classes = [f"ansi-{colour}-fg"] * bool(colour) + ["ansi-bold"] * bold
    shown = escape(text, quote=False)
    return f'<span class="{" ".join(classes)}">{shown}</span>' if classes and text else shown

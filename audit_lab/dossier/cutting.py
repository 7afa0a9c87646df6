"""Text and lists cut to what fits on a page: shown as text, with the count of what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SHOWN_RANGES", "Cutter", "readable"]

T = TypeVar("T")

#: Characters that the fonts in the typesetter show; it holds no font for others, which are written as escapes. Latin,
#: Greek, Cyrillic, Hebrew, Arabic letters, punctuation, currencies, arrows and signs of mathematics.
SHOWN_RANGES: tuple[tuple[int, int], ...] = (
    (0x20, 0x7E),
    (0xA1, 0xAC),
    (0xAE, 0x377),
    (0x37A, 0x37F),
    (0x384, 0x38A),
    (0x38C, 0x38C),
    (0x38E, 0x3A1),
    (0x3A3, 0x482),
    (0x48A, 0x4FF),
    (0x531, 0x556),
    (0x561, 0x587),
    (0x5D0, 0x5EA),
    (0x621, 0x63A),
    (0x640, 0x655),
    (0x660, 0x669),
    (0x1E00, 0x1EFF),
    (0x2010, 0x2027),
    (0x2030, 0x2040),
    (0x2074, 0x208E),
    (0x20A0, 0x20C0),
    (0x2100, 0x211E),
    (0x2190, 0x22FF),
)

_MARK = "…"

#: No text is cut to fewer characters than this.
_FEWEST = 3


def readable(text: str, *, only_ascii: bool = False) -> str:
    """Return text on one line, with characters that are invisible, or that no font shows, as escapes.

    Nothing is left out. Control characters, and those that change the direction of what follows, are escaped; and all
    that are not ASCII, where only that is wanted.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _is_shown(c) and (c.isascii() or not only_ascii) else _escaped(c) for c in text)


@dataclass
class Cutter:
    """Cuts what goes on a page, and keeps count.

    Parameters
    ----------
    scale
        How much room there is: limits on lists and texts are multiplied by it.
    only_ascii
        Whether whatever is not ASCII is written as escapes.
    left_out
        Part to the number of its entries that are not shown, and ``texts`` to the number of texts shortened.
    """

    scale: float
    only_ascii: bool = False
    left_out: dict[str, int] = field(default_factory=dict)

    def text(self, text: str, limit: int, least: int = 40) -> str:
        """Return text as `readable`, shortened where there is no room; a mark says that it was.

        Lists grow shorter before texts do, which have their limit at one half of the scale, and so many characters at
        least while it is above one fifth.
        """
        most = max(int(least * min(1.0, 5 * self.scale)), int(limit * 2 * self.scale), _FEWEST)
        shown = readable(text[: most + 1], only_ascii=self.only_ascii)
        if len(text) <= most and len(shown) <= most:
            return shown
        self.left_out["texts"] = self.left_out.get("texts", 0) + 1
        return f"{shown[:most].rstrip()}{_MARK} [{len(text):,} characters]"

    def some(self, part: str, entries: Sequence[T], limit: int, least: int = 1) -> Sequence[T]:
        """Return so many of the first entries at a scale of 1, and count the others under the name of their part."""
        most = max(least, int(limit * self.scale))
        if len(entries) > most:
            self.left_out[part] = len(entries) - most
        return entries[:most]


def _is_shown(character: str) -> bool:
    code = ord(character)
    return any(first <= code <= last for first, last in SHOWN_RANGES) and character.isprintable()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

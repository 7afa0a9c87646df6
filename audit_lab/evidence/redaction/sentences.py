"""Withheld values within sentences: how they are written, where they stand, and texts without them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.redaction.profile import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit_lab.evidence.redaction.values import Withheld

__all__ = ["SHORTEST", "Needles", "is_sentence", "needles_of", "plain", "written"]

#: A shorter text is not looked for everywhere: it would be found everywhere.
SHORTEST = 6
#: A whole number of so many digits is rarely another number, unless so many different ones are withheld.
_TELLING_DIGITS, _MOST_TELLING = 4, 100
#: No word goes on, and no number, time, place or digest has it as a part.
_BEFORE, _AFTER = r"(?<![\w:/@#])(?<!\w-)(?<!\d[.,])", r"(?![\w:/@]|-\w|[.,]\d)"
_SPACED = re.compile(r"[_\W]+")


@dataclass(frozen=True)
class Needles:
    """What is searched for.

    Attributes
    ----------
    texts
        Text to the column whose value it is: it is searched for everywhere.
    telling
        Short numbers, to their column: they count as whole words in whatever is said.
    short
        Column to its other short values: they count as whole words beside the column's name.
    not_searched
        Sentences about what is not found so.
    """

    texts: Mapping[str, str]
    telling: Mapping[str, str] = field(default_factory=dict)
    short: Mapping[str, frozenset[str]] = field(default_factory=dict)
    not_searched: tuple[str, ...] = ()

    def in_words(self, text: str) -> set[str]:
        """Return the columns of which a short value stands as a word of a text, telling ones or beside their name."""
        words = plain(text)
        telling = set(_WORD.findall(words)) & self.telling.keys()
        found = {self.telling[each] for each in telling if _is_word(each, words)}
        for column, values in self.short.items():
            if names_column(words, column) and any(_is_word(each, words) for each in values if each in words):
                found.add(column)
        return found

    def without(self, text: str) -> str:
        """Return a sentence in which a mask stands in the place of every withheld value."""
        folded = plain(text)
        standing = [each for each in self.texts if each in folded]
        words = list(set(_WORD.findall(folded)) & self.telling.keys())
        for column, values in self.short.items():
            if names_column(folded, column):
                words += [each for each in values if each in folded]
        patterns = [re.escape(each) for each in sorted(standing, key=len, reverse=True)]
        patterns += [f"{_BEFORE}{re.escape(each)}{_AFTER}" for each in sorted(words, key=len, reverse=True)]
        if not patterns:
            return text
        return re.sub("|".join(patterns), MASK, unicodedata.normalize("NFC", text), flags=re.IGNORECASE)


#: A number as it is written, or a word: what a telling value can be.
_WORD = re.compile(r"\d[\d.,]*\d|\d|\w+")


def needles_of(withheld: Withheld) -> Needles:
    """Return the texts of withheld values, and how many are searched for beside their column's name only."""
    texts: dict[str, str] = {}
    telling: dict[str, str] = {}
    short: dict[str, frozenset[str]] = {}
    left_out = []
    names = {plain(name) for name in withheld.names}
    for column, values in sorted(withheld.values.items()):
        own = {value: {plain(text) for text in written(value)} - {""} for value in values}
        figures = {text for each in own.values() for text in each if len(re.sub(r"[.,]", "", text)) < SHORTEST}
        figures = {text for text in figures if sum(map(str.isdigit, text)) >= _TELLING_DIGITS}
        few = len(values) <= _MOST_TELLING
        beside, brief = set[str](), 0
        for each in own.values():
            usable = {text for text in each if len(text) >= SHORTEST and text not in names}
            texts |= dict.fromkeys(usable, column)
            if few:
                telling |= dict.fromkeys(each & figures, column)
            beside |= {text for text in each - usable if text not in names}
            brief += not usable and not (few and each & figures)
        if beside:
            short[column] = frozenset(beside)
        if brief:
            left_out.append(
                f"{column}: {brief:,} of its {len(values):,} withheld values are so short, or names of columns, that "
                "they were searched for as whole words beside the column's name only"
            )
    return Needles(texts, telling, short, tuple(left_out))


def written(value: Any) -> Iterator[str]:
    """Yield the ways in which a value is written."""
    if isinstance(value, bool):
        yield str(value)
    elif isinstance(value, datetime | date):
        yield value.isoformat()
        yield str(value)
    elif isinstance(value, float):
        yield repr(value)
        yield f"{value:,}"
        if value.is_integer():
            yield f"{value:.0f}"
            yield f"{value:,.0f}"
    elif isinstance(value, int):
        yield str(value)
        yield f"{value:,}"
    else:
        yield str(value)


def plain(text: str) -> str:
    """Return a text as it is compared: letter case and Unicode forms do not matter."""
    return unicodedata.normalize("NFC", text).casefold().strip()


def is_sentence(text: str) -> bool:
    """Whether a text says something, in more words than one."""
    return any(map(str.isspace, text.strip()))


def names_column(folded: str, column: str) -> bool:
    """Whether a text names a column, as it is called or in words."""
    name = plain(column)
    return name in folded or _SPACED.sub(" ", name).strip() in _SPACED.sub(" ", folded)


def _is_word(needle: str, text: str) -> bool:
    return re.search(f"{_BEFORE}{re.escape(needle)}{_AFTER}", text) is not None

"""Answers that a browser can hold: a text that is too long to be read there is cut, and says so."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LARGEST_ANSWER_BYTES", "shortened"]

#: No answer is larger, as JSON.
LARGEST_ANSWER_BYTES = 2_000_000
#: So many characters of one text are sent; where an answer's texts are more bytes, each has its share of them.
_LONGEST, _LARGEST_BYTES, _SHORTEST = 2_000, 500_000, 40
#: Names by which something is asked for again: they are cut later, for what is cut is not found by it.
_NAMES, _LONGEST_NAME = frozenset({"id", "log", "path", "place", "prediction_id"}), 8_000
#: A picture is drawn of texts that were cut before, and is none any more where it is cut itself.
_WHOLE = frozenset({"picture"})
#: So many lines of a list of texts are sent.
_MOST_LINES = 1_000
_CUT = re.compile(r"\N{HORIZONTAL ELLIPSIS} \(cut: [0-9,]+ of [0-9,]+ (characters|lines)\)\Z")
_LONGEST_REMARK = 60


def shortened(answer: Any) -> dict[str, Any]:
    """Return an answer whose texts are cut to what is shown of them, and long lists of texts to their first lines.

    Names of its fields are left as they are, and so is what was cut before.
    """
    lengths = [(min(len(text), most), text) for text, most in _texts(answer, _LONGEST)]
    size = sum(length for length, _ in lengths)
    # As JSON a character takes up to twelve bytes; how many is looked at where that could matter.
    held = size if size * 12 <= _LARGEST_BYTES else sum(_size(text[:length]) for length, text in lengths)
    share = _LONGEST_NAME
    if held > _LARGEST_BYTES:
        share = max(int(_LARGEST_BYTES / len(lengths) * size / held), _SHORTEST)
    made: dict[str, Any] = _cut(answer, _LONGEST, share)
    return made


def _size(text: str) -> int:
    return len(json.dumps(text)) - 2


def _longest(name: str) -> int:
    return _LONGEST_NAME if name in _NAMES else _LONGEST


def _texts(part: Any, most: int) -> Iterator[tuple[str, int]]:
    if isinstance(part, str):
        yield part, most
    elif isinstance(part, dict):
        for name, value in part.items():
            if name not in _WHOLE:
                yield from _texts(value, _longest(name))
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _texts(value, most)


def _cut(part: Any, most: int, share: int) -> Any:
    if isinstance(part, str):
        return _cut_text(part, min(most, share))
    if isinstance(part, dict):
        return {name: value if name in _WHOLE else _cut(value, _longest(name), share) for name, value in part.items()}
    if isinstance(part, list | tuple):
        made = [_cut(value, most, share) for value in part]
        if len(made) > _MOST_LINES + 1 and all(isinstance(value, str) for value in made):
            return [*made[:_MOST_LINES], f"\N{HORIZONTAL ELLIPSIS} (cut: {_MOST_LINES:,} of {len(made):,} lines)"]
        return made
    return part


def _cut_text(text: str, most: int) -> str:
    if len(text) <= most or (len(text) <= most + _LONGEST_REMARK and _CUT.search(text) is not None):
        return text
    return f"{text[:most]}\N{HORIZONTAL ELLIPSIS} (cut: {most:,} of {len(text):,} characters)"

"""Answers that a browser can hold: a text that is too long to be read there is cut, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["shortened"]

#: So many characters of one text are sent; where an answer holds more than so many, each has its share of them.
_LONGEST, _LARGEST, _SHORTEST = 2_000, 500_000, 40


def shortened(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer whose texts are cut to what is shown of them: itself, where none has to be.

    Names of its fields are left as they are.
    """
    lengths = [min(len(text), _LONGEST) for text in _texts(answer)]
    most = _LONGEST if sum(lengths) <= _LARGEST else max(_LARGEST // len(lengths), _SHORTEST)
    made: dict[str, Any] = _cut(answer, most)
    return made


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _texts(value)


def _cut(part: Any, most: int) -> Any:
    if isinstance(part, str) and len(part) > most:
        return f"{part[:most]}\N{HORIZONTAL ELLIPSIS} (cut: {most:,} of {len(part):,} characters)"
    if isinstance(part, dict):
        return {name: _cut(value, most) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_cut(value, most) for value in part]
    return part

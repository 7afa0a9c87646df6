"""UBJSON (draft 12) as XGBoost writes it, read without believing what it announces.

XGBoost allocates what a file says that follows; a byte that flipped in a count makes it ask for terabytes, or read on
behind the end. Here each count is held against the bytes that are left before anything is made of it.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

__all__ = ["read_ubjson"]

_DEEPEST = 64
#: A number's layout by its marker; all are big-endian.
_NUMBERS = {
    marker: struct.Struct(f">{layout}")
    for marker, layout in {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}.items()
}
_COUNTS = {marker: _NUMBERS[marker] for marker in (b"i", b"U", b"I", b"l", b"L")}
_ARRAYS = {marker: np.dtype(number.format) for marker, number in _NUMBERS.items()}
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def read_ubjson(content: bytes) -> Any:
    """Return a document; an array of one type is a NumPy array of that type, all others are lists.

    Raises
    ------
    ValueError
        It is no UBJSON, is cut off, or announces more than there is.
    """
    reader = _Reader(content)
    return reader.value(reader.take(1), _DEEPEST)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._end = len(content)
        self._place = 0

    def take(self, size: int) -> bytes:
        start, self._place = self._place, self._place + size
        if self._place > self._end:
            raise ValueError(f"at byte {start} it announces {size} bytes, and {self._end - start} are left")
        return self._content[start : self._place]

    def value(self, marker: bytes, depth: int) -> Any:
        if marker in _NUMBERS:
            return self._number(marker)
        if marker == b"S":
            return self._text()
        if marker in (b"{", b"["):
            if not depth:
                raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
            return self._object(depth - 1) if marker == b"{" else self._array(depth - 1)
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        raise ValueError(f"at byte {self._place - 1} stands {marker!r}, which begins no value")

    def _number(self, marker: bytes) -> Any:
        number = _NUMBERS[marker]
        return number.unpack(self.take(number.size))[0]

    def _count(self) -> int:
        marker = self.take(1)
        number = _COUNTS.get(marker)
        if number is None:
            raise ValueError(f"at byte {self._place - 1} stands {marker!r} instead of a count")
        count: int = number.unpack(self.take(number.size))[0]
        if count < 0:
            raise ValueError(f"at byte {self._place} it announces {count} items")
        return count

    def _text(self) -> str:
        return self.take(self._count()).decode("utf-8")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._content[self._place : self._place + 1] != b"}":
            name = self._text()
            if name in found:
                raise ValueError(f"it states {name!r} twice")
            found[name] = self.value(self.take(1), depth)
        self._place += 1
        return found

    def _array(self, depth: int) -> Any:
        following = self._content[self._place : self._place + 1]
        if following == b"$":
            return self._typed()
        if following == b"#":
            self._place += 1
            count = self._count()
            left = self._end - self._place
            if count > left:  # each value takes a byte or more
                raise ValueError(f"at byte {self._place} it announces {count} values, and {left} bytes are left")
            return [self.value(self.take(1), depth) for _ in range(count)]
        values = []
        while (marker := self.take(1)) != b"]":
            values.append(self.value(marker, depth))
        return values

    def _typed(self) -> np.ndarray[Any, Any]:
        kind, mark = self.take(2)[1:], self.take(1)
        if kind not in _ARRAYS or mark != b"#":
            raise ValueError(f"at byte {self._place} an array of {kind!r} begins, which is none of numbers")
        dtype = _ARRAYS[kind]
        return np.frombuffer(self.take(self._count() * dtype.itemsize), dtype)

"""What an ONNX file holds, read from its protocol buffer before any runtime sees it.

Only the fields that say where tensors lie, which operators are used and what a classifier's classes are; the numbers
are the ones of ``onnx.proto`` (ONNX 1.20, IR version 13). Nothing is computed and no other file is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OnnxFacts", "read_facts"]

#: For each message, the fields that hold further messages of interest.
_WITHIN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_INTS, _STRINGS, _EXTERNAL_DATA, _DATA_LOCATION = 8, 9, 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_BITS = 63
_CLASS_LABELS = (b"classlabels_strings", b"classlabels_int64s", b"classlabels_ints", b"class_labels")


class _Field(NamedTuple):
    number: int
    wire: int
    value: int | memoryview


@dataclass
class OnnxFacts:
    """Operators by domain and name, functions that the file defines, class labels, and whether data lies elsewhere."""

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    class_labels: set[tuple[str, ...]] = field(default_factory=set)
    external_data: bool = False


def read_facts(content: bytes) -> OnnxFacts:
    """Return what a model file says of itself.

    Raises
    ------
    ValueError
        It is not a protocol buffer, or is cut off.
    """
    facts = OnnxFacts()
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        texts: dict[int, bytes] = {}
        labels: list[str] = []
        for number, wire, value in _fields(message):
            if isinstance(value, memoryview):
                inner = _WITHIN[kind].get(number)
                if inner is not None:
                    waiting.append((inner, value))
                elif number in (1, 4, 7, 10) and kind in ("node", "function", "attribute"):
                    texts[number] = bytes(value)
                if kind == "attribute" and number in (_INTS, _STRINGS):
                    labels += [str(each) for each in _packed(value)] if number == _INTS else [_text(bytes(value))]
            elif kind == "attribute" and number == _INTS and wire == _VARINT:
                labels.append(str(_signed(value)))
            if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value)):
                facts.external_data = True
        _note(facts, kind, texts, labels)
    return facts


def _note(facts: OnnxFacts, kind: str, texts: dict[int, bytes], labels: list[str]) -> None:
    if kind == "node":
        facts.operators.add((_text(texts.get(7, b"")), _text(texts.get(4, b""))))
    elif kind == "function":
        facts.functions.add((_text(texts.get(10, b"")), _text(texts.get(1, b""))))
    elif kind == "attribute" and labels and texts.get(1, b"").startswith(_CLASS_LABELS):
        facts.class_labels.add(tuple(labels))


def _fields(message: memoryview) -> Iterator[_Field]:
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield _Field(number, wire, value)
            continue
        if wire == _BYTES:
            length, place = _varint(message, place)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"a field has the wire type {wire}")
        if place + length > end:
            raise ValueError("the file is cut off")
        if wire == _BYTES:
            yield _Field(number, wire, message[place : place + length])
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(message) or shift > _MOST_BITS:
            raise ValueError("the file is cut off")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, place
        shift += 7


def _packed(message: memoryview) -> list[int]:
    values, place = [], 0
    while place < len(message):
        value, place = _varint(message, place)
        values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")

"""Records of JSON out of files: one to a line, or an array that is the whole file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.capture.adapters.block import pieces
from audit_lab.capture.adapters.bodies import json_value
from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, UNDECODABLE, Chunk, Refusal
from audit_lab.capture.adapters.json_array import split_array
from audit_lab.capture.adapters.lines import DAMAGE, KEPT_BYTES, Lines, read_blocks, read_lines
from audit_lab.capture.adapters.source import open_plain
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.capture.adapters.block import Block, Sides
    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["json_chunks"]

_AT_ONCE, _BYTES_AT_ONCE = 16_384, 48_000_000


def json_chunks(
    file: SourceFile,
    start: int,
    longest: int,
    take: Callable[[bytes], Half | Refusal],
    together: Callable[[list[int], list[bytes]], Block | Sides | None] | None = None,
) -> Iterator[Chunk]:
    """Yield the records of a file, each as `take` makes something of its bytes.

    Parameters
    ----------
    file, start, longest
        The file, how many of its records are passed over, and from how many bytes on one is refused.
    take
        Makes something of one record.
    together
        Makes the same of many lines, told by their numbers; None where one of them is not of the shape that it knows.
    """
    if _is_array(file.path):
        yield from _array(file, start, longest, take)
        return
    for part in read_lines(file.path, start, longest):
        if together is None or part.refused:
            yield _one_by_one(part, take)
        else:
            yield from _many(part, take, together)


def _many(
    part: Lines,
    take: Callable[[bytes], Half | Refusal],
    together: Callable[[list[int], list[bytes]], Block | Sides | None],
) -> Iterator[Chunk]:
    def some(start: int, stop: int) -> Block | Sides | None:
        return together(part.numbers[start:stop], part.lines[start:stop])

    count = len(part.lines)
    for start, stop, made in pieces(count, some):
        numbers, lines = part.numbers[start:stop], part.lines[start:stop]
        is_last = stop == count
        next_start = part.next_start if is_last else numbers[-1]
        if made is None:
            few = Lines(numbers, lines, {}, part.last_is_open and is_last, next_start)
            yield _one_by_one(few, take)._replace(goes_on=not is_last)
        else:
            yield Chunk(numbers, lines, made, next_start, not is_last)


def _one_by_one(part: Lines, take: Callable[[bytes], Half | Refusal]) -> Chunk:
    found = [take(line) for line in part.lines]
    for place, refusal in part.refused.items():
        found[place] = refusal
    last = found[-1]
    if part.last_is_open and isinstance(last, Refusal) and last.code == UNDECODABLE and not _is_json(part.lines[-1]):
        found[-1] = Refusal(TRUNCATED, f"the file ends in the middle of a record: {last.reason}")
    return Chunk(part.numbers, part.lines, found, part.next_start)


def _is_json(line: bytes) -> bool:
    try:
        json_value(line)
    except ValueError:
        return False
    return True


def _is_array(path: Path) -> bool:
    try:
        with open_plain(path) as plain:
            return plain.read1(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    except DAMAGE:
        return False


def _array(file: SourceFile, start: int, longest: int, take: Callable[[bytes], Half | Refusal]) -> Iterator[Chunk]:
    numbers: list[int] = []
    raws: list[bytes] = []
    found: list[Half | Refusal] = []
    number = held = 0
    with open_plain(file.path) as plain:
        for elements in split_array(read_blocks(plain), longest):
            for raw in elements.raws[max(0, start - number) :]:
                refusal = elements.refusal or (_too_large(raw) if len(raw) > longest else None)
                raws.append(raw if refusal is None else raw[:KEPT_BYTES])
                found.append(take(raw) if refusal is None else refusal)
                held += len(raws[-1])
            number += len(elements.raws)
            numbers += range(number - len(raws) + len(numbers) + 1, number + 1)
            if len(raws) >= _AT_ONCE or held >= _BYTES_AT_ONCE:
                yield Chunk(numbers, raws, found, number)
                numbers, raws, found, held = [], [], [], 0
    if raws:
        yield Chunk(numbers, raws, found, number)


def _too_large(raw: bytes) -> Refusal:
    return Refusal(TOO_LARGE, f"the record has {len(raw):,} bytes, more than are read", len(raw), sha256(raw))

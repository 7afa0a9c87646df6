"""Records of JSON out of files: one to a line, or an array that is the whole file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from audit_lab.capture.adapters.block import pieces
from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, UNDECODABLE, Chunk, Refusal
from audit_lab.capture.adapters.lines import DAMAGE, KEPT_BYTES, Lines, read_lines
from audit_lab.capture.adapters.source import open_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from audit_lab.capture.adapters.block import Block, Sides
    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["LARGEST_ARRAY", "json_chunks"]

#: A file that is one array is held in memory while it is read.
LARGEST_ARRAY = 64_000_000
_AT_ONCE = 16_384
_BLOCK_BYTES = 65_536
_records = msgspec.json.Decoder(list[msgspec.Raw]).decode


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
    if part.last_is_open and isinstance(last, Refusal) and last.code == UNDECODABLE:
        found[-1] = Refusal(TRUNCATED, f"the file ends in the middle of a record: {last.reason}")
    return Chunk(part.numbers, part.lines, found, part.next_start)


def _is_array(path: Path) -> bool:
    try:
        with open_plain(path) as plain:
            return plain.read1(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["
    except DAMAGE:
        return False


def _whole(path: Path) -> tuple[bytes, str]:
    """Return the content of a file, as much as an array may have, and why a packed one cannot be read further."""
    held = bytearray()
    with open_plain(path) as plain:
        try:
            while len(held) <= LARGEST_ARRAY and (block := plain.read1(_BLOCK_BYTES)):
                held += block
        except DAMAGE as error:
            return bytes(held), str(error)
    return bytes(held), ""


def _array(file: SourceFile, start: int, longest: int, take: Callable[[bytes], Half | Refusal]) -> Iterator[Chunk]:
    held, damage = _whole(file.path)
    content = held.removeprefix(b"\xef\xbb\xbf")
    try:
        if damage:
            raise ValueError(f"it is packed, and truncated or damaged: {damage}")  # noqa: TRY301
        if len(content) > LARGEST_ARRAY:
            raise ValueError(f"the array has more than {LARGEST_ARRAY:,} bytes")  # noqa: TRY301
        records = _records(content)
    except (ValueError, RecursionError) as error:
        if start == 0:
            code = TRUNCATED if "truncated" in str(error) else UNDECODABLE
            refusal = Refusal(code, f"the file is no array of records ({error})", file.size_bytes, file.sha256)
            yield Chunk([1], [content[:KEPT_BYTES]], [refusal], 1)
        return
    for first in range(start, len(records), _AT_ONCE):
        raws = [memoryview(each).tobytes() for each in records[first : first + _AT_ONCE]]
        numbers = list(range(first + 1, first + 1 + len(raws)))
        found = [take(raw) if len(raw) <= longest else _too_large(raw) for raw in raws]
        yield Chunk(numbers, raws, found, first + len(raws))


def _too_large(raw: bytes) -> Refusal:
    return Refusal(TOO_LARGE, f"the record has {len(raw):,} bytes, more than are read")

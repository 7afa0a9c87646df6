"""Read a file line by line, whatever is in it: a line that is too long passes through without being held."""

from __future__ import annotations

import hashlib
import zlib
from gzip import GzipFile
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, Refusal
from audit_lab.capture.adapters.source import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

__all__ = ["DAMAGE", "KEPT_BYTES", "Lines", "read_blocks", "read_lines"]

#: What a packed file raises that is damaged or ends too soon.
DAMAGE = (OSError, EOFError, zlib.error)

#: Of a record that goes to quarantine, at most so many bytes are kept; its size and digest are of all of it.
KEPT_BYTES = 1 << 20

_LINES, _BYTES = 16_384, 16_000_000
#: So much of a file is read at once; of a packed one less, since of what is damaged nothing is given.
_BLOCK_BYTES, _PACKED_BYTES = 1 << 18, 8_192
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    """Lines of a file that are not blank.

    Attributes
    ----------
    numbers
        The number of each, from 1.
    lines
        The bytes of each, without its end; of one that is too long its beginning.
    refused
        Index among them to why one is no record: too long, or cut off where the packed file is damaged.
    last_is_open
        Whether the last of them ends the file without an end of line.
    next_start
        How many lines of the file were read.
    """

    numbers: list[int]
    lines: list[bytes]
    refused: dict[int, Refusal]
    last_is_open: bool
    next_start: int


def read_lines(path: Path, start: int, longest: int) -> Iterator[Lines]:
    """Yield the lines of a file behind the first `start`, some thousand at a time.

    Parameters
    ----------
    path
        The file; gzip is unpacked.
    start
        So many lines are passed over.
    longest
        A line of more bytes is refused.
    """
    numbers: list[int] = []
    lines: list[bytes] = []
    refused: dict[int, Refusal] = {}
    held, number, is_open = 0, 0, False
    for first, texts, refusal, is_open in _runs(path, longest):
        number = first + len(texts) - 1
        for at in range(max(0, start + 1 - first), len(texts), _LINES):
            some = texts[at : at + _LINES]
            if refusal is not None and some[0]:
                refused[len(lines)] = refusal
            numbers += compress(range(first + at, first + at + len(some)), some)
            lines += filter(None, some)
            held += sum(map(len, some))
            if len(lines) >= _LINES or held >= _BYTES:
                last = first + at + len(some) - 1
                yield Lines(numbers, lines, refused, is_open and last == number, last)
                numbers, lines, refused, held = [], [], {}, 0
    if lines:
        yield Lines(numbers, lines, refused, is_open, number)


def _runs(path: Path, longest: int) -> Iterator[tuple[int, list[bytes], Refusal | None, bool]]:
    """Yield the lines of a file, many at a time, without the blanks around each; from damage on, that there is damage.

    Yields the number of the first, the lines, why the first is refused (which is the only one then), and whether the
    last has no end.
    """
    number, rest, begun = 1, b"", 0
    with open_plain(path) as file:
        blocks = read_blocks(file)
        try:
            while True:
                block = next(blocks, b"")
                content = rest + block
                whole = content.rfind(b"\n") + 1
                begun += whole
                lines, rest = content[:whole].split(b"\n"), content[whole:]
                lines.pop()
                for some, refusal in _parted(lines, longest):
                    yield number, _stripped(some, number), refusal, False
                    number += len(some)
                if not block or len(rest) > longest + 1:
                    line, refusal, is_open, rest = _last(rest, blocks, longest)
                    begun += 1 + (len(line) if refusal is None else refusal.size or 0)
                    if line:
                        yield number, _stripped([line], number), refusal, is_open
                        number += 1
                    if not block:
                        return
        except DAMAGE as error:
            reason = f"the packed file is damaged from byte {begun:,} of what is packed on ({error})"
            raw = rest.strip(_BLANK)[:KEPT_BYTES]
            yield (
                number,
                [raw or b"(not readable)"],
                Refusal(TRUNCATED, reason, len(rest), rows=0, first_byte=begun),
                True,
            )


def read_blocks(file: BufferedReader | GzipFile) -> Iterator[bytes]:
    """Yield the bytes of a file; of a packed one that is damaged, all that can be read before that is raised."""
    if not isinstance(file, GzipFile):
        while block := file.read(_BLOCK_BYTES):
            yield block
        return
    held = bytearray()
    damage: Exception | None = None
    piece = b"-"
    while piece and damage is None:
        try:
            piece = file.read1(_PACKED_BYTES)
        except DAMAGE as error:
            damage = error
        else:
            held += piece
        if held and (len(held) >= _BLOCK_BYTES or not piece or damage is not None):
            yield bytes(held)
            held.clear()
    if damage is not None:
        raise damage


def _parted(lines: list[bytes], longest: int) -> Iterator[tuple[list[bytes], Refusal | None]]:
    """Yield runs of lines that are read, and each that is too long, by its beginning, alone."""
    begun = 0
    # Up to here a line and its end were always read together.
    if lines and max(map(len, lines)) > longest + 1:
        for place, line in enumerate(lines):
            if len(line) > longest + 1:
                if place > begun:
                    yield lines[begun:place], None
                yield [line[: min(longest + 2, KEPT_BYTES)]], _too_large(len(line), hashlib.sha256(line).hexdigest())
                begun = place + 1
    if len(lines) > begun:
        yield lines[begun:], None


def _last(rest: bytes, blocks: Iterator[bytes], longest: int) -> tuple[bytes, Refusal | None, bool, bytes]:
    """Return a line whose end is not in hand, why it is refused, if it has no end, and what is behind it.

    One that is too long is read to its end without holding it.
    """
    if len(rest) <= longest:
        return rest, None, True, b""
    digest, size = hashlib.sha256(rest), len(rest)
    for block in blocks:
        end = block.find(b"\n")
        text = block if end < 0 else block[:end]
        digest.update(text)
        size += len(text)
        if end >= 0:
            return rest[: min(longest + 2, KEPT_BYTES)], _too_large(size, digest.hexdigest()), False, block[end + 1 :]
    return rest[: min(longest + 2, KEPT_BYTES)], _too_large(size, digest.hexdigest()), True, b""


def _too_large(size: int, sha256: str) -> Refusal:
    return Refusal(TOO_LARGE, f"the record has {size:,} bytes, more than are read", size, sha256)


def _stripped(lines: list[bytes], number: int) -> list[bytes]:
    texts = [line.strip(_BLANK) for line in lines]
    if number == 1:
        texts[0] = texts[0].removeprefix(_BOM)
    return texts

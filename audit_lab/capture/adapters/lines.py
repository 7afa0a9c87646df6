"""Read a file line by line, whatever is in it: a line that is too long passes through without being held."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, NamedTuple

from audit_lab.capture.adapters.exchange import TOO_LARGE, TRUNCATED, Refusal
from audit_lab.capture.adapters.source import open_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = ["KEPT_BYTES", "Lines", "read_lines"]

#: Of a record that goes to quarantine, at most so many bytes are kept; its size and digest are of all of it.
KEPT_BYTES = 1 << 20

_LINES, _BYTES = 16_384, 16_000_000
_PIECE_BYTES = 1 << 20
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
    for number, text, refusal, is_open in _numbered(path, longest):
        if number <= start or not text:
            continue
        if refusal is not None:
            refused[len(lines)] = refusal
        numbers.append(number)
        lines.append(text)
        held += len(text)
        if len(lines) >= _LINES or held >= _BYTES:
            yield Lines(numbers, lines, refused, is_open, number)
            numbers, lines, refused, held = [], [], {}, 0
    if lines:
        yield Lines(numbers, lines, refused, is_open, number)


def _numbered(path: Path, longest: int) -> Iterator[tuple[int, bytes, Refusal | None, bool]]:
    """Yield each line with its number, why it is no record, and whether it has no end; nothing behind damage."""
    number = 0
    with open_plain(path) as file:
        while True:
            number += 1
            refusal = None
            try:
                line = file.readline(longest + 2)
                is_open = line[-1:] != b"\n"
                if is_open and len(line) > longest:
                    line, refusal, is_open = _rest_of(file, line)
            except (OSError, EOFError, zlib.error) as error:
                reason = f"the packed file is damaged from here on ({error})"
                yield number, b"(not readable)", Refusal(TRUNCATED, reason, 0), True
                return
            if not line:
                return
            text = line.strip(b" \t\r\n")
            yield number, text.removeprefix(_BOM) if number == 1 else text, refusal, is_open


def _rest_of(file: BinaryIO, begun: bytes) -> tuple[bytes, Refusal, bool]:
    """Read a line to its end without holding it; return its beginning, why it is refused, and whether it has no end."""
    digest, size, piece, is_open = hashlib.sha256(), 0, begun, True
    while piece and is_open:
        is_open = piece[-1:] != b"\n"
        text = piece if is_open else piece[:-1]
        digest.update(text)
        size += len(text)
        piece = file.readline(_PIECE_BYTES) if is_open else b""
    reason = f"the record has {size:,} bytes, more than are read"
    return begun[:KEPT_BYTES], Refusal(TOO_LARGE, reason, size, digest.hexdigest()), is_open

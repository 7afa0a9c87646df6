"""The file between a recorder and the log: frames that are whole or are not there, whatever stops the writer.

A spool file begins with a line that names its form and a line of JSON, its header: whose records these are, and what
holds for all of them. Then come frames. A frame's check sum tells one that a crash tore; it proves nothing to anybody,
which begins with the seal. While it is written its name ends in `OPEN`, and its writer holds a lock on it.

A writer that could not finish a frame begins another file. So a frame that is not whole and has whole ones behind it
was damaged after it was acknowledged; only what ends a file in the middle of a frame is what a crash left.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from audit_lab.capture.recorder.record_form import decoded, encoded
from audit_lab.errors import LogError
from audit_lab.log.files.disk import try_lock
from audit_lab.log.files.durable import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "CLOSED",
    "DAMAGED",
    "NOTICE",
    "OPEN",
    "QUARANTINE",
    "RECORDS",
    "Damage",
    "Frame",
    "Header",
    "SpoolFile",
    "frame_of",
    "hold",
    "is_written",
    "notice_of",
    "read_frames",
    "read_header",
]

OPEN, CLOSED = ".open", ".spool"
#: The end of the name of a file that was read as far as it is whole, and is kept for who can repair it.
DAMAGED = ".damaged"
#: The end of the name of a file beside them, with records that cannot be in the log as they are.
QUARANTINE = ".quarantine.jsonl"

#: What a frame holds: records, one after the other, or one thing to know about what is not there.
RECORDS, NOTICE = 1, 2

_FORM = b"audit_lab spool 1\n"
#: Magic, kind, records, bytes of content, sequence number of the first record; then the check sum of it all.
_HEAD = struct.Struct("<4sBIIQ")
_SUM = struct.Struct("<I")
#: The bytes and the size are flushed; times of the file need not be.
_sync = getattr(os, "fdatasync", os.fsync)
_MAGIC = b"ALF1"
_ARRAY_32 = b"\xdd"
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class Header:
    """What holds for every record of a spool file.

    Attributes
    ----------
    writer_id
        Whose sequence numbers its frames bear.
    model_name, model_version
        What scored.
    features
        The names of inputs that stand in records as an array, in its order.
    types
        Feature to the name of its type, where it was declared.
    constants
        Columns of the table predictions that are the same in all records.
    begun
        When the file was begun, in microseconds since 1970.
    redaction
        What was changed of the values before they were recorded, as the log is told; None where nothing was.
    """

    writer_id: str
    model_name: str
    model_version: str
    features: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    begun: int = 0
    redaction: dict[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """Return the first two lines of a file."""
        return _FORM + json.dumps(asdict(self), sort_keys=True).encode() + b"\n"


@dataclass(frozen=True)
class Frame:
    """A piece of a spool file: consecutive records, or a notice.

    Attributes
    ----------
    kind
        `RECORDS` or `NOTICE`.
    first
        The sequence number of the first record; of a notice, the number that the next record has.
    items
        Records, each a list in the order of `audit_lab.capture.recorder.record_form.FIELDS`; or one mapping.
    """

    kind: int
    first: int
    items: list[Any]


@dataclass(frozen=True)
class Damage:
    """A piece of a spool file that is no whole frame.

    Attributes
    ----------
    size_bytes
        How long it is.
    is_torn
        Whether it is the end of a frame that a crash did not let be finished, so that no record in it was acknowledged.
    """

    size_bytes: int
    is_torn: bool


def frame_of(first: int, records: Sequence[bytes]) -> bytes:
    """Return the frame of encoded records that bear consecutive numbers from `first` on."""
    content = b"".join((_ARRAY_32, len(records).to_bytes(4, "big"), *records))
    return _framed(RECORDS, len(records), first, content)


def notice_of(first: int, notice: dict[str, Any]) -> bytes:
    """Return the frame of something to know."""
    return _framed(NOTICE, 0, first, encoded((notice,)))


def _framed(kind: int, count: int, first: int, content: bytes) -> bytes:
    head = _HEAD.pack(_MAGIC, kind, count, len(content), first)
    return b"".join((head, _SUM.pack(zlib.crc32(content, zlib.crc32(head))), content))


class SpoolFile:
    """A spool file that is being written, by one thread.

    Parameters
    ----------
    path
        Its name while it is written, which ends in `OPEN`; there must be no such file yet.
    header
        What holds for all of its records.

    Raises
    ------
    OSError
        The disk refused.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.size = 0
        try:
            try_lock(self.handle)
            self.write(header.to_bytes())
            sync_folder(path.parent)
        except BaseException:
            os.close(self.handle)
            raise

    def write(self, content: bytes) -> None:
        """Add some frames, and return when they are on the disk; of what fails nothing is left to be read.

        Raises
        ------
        OSError
            The disk refused. What was written before is on the disk; no more can be written to this file.
        """
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self.handle, rest) :]
            _sync(self.handle)
        except OSError:
            os.ftruncate(self.handle, self.size)
            raise
        self.size += len(content)

    def close(self) -> None:
        """Give the file the name under which it is sealed."""
        self.path.rename(self.path.with_suffix(CLOSED))
        os.close(self.handle)
        sync_folder(self.path.parent)

    def forget(self) -> None:
        """Let go of the file in a forked child, whose parent goes on writing it, or where the disk refused its name."""
        with suppress(OSError):
            os.close(self.handle)


def read_header(file: BinaryIO, name: str) -> Header | None:
    """Return the header of a spool file, and leave `file` at its first frame; None where a crash tore the header.

    Raises
    ------
    LogError
        It is no spool file.
    """
    form, line = file.readline(len(_FORM)), file.readline(_LONGEST_HEADER)
    is_cut = len(line) < _LONGEST_HEADER and not line.endswith(b"\n") and _MAGIC not in line
    is_unfilled = not any(form) and not any(line) and not any(file.read())  # room that a power loss left empty
    if is_unfilled or (_FORM.startswith(form) and is_cut):
        return None
    try:
        stated = json.loads(line if form == _FORM else b"")
        return Header(**{**stated, "features": tuple(stated["features"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise LogError(f"{name} is no spool file", "Move it elsewhere: a recorder did not write it.") from error


def read_frames(file: BinaryIO) -> Iterator[Frame | Damage]:
    """Yield each whole frame from where `file` stands, and what lies between and behind them that is none."""
    content = memoryview(file.read())
    place = 0
    while place < len(content):
        found = _whole_frame(content, place)
        if found is not None:
            frame, place = found
            yield frame
            continue
        start, place = place, _next_whole(content, place + 1)
        is_torn = place == len(content) and _is_unfinished(content[start:])
        yield Damage(place - start, is_torn=is_torn)


def _whole_frame(content: memoryview, place: int) -> tuple[Frame, int] | None:
    """Return the frame that begins at a place, and where it ends; None where no whole one does."""
    begin = place + _HEAD.size + _SUM.size
    if begin > len(content):
        return None
    magic, kind, count, length, first = _HEAD.unpack_from(content, place)
    if magic != _MAGIC or begin + length > len(content):
        return None
    held = content[begin : begin + length]
    (stated,) = _SUM.unpack_from(content, place + _HEAD.size)
    if zlib.crc32(held, zlib.crc32(content[place : place + _HEAD.size])) != stated:
        return None
    try:
        items = decoded(held)
    except ValueError:
        return None
    if not isinstance(items, list) or (kind == RECORDS and len(items) != count):
        return None
    return Frame(kind, first, items), begin + length


def _next_whole(content: memoryview, place: int) -> int:
    """Return where the next whole frame begins; the end where there is none."""
    rest = bytes(content[place:])
    found = rest.find(_MAGIC)
    while found >= 0:
        if _whole_frame(content, place + found) is not None:
            return place + found
        found = rest.find(_MAGIC, found + 1)
    return len(content)


def _is_unfinished(rest: memoryview) -> bool:
    """Whether the end of a file is what a crash leaves: a frame that goes on behind it, or room that nothing filled."""
    if len(rest) < _HEAD.size + _SUM.size:
        return True
    magic, _, _, length, _ = _HEAD.unpack_from(rest)
    if magic == _MAGIC:
        return len(rest) < _HEAD.size + _SUM.size + int(length)
    return not any(rest)


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made when missing; whether it could be had is what the context gives."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield try_lock(handle)
    finally:
        os.close(handle)


def is_written(path: Path) -> bool:
    """Whether a process that lives holds the lock of an open spool file."""
    handle = os.open(path, os.O_RDWR)
    try:
        return not try_lock(handle)
    finally:
        os.close(handle)

"""Writes the archive: stored, sorted, fixed times and modes; aside, flushed, then renamed into place."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.seal.stored_zip import (
    MOST_BYTES,
    MOST_ENTRIES,
    StoredEntry,
    central_header,
    end_record,
    local_header,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

__all__ = ["FileContent", "chunks_of", "write_archive"]

_CHUNK_BYTES = 1 << 20

#: The content of a file to be packed: its bytes, where they stand, or what yields them, each time anew.
FileContent = bytes | Path | Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class _Measured:
    crc: int
    size_bytes: int


def write_archive(file: BinaryIO, contents: Mapping[str, FileContent]) -> None:
    """Write every file of `contents` into one archive; equal contents give equal bytes.

    Raises
    ------
    AuditLabError
        There are more than 10,000 files, or more than 4 GiB.
    """
    measured = {name: _measure(content) for name, content in contents.items()}
    if len(measured) > MOST_ENTRIES or sum(each.size_bytes for each in measured.values()) > MOST_BYTES:
        raise AuditLabError("The bundle is too large for one archive", "Keep smaller exhibits, or split the case")
    directory, at = [], 0
    for name in sorted(contents):
        entry = StoredEntry(name, measured[name].crc, measured[name].size_bytes, at)
        file.write(local_header(entry))
        file.writelines(chunks_of(contents[name]))
        directory.append(central_header(entry))
        at = entry.end
    file.write(b"".join(directory))
    file.write(end_record(len(directory), sum(map(len, directory)), at))


def chunks_of(content: FileContent) -> Iterator[bytes]:
    """Yield a file's content in pieces."""
    if isinstance(content, bytes):
        yield content
        return
    if not isinstance(content, Path):
        yield from content()
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _measure(content: FileContent) -> _Measured:
    crc = size_bytes = 0
    for chunk in chunks_of(content):
        crc = zlib.crc32(chunk, crc)
        size_bytes += len(chunk)
    return _Measured(crc, size_bytes)

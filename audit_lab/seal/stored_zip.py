"""The one zip form of a bundle: stored entries, sorted names, fixed times and modes, no extras (APPNOTE 6.3, no zip64).

Equal contents give equal bytes, and a reader can build every header again and demand equality.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = [
    "CENTRAL",
    "END",
    "LOCAL",
    "MOST_BYTES",
    "MOST_ENTRIES",
    "StoredEntry",
    "central_header",
    "end_record",
    "local_header",
]

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")

#: An archive is smaller than 4 GiB, so that no zip64 record is needed.
MOST_BYTES = 2**32 - 2
MOST_ENTRIES = 10_000

_VERSION_NEEDED = 10
_MADE_BY_UNIX = 3 << 8 | 20
_FIRST_TIME, _FIRST_DATE = 0, 1 << 5 | 1
"""1980-01-01 00:00:00, the first time that a zip entry can bear."""
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True)
class StoredEntry:
    """One stored file: its name, its CRC-32, its size, and where its local header begins."""

    name: str
    crc: int
    size_bytes: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Where the file's own bytes begin."""
        return self.offset + LOCAL.size + len(self.name.encode())

    @property
    def end(self) -> int:
        """Where the next entry begins."""
        return self.data_offset + self.size_bytes


def local_header(entry: StoredEntry) -> bytes:
    """Return the header that stands before an entry's bytes."""
    name = entry.name.encode()
    fixed = (b"PK\x03\x04", _VERSION_NEEDED, 0, 0, _FIRST_TIME, _FIRST_DATE)
    return LOCAL.pack(*fixed, entry.crc, entry.size_bytes, entry.size_bytes, len(name), 0) + name


def central_header(entry: StoredEntry) -> bytes:
    """Return the entry's record in the central directory."""
    name = entry.name.encode()
    fixed = (b"PK\x01\x02", _MADE_BY_UNIX, _VERSION_NEEDED, 0, 0, _FIRST_TIME, _FIRST_DATE)
    sizes = (entry.crc, entry.size_bytes, entry.size_bytes, len(name), 0, 0)
    return CENTRAL.pack(*fixed, *sizes, 0, 0, _REGULAR_FILE, entry.offset) + name


def end_record(count: int, directory_bytes: int, directory_offset: int) -> bytes:
    """Return the record that ends the archive."""
    return END.pack(b"PK\x05\x06", 0, 0, count, count, directory_bytes, directory_offset, 0)

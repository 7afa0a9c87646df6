"""What a bundle's files are read through, whether they stand in an archive or in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from audit_lab.seal.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHUNK_BYTES", "Container", "refused"]

CHUNK_BYTES = 1 << 20


class Container(Protocol):
    """Named files, read in chunks."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        ...

    def size_bytes(self, name: str) -> int:
        """Return a file's size."""
        ...

    def chunks(self, name: str) -> Iterator[bytes]:
        """Read a file in pieces of at most `CHUNK_BYTES`."""
        ...

    def recorded_crc(self, name: str) -> int | None:
        """Return the CRC-32 that the container records for a file, if it records one."""
        ...


def refused(code: str, file: str, meaning: str) -> Finding:
    """Return a finding about the container's shape."""
    return Finding(code, file, meaning, "Do not unpack it; ask the sender for the bundle as it was exported")

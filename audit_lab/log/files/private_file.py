"""Files that only their owner can read: written durably, and overwritten where they lie before they go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from audit_lab.log.files.durable import sync_folder, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["make_private_folder", "overwrite_file", "write_private_file", "zero_ranges"]

_PIECE_BYTES = 1 << 20


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can look into; its name is on disk when this returns."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    folder.chmod(0o700)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 so that a reader sees all of it or none, whatever stops the process or the machine."""
    write_bytes(path, content, mode=0o600)


def overwrite_file(path: Path) -> None:
    """Overwrite all of a file with zeros where it lies, and flush them to disk."""
    zero_ranges(path, [(0, path.stat().st_size)])


def zero_ranges(path: Path, ranges: Iterable[tuple[int, int]]) -> None:
    """Overwrite some ranges of a file (start, length in bytes) with zeros where they lie, and flush them to disk."""
    with path.open("r+b") as file:
        for start, length in ranges:
            file.seek(start)
            for done in range(0, length, _PIECE_BYTES):
                file.write(bytes(min(_PIECE_BYTES, length - done)))
        file.flush()
        os.fsync(file.fileno())

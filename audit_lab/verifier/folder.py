"""A bundle that stands unpacked in a folder."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.seal.portable_name import colliding_names, name_fault
from audit_lab.seal.stored_zip import MOST_ENTRIES
from audit_lab.verifier.container import CHUNK_BYTES, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from audit_lab.seal.report import Finding

__all__ = ["Folder", "read_folder"]

_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_BINARY: int = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Folder:
    """The files under a folder that holds nothing but plain files."""

    path: Path
    sizes: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        return tuple(self.sizes)

    def size_bytes(self, name: str) -> int:
        """Return a file's size."""
        return self.sizes[name]

    def recorded_crc(self, name: str) -> int | None:  # noqa: ARG002 - part of Container
        """Return nothing: a folder records no checksum."""
        return None

    def chunks(self, name: str) -> Iterator[bytes]:
        """Read a file in pieces; a link put in its place meanwhile is not followed."""
        with os.fdopen(os.open(self.path / name, os.O_RDONLY | _NO_FOLLOW | _BINARY), "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def read_folder(path: Path) -> tuple[Folder | None, list[Finding]]:
    """Check a folder's shape and return it, or every finding against it; links are never followed."""
    sizes: dict[str, int] = {}
    findings: list[Finding] = []
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(path / inside) as items:
            for item in items:
                name = f"{inside}{item.name}"
                found = item.stat(follow_symlinks=False)
                fault = name_fault(name)
                if stat.S_ISLNK(found.st_mode):
                    findings.append(refused("archive.symbolic-link", name, "it is a symbolic link"))
                elif fault is not None:
                    findings.append(refused(fault[0], name, fault[1]))
                elif stat.S_ISDIR(found.st_mode):
                    waiting.append(f"{name}/")
                elif stat.S_ISREG(found.st_mode):
                    sizes[name] = found.st_size
                else:
                    findings.append(refused("archive.special-file", name, "it is no plain file"))
                if len(sizes) + len(findings) + len(waiting) > MOST_ENTRIES:
                    return None, [
                        refused("archive.too-many-entries", str(path), f"it holds more than {MOST_ENTRIES} files")
                    ]
    findings += [
        refused("archive.colliding-names", name, "some file systems cannot tell its name from another's")
        for name in colliding_names(sorted(sizes))
    ]
    return (None, findings) if findings else (Folder(path, {name: sizes[name] for name in sorted(sizes)}), [])

"""The files of a case as custody last saw them, and which of them somebody changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.custody import FileChange
from audit_lab.seal.digests import sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from audit_lab.seal.custody import CustodyLine

__all__ = ["changed_files", "digest_of"]


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; None where there is none."""
    return sha256_file(path) if path.is_file() and not path.is_symlink() else None


def changed_files(folder: Path, lines: Sequence[CustodyLine], own: Iterable[str]) -> tuple[FileChange, ...]:
    """Return the files that are other than custody left them.

    Parameters
    ----------
    folder
        The case's folder.
    lines
        Its custody record.
    own
        Names of files that a case has. One that stands there and that no line speaks of was added by hand, unless the
        record has lines of the first format, which speak of no file.

    Returns
    -------
    tuple of FileChange
        By name: the digest that custody knows last as `before`, the present one as `after`.
    """
    known: dict[str, str | None] = {}
    for line in lines:
        known |= {change.file: change.after for change in line.changes or ()}
    if all(line.changes is not None for line in lines):
        known = {**{name: None for name in own if (folder / name).exists()}, **known}
    present = {name: digest_of(folder / name) for name in known}
    return tuple(FileChange(name, known[name], present[name]) for name in sorted(known) if known[name] != present[name])

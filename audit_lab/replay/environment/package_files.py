"""The files of installed packages, as digests: what names a package's content, and whether what lies there is that.

An installer notes in ``RECORD`` each file that a wheel brought, with its digest. Beginnings with ``../`` are start-up
scripts and what lies outside of the packages' folder.
"""

from __future__ import annotations

import base64
import csv
import hashlib
from typing import TYPE_CHECKING

from audit_lab.replay.environment.fingerprint import normal_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["RUN_AT_START", "files_digest", "installed_digests", "unlike_recorded"]

#: What Python would run at every start.
RUN_AT_START = ("*.pth", "*.egg-link", "sitecustomize*", "usercustomize*")
_HASHED = ",sha256="
_NOTES, _COMPILED = ".dist-info", "__pycache__"


def files_digest(record: str) -> str:
    """Return the digest of a record's files but for what the installer made: its own notes, start-up scripts.

    Empty where the record lists none.
    """
    lines = sorted(
        line for line in record.splitlines() if _HASHED in line and f"{_NOTES}/" not in line and line[:3] != "../"
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def installed_digests(site: Path) -> dict[str, tuple[str, str]]:
    """Return version and digest of each package in a folder, by its normal name, as its record states them."""
    found = {}
    for notes in _notes_in(site):
        name, _, version = notes.name.removesuffix(_NOTES).rpartition("-")
        found[normal_name(name)] = (version, files_digest(_record(notes)))
    return found


def unlike_recorded(site: Path, recorded: Mapping[str, str]) -> list[str]:
    """Return in words where the packages in a folder are not those whose digests were recorded.

    Every file is read: what a record says of a file that is another one counts for nothing, and a file that no record
    lists is named. What the compiler made, and what was taken out because it would run at every start, is passed over.

    Parameters
    ----------
    site
        The folder that is to become the packages' folder of an interpreter.
    recorded
        Digest by normal name, as `files_digest` gives them; a package that is not among them is not wanted.
    """
    rows = [row for notes in _notes_in(site) for row in csv.reader(_record(notes).splitlines())]
    listed = {row[0]: row[1].removeprefix("sha256=") for row in rows if len(row) > 1}
    present = {name: digest for name, (_, digest) in installed_digests(site).items()}
    found = [f"{name} is not there" for name in sorted(recorded.keys() - present.keys())]
    found += [f"{name} is not recorded" for name in sorted(present.keys() - recorded.keys())]
    found += [
        f"{name} has other files"
        for name in sorted(recorded.keys() & present.keys())
        if recorded[name] != present[name]
    ]
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.is_dir() or _COMPILED in path.parts or f"{_NOTES}/" in name:
            continue
        if path.is_symlink() or listed.get(name) != _digest(path):
            found.append(f"{name} is not what its package lists")
    return found


def _notes_in(site: Path) -> Iterator[Path]:
    yield from sorted(path for path in site.glob(f"*{_NOTES}") if (path / "RECORD").is_file())


def _record(notes: Path) -> str:
    return (notes / "RECORD").read_text("utf-8", errors="replace")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

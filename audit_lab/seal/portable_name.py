"""Names of files inside a bundle: only such as mean the same file on every system."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LONGEST_NAME", "colliding_names", "name_fault", "safe_name"]

LONGEST_NAME = 240

_PORTABLE = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
_LONGEST_SAFE = 60


def name_fault(name: str) -> tuple[str, str] | None:
    """Return why a name is refused as (code, meaning), or None for a relative portable path of plain files."""
    faults = (
        ("\x00" in name, "archive.nul-in-name", "its name holds a NUL character"),
        ("\\" in name, "archive.backslash-in-name", "its name holds a backslash, a separator on some systems"),
        (name.startswith("/"), "archive.absolute-path", "its name is an absolute path"),
        (_DRIVE.match(name) is not None, "archive.drive-letter", "its name begins with a drive letter"),
        (".." in re.split(r"[/\\]", name), "archive.path-escape", "its name leads out of the folder (zip slip)"),
        (name.endswith("/"), "archive.folder-entry", "it is an entry for a folder; a bundle holds only files"),
        (len(name) > LONGEST_NAME, "archive.name-too-long", f"its name is longer than {LONGEST_NAME} characters"),
    )
    for wrong, code, meaning in faults:
        if wrong:
            return code, meaning
    parts = name.split("/")
    if _PORTABLE.fullmatch(name) is None or any(part.endswith(".") for part in parts):
        return "archive.name-not-portable", "its name is not made of letters, digits, dots, hyphens and underscores"
    if any(part.split(".")[0].lower() in _DEVICES for part in parts):
        return "archive.name-not-portable", "its name is that of a device on some systems"
    return None


def colliding_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that some file system cannot tell apart (letter case, normalisation, file and folder)."""
    seen: dict[str, str] = {}
    colliding = []
    for name in names:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
        if seen.setdefault(folded, name) != name:
            colliding.append(name)
    folders = {folded[:at] for folded in seen for at, character in enumerate(folded) if character == "/"}
    return (*colliding, *(seen[folded] for folded in sorted(folders & seen.keys())))


def safe_name(text: str, digest: str) -> str:
    """Return a portable name for any text; `digest` keeps two texts apart whose safe forms are equal."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:_LONGEST_SAFE].strip("-.")
    return safe if safe == text and name_fault(safe) is None else f"{safe or 'case'}-{digest[:8]}"

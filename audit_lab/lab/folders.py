"""Paths that a browser names, kept inside the server's root folder, and the search for logs below it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from audit_lab.errors import LogError, MisuseError, NotFoundError

__all__ = ["FoundLogs", "check_segments", "find_logs", "inside", "name_in"]

_MANIFEST = "manifest.json"
_FORMAT = "audit_lab.log"
_MANIFEST_BYTES = 4_000_000
_MAX_DEPTH = 6
_MAX_FOLDERS = 5_000
_MAX_LOGS = 200
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__"})


@dataclass(frozen=True)
class FoundLogs:
    """The folders that hold a log, in order of their path; not `complete` where the search stopped at a bound."""

    folders: tuple[Path, ...]
    complete: bool


def inside(root: Path, name: str) -> Path:
    """Return the folder that `name` means below `root`.

    Parameters
    ----------
    root
        The server's root folder, resolved.
    name
        A relative path with forward slashes, ``.`` for the root itself.

    Raises
    ------
    MisuseError
        `name` is absolute, climbs with ``..``, names a hidden folder, or a symlink on its way leads out of `root`.
    NotFoundError
        There is no such folder.
    """
    parts = PurePosixPath(name).parts
    if not name or name.startswith("/") or "\\" in name or "\0" in name or any(part.startswith(".") for part in parts):
        message = f"The path {name!r} is not a plain path below the server's folder"
        raise MisuseError(message, "Name a folder that the file browser shows, relative to the server's folder.")
    path = root.joinpath(*parts).resolve()
    if not path.is_relative_to(root):
        message = f"The path {name!r} leads out of the server's folder"
        raise MisuseError(message, "Copy the log below the server's folder, or start the server in a folder above it.")
    if not path.is_dir():
        message = f"There is no folder {name!r} below the server's folder"
        raise NotFoundError(message, "Refresh the list of logs: the folder may have been moved or renamed.")
    return path


def name_in(root: Path, folder: Path) -> str:
    """Return the name by which the browser knows a folder: relative to `root`, with forward slashes."""
    return folder.relative_to(root).as_posix()


def find_logs(root: Path) -> FoundLogs:
    """Search the folders below `root` for logs, nearest first; symlinks and hidden folders are never entered.

    The search stops at six levels, 5,000 folders or 200 logs. What lies inside a log is not searched.
    """
    found: list[Path] = []
    level = [root]
    visited = 0
    complete = True
    for depth in range(_MAX_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            visited += 1
            if visited > _MAX_FOLDERS or len(found) >= _MAX_LOGS:
                return FoundLogs(tuple(sorted(found)), complete=False)
            if _is_log(folder):
                found.append(folder)
            else:
                below.extend(_folders_in(folder))
        if depth == _MAX_DEPTH and below:
            complete = False
        level = below
    return FoundLogs(tuple(sorted(found)), complete)


def check_segments(root: Path, folder: Path) -> None:
    """Refuse a log one of whose segments lies outside `root`: by its manifest's path, or through a symlink.

    Raises
    ------
    LogError
        Names the first such segment. A manifest that cannot be read is left to `audit_lab.open` to report.
    """
    for segment in _segment_paths(folder / _MANIFEST):
        if not (folder / segment).resolve().is_relative_to(root):
            message = f"The segment {segment!r} of {name_in(root, folder)} lies outside the server's folder"
            raise LogError(message, "Do not trust this log: ask whoever wrote it for one that holds its own files.")


def _segment_paths(manifest: Path) -> list[str]:
    try:
        tables: Any = json.loads(manifest.read_bytes())["tables"].values()
        return [segment["path"] for table in tables for segment in table["segments"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []


def _is_log(folder: Path) -> bool:
    """Tell whether a folder claims to be a log; one with a broken manifest that still says so counts."""
    manifest = folder / _MANIFEST
    try:
        if manifest.is_symlink() or not manifest.is_file():
            return False
        with manifest.open("rb") as file:
            content = file.read(_MANIFEST_BYTES)
    except OSError:
        return False
    try:
        parsed = json.loads(content)
    except ValueError:
        return f'"{_FORMAT}"'.encode() in content
    return isinstance(parsed, dict) and parsed.get("format") == _FORMAT


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".") and name not in _SKIPPED]

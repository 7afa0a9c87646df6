"""Paths that a browser names, kept inside the server's root folder, and the search for logs below it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Found",
    "check_segments",
    "file_inside",
    "find_cases",
    "find_logs",
    "inside",
    "name_in",
    "place_for_results",
    "segments_in",
]

_MANIFEST = "manifest.json"
_FORMAT = "audit_lab.log"
_MANIFEST_BYTES = 4_000_000
_MAX_DEPTH = 6
_MAX_FOLDERS = 5_000
_MAX_FOUND = 200
_CASE = "case.toml"
_CASE_FORMAT = 'format = "audit_lab.case"'
_CASE_BYTES = 200
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__"})


@dataclass(frozen=True)
class Found:
    """The folders that hold what was looked for, by path; not `complete` where the search stopped at a bound."""

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
    path = _below(root, name)
    if not path.is_dir():
        message = f"There is no folder {name!r} below the server's folder"
        raise NotFoundError(message, "Refresh the list: the folder may have been moved or renamed.")
    return path


def file_inside(root: Path, name: str) -> Path:
    """Return the file that `name` means below `root`; what is refused is refused as by `inside`.

    Raises
    ------
    MisuseError
        As for `inside`.
    NotFoundError
        There is no such file.
    """
    path = _below(root, name)
    if not path.is_file():
        message = f"There is no file {name!r} below the server's folder"
        raise NotFoundError(message, "Refresh the file browser: the file may have been moved or renamed.")
    return path


def place_for_results(root: Path, name: str) -> Path:
    """Return the folder below `root` that results go into, which need not be there yet; the empty name is the root.

    Raises
    ------
    MisuseError
        As for `inside`; or it is a file, or inside a log, to which nothing is ever written.
    """
    path = _below(root, name or ".")
    if path.exists() and not path.is_dir():
        message = f"{name!r} below the server's folder is no folder"
        raise MisuseError(message, "Name another folder for the results.")
    if any(_is_log(folder) for folder in (path, *path.parents) if folder.is_relative_to(root) and folder != root):
        message = f"The folder {name!r} is inside an audit log"
        raise MisuseError(message, "Name a folder beside the log: nothing is ever written into one.")
    return path


def _below(root: Path, name: str) -> Path:
    """Return the path that a browser's name means, there or not, where it is plain and stays below `root`."""
    parts = PurePosixPath(name).parts
    if not name or name.startswith("/") or "\\" in name or "\0" in name or any(part.startswith(".") for part in parts):
        message = f"The path {name!r} is not a plain path below the server's folder"
        raise MisuseError(message, "Name a folder that the file browser shows, relative to the server's folder.")
    path = root.joinpath(*parts).resolve()
    if not path.is_relative_to(root):
        message = f"The path {name!r} leads out of the server's folder"
        raise MisuseError(message, "Copy the log below the server's folder, or start the server in a folder above it.")
    return path


def name_in(root: Path, folder: Path) -> str:
    """Return the name by which the browser knows a folder: relative to `root`, with forward slashes."""
    return folder.relative_to(root).as_posix()


def find_logs(root: Path) -> Found:
    """Search the folders below `root` for logs, nearest first; symlinks and hidden folders are never entered.

    The search stops at six levels, 5,000 folders or 200 logs. What lies inside a log is not searched.
    """
    return _search(root, _is_log, _never)


def find_cases(root: Path) -> Found:
    """Search the folders below `root` for cases, within the bounds of `find_logs`; logs and cases are not entered."""
    return _search(root, _is_case, _is_log)


def _search(root: Path, wanted: Callable[[Path], bool], closed: Callable[[Path], bool]) -> Found:
    """Search for folders that are `wanted`; neither those nor the ones that are `closed` are entered."""
    found: list[Path] = []
    level = [root]
    visited = 0
    complete = True
    for depth in range(_MAX_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            visited += 1
            if visited > _MAX_FOLDERS or len(found) >= _MAX_FOUND:
                return Found(tuple(sorted(found)), complete=False)
            if wanted(folder):
                found.append(folder)
            elif not closed(folder):
                below.extend(_folders_in(folder))
        if depth == _MAX_DEPTH and below:
            complete = False
        level = below
    return Found(tuple(sorted(found)), complete)


def _never(_: Path) -> bool:
    return False


def segments_in(folder: Path) -> tuple[str, ...]:
    """Return the paths that a log's manifest gives for its segments; none of a manifest that cannot be read."""
    return tuple(_segment_paths(folder / _MANIFEST))


def check_segments(root: Path, folder: Path, segments: tuple[str, ...] | None = None) -> None:
    """Refuse a log of which a file lies outside `root`: by its manifest's path, or through a symlink.

    Parameters
    ----------
    root
        The server's root folder, resolved.
    folder
        The log's.
    segments
        What `segments_in` returned; read again if None.

    Raises
    ------
    LogError
        Names the first such file. A manifest that cannot be read is left to `audit_lab.open` to report.
    """
    for file in (_MANIFEST, *(segments_in(folder) if segments is None else segments)):
        if not (folder / file).resolve().is_relative_to(root):
            message = f"The file {file!r} of {name_in(root, folder)} lies outside the server's folder"
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


def _is_case(folder: Path) -> bool:
    """Tell whether a folder claims to be a case; one whose file is damaged after its first lines counts."""
    about = folder / _CASE
    try:
        if about.is_symlink() or not about.is_file():
            return False
        with about.open("rb") as file:
            return _CASE_FORMAT.encode() in file.read(_CASE_BYTES)
    except OSError:
        return False


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".") and name not in _SKIPPED]

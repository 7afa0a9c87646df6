"""The manifest of a log: which segments each table has. Parsed strictly, since a log may be hostile."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.schema import INPUTS_PREFIX, SCHEMA_VERSION, TABLES
from audit_lab.log.write import MANIFEST_NAME

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Manifest", "Segment", "inside", "read_manifest"]

_FORMAT = "audit_lab.log"
_MAXIMUM_BYTES = 64_000_000


@dataclass(frozen=True)
class Segment:
    """One Parquet file of a table, as the manifest states it."""

    path: str
    rows: int
    size_bytes: int
    sha256: str
    first_time: str | None
    last_time: str | None

    @property
    def name(self) -> str:
        """The file's name without its ending, unique within a table; part of a place (``id@segment:row``)."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class Manifest:
    """What a log says of itself: origin, notes that every reader must know, and the segments of each table."""

    origin: str
    description: str
    notes: tuple[str, ...]
    tables: dict[str, tuple[Segment, ...]]
    sha256: str


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a log folder.

    Raises
    ------
    MisuseError
        `folder` is missing, is not a folder, or holds no manifest.
    LogError
        The manifest is not one, or comes from a newer schema version.
    """
    if not folder.is_dir():
        raise MisuseError(
            f"there is no folder {folder}", "Give the path of an audit log: a folder with a manifest.json."
        )
    path = folder / MANIFEST_NAME
    if not path.is_file():
        raise MisuseError(
            f"{folder} is not an audit log: it has no {MANIFEST_NAME}",
            f"For a Parquet folder that another system wrote, `audit-lab adapt {folder}` makes a mapping.",
        )
    if path.stat().st_size > _MAXIMUM_BYTES:
        raise LogError(
            f"{path} is larger than a manifest can be", "Check that this is an audit log and not another file."
        )
    content = path.read_bytes()
    try:
        return _parse(json.loads(content), hashlib.sha256(content).hexdigest(), path)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LogError(
            f"{path} is not a readable manifest ({type(error).__name__}: {str(error)[:200]})",
            "Restore it from a backup, or ask whoever wrote the log.",
        ) from error


def _parse(document: dict[str, Any], sha256: str, path: Path) -> Manifest:
    if document["format"] != _FORMAT:
        raise ValueError(f"format is {document['format']!r}, not {_FORMAT!r}")
    if document["schema_version"] != SCHEMA_VERSION:
        raise LogError(
            f"{path} has schema version {document['schema_version']!r}; this audit_lab reads {SCHEMA_VERSION}",
            "Install the audit_lab release that wrote the log, or a newer one.",
        )
    tables = {}
    for name, table in document["tables"].items():
        if name not in TABLES and not name.startswith(INPUTS_PREFIX):
            raise ValueError(f"unknown table {name!r}")
        tables[name] = tuple(_segment(entry) for entry in table["segments"])
        if len({segment.name for segment in tables[name]}) != len(tables[name]):
            raise ValueError(f"two segments of {name!r} have one name")
    paths = [segment.path for segments in tables.values() for segment in segments]
    if len(set(paths)) != len(paths):
        raise ValueError("one file is a segment of two tables")
    notes = document.get("notes", [])
    if not isinstance(notes, list):
        raise TypeError("notes is not a list")
    return Manifest(
        origin=str(document["origin"]),
        description=str(document.get("description", "")),
        notes=tuple(str(note) for note in notes),
        tables=tables,
        sha256=sha256,
    )


def _segment(entry: dict[str, Any]) -> Segment:
    rows, size = entry["rows"], entry["size_bytes"]
    if type(rows) is not int or type(size) is not int or rows < 0 or size < 0:
        raise ValueError(f"segment {entry['path']!r} states no plain row count and size")
    return Segment(
        str(entry["path"]), rows, size, str(entry["sha256"]), entry.get("first_time"), entry.get("last_time")
    )


def inside(folder: Path, relative: str) -> Path:
    """Resolve a path that a log states, refusing any that leads out of the log's folder.

    Raises
    ------
    LogError
        The path is absolute, climbs out, or passes a link that leads out.
    """
    parts = PurePosixPath(relative)
    root = folder.resolve()
    if "\\" not in relative and "\0" not in relative and not parts.is_absolute() and ".." not in parts.parts:
        path = (root / relative).resolve()
        if path.is_relative_to(root):
            return path
    raise LogError(
        f"the log {folder} names a file outside itself: {relative!r}",
        "Do not use this log before its origin is cleared: a sound log never does that.",
    )

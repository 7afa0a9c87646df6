"""The manifest of a log: which files hold which rows of each table. Parsed strictly, since a log may be hostile.

Version 1 is the manifest of a log that is not sealed, and its only index. In a sealed log (version 2) the manifest is
derived from the entries of the log's tree: a reader's shortcut, never the authority.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.schema import INPUTS_PREFIX, SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "LARGEST_MANIFEST_BYTES",
    "SEALED_SCHEMA_VERSION",
    "SEGMENT_NAME",
    "Hold",
    "Manifest",
    "Segment",
    "inside",
    "parse_manifest",
    "read_manifest",
]

LARGEST_MANIFEST_BYTES = 64_000_000

#: The schema version of a sealed log.
SEALED_SCHEMA_VERSION = 2

#: What the name of a segment of a sealed log is made of.
SEGMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

_FORMAT = "audit_lab.log"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SEALED_MEMBERS = frozenset({"format", "schema_version", "origin", "description", "notes", "tree", "tables"})
_FILE_MEMBERS = frozenset({"path", "rows", "size_bytes", "sha256", "first_time", "last_time", "holds"})
_HOLD_MEMBERS = frozenset({"segment", "first_row", "rows"})


@dataclass(frozen=True)
class Hold:
    """A run of rows of one logical segment, as it stands in a file.

    `first_row` is the first row's number in the segment, not in the file: the holds of a file stand in it one after
    another, in the order in which they are listed.
    """

    segment: str
    first_row: int
    rows: int


@dataclass(frozen=True)
class Segment:
    """One Parquet file of a table, as the manifest states it."""

    path: str
    rows: int
    size_bytes: int
    sha256: str
    first_time: str | None
    last_time: str | None
    #: What the file holds, in file order; empty for a file without rows only.
    holds: tuple[Hold, ...] = ()
    #: Of these, the segments that an earlier snapshot does not have yet; never stated by a manifest file.
    hidden: tuple[str, ...] = ()

    @property
    def shown_rows(self) -> int:
        """How many of the file's rows belong to the snapshot."""
        return self.rows - sum(hold.rows for hold in self.holds if hold.segment in self.hidden)

    @property
    def name(self) -> str:
        """The file's name without its ending; in version 1 also the name of the one segment that it holds."""
        return PurePosixPath(self.path).stem


@dataclass(frozen=True)
class Manifest:
    """What a log says of itself: origin, notes that every reader must know, and the files of each table.

    `tree_size` and `tree_root` (hexadecimal) say which state of a sealed log this is; None for a log that is not.
    """

    origin: str
    description: str
    notes: tuple[str, ...]
    tables: Mapping[str, tuple[Segment, ...]]
    sha256: str
    schema_version: int = SCHEMA_VERSION
    tree_size: int | None = None
    tree_root: str | None = None


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
    if path.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise LogError(
            f"{path} is larger than a manifest can be", "Check that this is an audit log and not another file."
        )
    return parse_manifest(path.read_bytes(), str(path))


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Parse the bytes of a manifest; `where` names them in messages.

    Raises
    ------
    LogError
        They are no manifest, or come from a newer schema version.
    """
    from audit_lab.seal.malformed import MalformedError
    from audit_lab.seal.strict_json import parse_json

    try:
        return _parse(parse_json(content, where), hashlib.sha256(content).hexdigest(), where)
    except (MalformedError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = error.message if isinstance(error, MalformedError) else f"{type(error).__name__}: {error}"
        raise LogError(
            f"{where} is not a readable manifest ({reason[:200]})",
            "Restore it from a backup, or ask whoever wrote the log.",
        ) from error


def _parse(document: dict[str, Any], sha256: str, where: str) -> Manifest:
    if document["format"] != _FORMAT:
        raise ValueError(f"format is {document['format']!r}, not {_FORMAT!r}")
    version = document["schema_version"]
    if type(version) is not int or not SCHEMA_VERSION <= version <= SEALED_SCHEMA_VERSION:
        raise LogError(
            f"{where} has schema version {version!r}; this audit_lab reads {SCHEMA_VERSION} to {SEALED_SCHEMA_VERSION}",
            "Install the audit_lab release that wrote the log, or a newer one.",
        )
    sealed = version == SEALED_SCHEMA_VERSION
    if sealed:
        _members(document, _SEALED_MEMBERS, where)
    tables = {}
    for name, table in document["tables"].items():
        if name not in TABLES and not name.startswith(INPUTS_PREFIX):
            raise ValueError(f"unknown table {name!r}")
        tables[name] = tuple((_sealed_file if sealed else _file)(entry) for entry in table["segments"])
        held = [(hold.segment, hold.first_row) for segment in tables[name] for hold in segment.holds]
        if len(set(held)) != len(held):
            raise ValueError(f"two segments of {name!r} have one name")
    paths = [segment.path for segments in tables.values() for segment in segments]
    if len(set(paths)) != len(paths):
        raise ValueError("one file is a segment of two tables, or twice of one")
    notes = document.get("notes", [])
    if not isinstance(notes, list):
        raise TypeError("notes is not a list")
    return Manifest(
        origin=str(document["origin"]),
        description=str(document.get("description", "")),
        notes=tuple(str(note) for note in notes),
        tables=tables,
        sha256=sha256,
        schema_version=version,
        tree_size=_count(document["tree"]["size"], "the tree's size") if sealed else None,
        tree_root=_digest(document["tree"]["root"], "the tree's root") if sealed else None,
    )


def _file(entry: dict[str, Any]) -> Segment:
    rows, size = entry["rows"], entry["size_bytes"]
    if type(rows) is not int or type(size) is not int or rows < 0 or size < 0:
        raise ValueError(f"segment {entry['path']!r} states no plain row count and size")
    path = str(entry["path"])
    return Segment(
        path,
        rows,
        size,
        str(entry["sha256"]),
        entry.get("first_time"),
        entry.get("last_time"),
        (Hold(PurePosixPath(path).stem, 0, rows),),
    )


def _sealed_file(entry: dict[str, Any]) -> Segment:
    where = f"the file {entry['path']!r}"
    _members(entry, _FILE_MEMBERS, where)
    times = entry["first_time"], entry["last_time"]
    if not isinstance(entry["path"], str) or not all(time is None or isinstance(time, str) for time in times):
        raise TypeError(f"{where} has a path or a time that is not text")
    holds = tuple(_hold(one, where) for one in entry["holds"])
    rows = _count(entry["rows"], where)
    if sum(hold.rows for hold in holds) != rows:
        raise ValueError(f"{where} holds other rows than it states")
    return Segment(
        entry["path"],
        rows,
        _count(entry["size_bytes"], where),
        _digest(entry["sha256"], where),
        *times,
        holds,
    )


def _hold(value: dict[str, Any], where: str) -> Hold:
    _members(value, _HOLD_MEMBERS, where)
    if not isinstance(value["segment"], str) or SEGMENT_NAME.fullmatch(value["segment"]) is None:
        raise ValueError(f"{where} holds a segment without a proper name")
    return Hold(value["segment"], _count(value["first_row"], where), _count(value["rows"], where))


def _members(value: dict[str, Any], known: frozenset[str], where: str) -> None:
    if value.keys() != known:
        raise ValueError(f"{where} has not exactly the members {', '.join(sorted(known))}")


def _count(value: Any, where: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{where} states a number that is no plain count")
    return value


def _digest(value: Any, where: str) -> str:
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise ValueError(f"{where} states no SHA-256")
    return value


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

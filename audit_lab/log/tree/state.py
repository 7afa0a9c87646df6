"""What a log's entries amount to: its keys, its segments, the files that hold them now, and what else was sealed.

The entries are the authority; the manifest is written from this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.keys.epochs import EpochKey, epoch_of
from audit_lab.log.manifest import SEALED_SCHEMA_VERSION, Hold, Manifest, Segment
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import (
    DisposalEntry,
    EraseEntry,
    GenesisEntry,
    HoldEntry,
    ModelEntry,
    PlacementEntry,
    ReleaseEntry,
    RotateEntry,
    SegmentEntry,
)
from audit_lab.seal.strict_json import canonical_json, canonical_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from audit_lab.log.tree.tree_file import LogTree
    from audit_lab.seal.entry import Entry

__all__ = ["LogState", "Sealed", "files_in_order", "manifest_bytes", "manifest_document", "manifest_of"]

_EMPTY_TABLES = '"tables":{}'
_NEXT = "Ask whoever keeps the log for its entries exactly as they were sealed; this log cannot be read by them."


@dataclass(frozen=True)
class Sealed:
    """A segment: its statement, and the number of the entry that holds it."""

    statement: SegmentEntry
    index: int


class LogState:
    """The sum of a log's entries, taken in one after another.

    Attributes
    ----------
    size
        How many entries were taken in.
    sealed_at
        The time of the last one, as it states it.
    keys
        The log's keys in the order in which they came into force.
    segments
        Table to segment name to its statement, in order of sealing.
    schemas
        Table to the digest of each schema that its segments have, to the first segment that has it.
    files
        Table to path to the file that holds rows now.
    replaced, replaced_at
        Path to table of files that hold nothing any more and were not removed; path to when that began.
    disposed
        Paths of files that were removed.
    erasures, holds, models
        Erase entries in order; holds in force by name; registered artifacts by model and version.
    writers
        Writer to the highest sequence number that a segment of its states.
    """

    def __init__(self) -> None:
        self.size = 0
        self.sealed_at = ""
        self.genesis: GenesisEntry | None = None
        self.keys: list[EpochKey] = []
        self.segments: dict[str, dict[str, Sealed]] = {}
        self.schemas: dict[str, dict[str, SegmentEntry]] = {}
        self.files: dict[str, dict[str, Segment]] = {}
        self.replaced: dict[str, str] = {}
        self.replaced_at: dict[str, str] = {}
        self.disposed: set[str] = set()
        self.erasures: list[EraseEntry] = []
        self.holds: dict[str, tuple[HoldEntry, ...]] = {}
        self.models: dict[tuple[str, str], ModelEntry] = {}
        self.writers: dict[str, int] = {}
        self._placed: set[tuple[str, str]] = set()

    @classmethod
    def fold(cls, entries: Iterable[bytes]) -> Self:
        """Take in all entries of a log, from the first one on.

        Raises
        ------
        LogError
            An entry contradicts those before it.
        MalformedError
            An entry is not one.
        """
        state = cls()
        for content in entries:
            state.take(parse_entry(content, f"Entry {state.size}"))
        return state

    @classmethod
    def at(cls, tree: LogTree, as_of: datetime | int) -> Self:
        """Return the state at an earlier moment, or at an earlier tree size.

        The rows are those of then; the files are those that hold these rows now, since a file that was replaced may be
        gone, and what was erased since is erased in every snapshot. `Segment.hidden` names the segments of a file that
        came later.

        Raises
        ------
        MisuseError
            The log was not begun then, or never had so many entries.
        """
        state = cls()
        then = 0
        for content in tree.entries():
            entry = parse_entry(content, f"Entry {state.size}")
            state.take(entry)
            if (state.size <= as_of) if isinstance(as_of, int) else (entry.sealed_at <= time_text(as_of)):
                then = state.size
        if then == 0 or (isinstance(as_of, int) and as_of != then):
            began = state.genesis.sealed_at if state.genesis else "never"
            raise MisuseError(
                f"the log {state.origin} has no state as of {as_of}",
                f"It was begun at {began} and has {state.size} entries: give a later time, or a size up to that.",
            )
        state._forget_after(then)
        return state

    @property
    def origin(self) -> str:
        """The log's name; empty before the first entry."""
        return self.genesis.origin if self.genesis else ""

    def take(self, entry: Entry) -> None:
        """Take in the next entry.

        Raises
        ------
        LogError
            It contradicts those before it.
        """
        if self.genesis is None:
            if not isinstance(entry, GenesisEntry):
                raise self._contradiction("does not begin the log, and it is the first")
            self.genesis = entry
            self.keys = [EpochKey(epoch_of(entry.sealed_at), entry.log_key, 1)]
        elif isinstance(entry, GenesisEntry):
            raise self._contradiction("begins the log again")
        if entry.origin != self.origin:
            raise self._contradiction(f"is of another log, {entry.origin}")
        if entry.sealed_at < self.sealed_at:
            raise self._contradiction(f"is dated before the one before it ({entry.sealed_at})")
        if isinstance(entry, SegmentEntry):
            self._take_segment(entry)
        elif isinstance(entry, PlacementEntry):
            self._take_placement(entry)
        else:
            self._take_other(entry)
        self.sealed_at = entry.sealed_at
        self.size += 1

    def _take_segment(self, entry: SegmentEntry) -> None:
        segments = self.segments.setdefault(entry.table, {})
        if entry.segment in segments:
            raise self._contradiction(f"states the segment {entry.table}/{entry.segment} again")
        segments[entry.segment] = Sealed(entry, self.size)
        self.schemas.setdefault(entry.table, {}).setdefault(entry.schema_sha256, entry)
        if entry.last_sequence is not None:
            self.writers[entry.writer_id] = max(entry.last_sequence, self.writers.get(entry.writer_id, -1))

    def _take_placement(self, entry: PlacementEntry) -> None:
        files = self.files.setdefault(entry.table, {})
        gone = [files[path] for path in entry.replaces if path in files]
        if len(gone) != len(entry.replaces):
            raise self._contradiction(f"replaces a file that holds no rows of {entry.table}")
        if entry.file in files or entry.file in self.replaced or entry.file in self.disposed:
            raise self._contradiction(f"gives the name {entry.file} to a second file")
        holds = tuple(Hold(placed.segment, placed.first_row, placed.rows) for placed in entry.holds)
        if entry.replaces:
            if _rows_held(holds) != _rows_held(hold for file in gone for hold in file.holds):
                raise self._contradiction("holds other rows than the files that it replaces")
        else:
            self._check_new(entry.table, holds)
        for file in gone:
            del files[file.path]
            self.replaced[file.path] = entry.table
            self.replaced_at[file.path] = entry.sealed_at
        first, last = self._times(entry.table, holds)
        files[entry.file] = Segment(entry.file, entry.rows, entry.size_bytes, entry.sha256, first, last, holds)

    def _check_new(self, table: str, holds: tuple[Hold, ...]) -> None:
        """Check that a file that replaces none holds whole segments that no file held before."""
        for hold in holds:
            sealed = self.segments.get(table, {}).get(hold.segment)
            if sealed is None or (hold.first_row, hold.rows) != (0, sealed.statement.rows):
                raise self._contradiction(f"places rows of {table}/{hold.segment} that no statement covers")
            if (table, hold.segment) in self._placed:
                raise self._contradiction(f"places {table}/{hold.segment} a second time")
            self._placed.add((table, hold.segment))

    def _take_other(self, entry: Entry) -> None:
        if isinstance(entry, RotateEntry):
            self.keys[-1] = replace(self.keys[-1], last_size=self.size + 1)
            self.keys.append(EpochKey(entry.epoch, entry.new_key, self.size + 2))
        elif isinstance(entry, EraseEntry):
            self.erasures.append(entry)
        elif isinstance(entry, HoldEntry):
            self.holds[entry.name] = (*self.holds.get(entry.name, ()), entry)
        elif isinstance(entry, ReleaseEntry):
            self.holds.pop(entry.name, None)
        elif isinstance(entry, ModelEntry):
            self.models[entry.model_name, entry.model_version] = entry
        elif isinstance(entry, DisposalEntry):
            for path in entry.files:
                self.replaced.pop(path, None)
                self.replaced_at.pop(path, None)
                for files in self.files.values():
                    files.pop(path, None)
                self.disposed.add(path)

    def _times(self, table: str, holds: tuple[Hold, ...]) -> tuple[str | None, str | None]:
        statements = [self.segments[table][hold.segment].statement for hold in holds]
        first = [each.first_time for each in statements if each.first_time is not None]
        last = [each.last_time for each in statements if each.last_time is not None]
        return min(first, key=_moment, default=None), max(last, key=_moment, default=None)

    def _forget_after(self, size: int) -> None:
        """Leave only the segments that the first `size` entries state."""
        for table in list(self.segments):
            kept = {name: sealed for name, sealed in self.segments[table].items() if sealed.index < size}
            files = {}
            for path, file in self.files.get(table, {}).items():
                hidden = tuple(hold.segment for hold in file.holds if hold.segment not in kept)
                if len(hidden) < len(file.holds):
                    files[path] = replace(file, hidden=hidden)
            self.segments[table], self.files[table] = kept, files
            if not kept:
                del self.segments[table], self.files[table]
        self.size = size

    def _contradiction(self, what: str) -> LogError:
        log = f"the log {self.origin}" if self.genesis else "a log"
        return LogError(f"entry {self.size} of {log} {what}", _NEXT)


def manifest_of(state: LogState, root: bytes) -> Manifest:
    """Return the manifest of a state, files in the order in which their first rows were sealed."""
    document = manifest_document(state, root)
    tables = {table: tuple(files_in_order(state, table)) for table in document["tables"]}
    return Manifest(
        origin=document["origin"],
        description=document["description"],
        notes=tuple(document["notes"]),
        tables=tables,
        sha256=sha256(canonical_json(document)),
        schema_version=SEALED_SCHEMA_VERSION,
        tree_size=state.size,
        tree_root=root.hex(),
    )


def manifest_document(state: LogState, root: bytes, *, tables: bool = True) -> dict[str, Any]:
    """Return what ``manifest.json`` of a sealed log says, for a state that hides nothing.

    Parameters
    ----------
    state
        The state at the newest checkpoint.
    root
        The tree's root.
    tables
        Whether to list the files.
    """
    genesis = state.genesis
    return {
        "format": "audit_lab.log",
        "schema_version": SEALED_SCHEMA_VERSION,
        "origin": state.origin,
        "description": genesis.description if genesis else "",
        "notes": list(genesis.notes) if genesis else [],
        "tree": {"size": state.size, "root": root.hex()},
        "tables": {
            table: {"segments": [_file_entry(file) for file in files_in_order(state, table)]}
            for table in sorted(state.files)
            if state.files[table] and tables
        },
    }


def manifest_bytes(state: LogState, root: bytes) -> bytes:
    """Return the content of ``manifest.json``: the canonical JSON of `manifest_document`, and a newline."""
    head = manifest_document(state, root, tables=False)
    listed = sorted((table for table in state.files if state.files[table]), key=_canonical_order)
    tables = ",".join(
        f'{_text(table)}:{{"segments":[{",".join(map(_file_text, files_in_order(state, table)))}]}}' for table in listed
    )
    before, after = _text(head).split(_EMPTY_TABLES)
    return f"{before}{_EMPTY_TABLES[:-1]}{tables}}}{after}\n".encode()


def _text(value: Any) -> str:
    return canonical_text(value).decode()


def _canonical_order(name: str) -> bytes:
    """Sort names as RFC 8785 does, by the code units of UTF-16."""
    return name.encode("utf-16-be")


@lru_cache(65_536)
def _file_text(file: Segment) -> str:
    """Return a file's entry as text; kept, since every manifest repeats those of all older files."""
    return _text(_file_entry(file))


def files_in_order(state: LogState, table: str) -> list[Segment]:
    """Return the files of a table in the order in which their first rows were sealed."""
    segments = state.segments[table]
    shown = ((file, set(file.hidden)) for file in state.files[table].values())
    first = {
        file.path: min(segments[hold.segment].index for hold in file.holds if hold.segment not in hidden)
        for file, hidden in shown
    }
    return sorted(state.files[table].values(), key=lambda file: first[file.path])


def _file_entry(file: Segment) -> dict[str, Any]:
    return {
        "path": file.path,
        "rows": file.rows,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "first_time": file.first_time,
        "last_time": file.last_time,
        "holds": [{"segment": hold.segment, "first_row": hold.first_row, "rows": hold.rows} for hold in file.holds],
    }


def _rows_held(holds: Iterable[Hold]) -> list[tuple[str, int, int]]:
    return sorted((hold.segment, hold.first_row, hold.rows) for hold in holds)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

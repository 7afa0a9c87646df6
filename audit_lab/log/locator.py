"""The locator: which rows of which files may hold an id, by index files that are built, found and never trusted."""

from __future__ import annotations

import mmap
import os
import stat
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.index_builder import IndexBuilder
from audit_lab.log.index_cache import IndexCache
from audit_lab.log.index_file import (
    MAXIMUM_INDEX_BYTES,
    IndexFile,
    check_index,
    index_digest,
    index_files,
    index_path,
    indexed_columns,
    key_of,
)
from audit_lab.log.manifest import inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.log.manifest import Segment
    from audit_lab.log.row_reader import RowReader

__all__ = [
    "Candidates",
    "Locator",
    "check_index",
    "index_digest",
    "index_files",
    "index_path",
    "indexed_columns",
]

_MOST_OPEN_INDEXES = 512

#: An id with more candidates in one file than this is found by reading the file's column.
_MOST_CANDIDATES = 64


@dataclass(frozen=True)
class Candidates:
    """Where an id may stand.

    Parameters
    ----------
    rows
        Files and row numbers to look at; each must be compared with the id.
    to_read
        Files whose column must be read: for which there is no index, or one with too many candidates.
    missing
        Those of them for which there is no index.
    """

    rows: list[tuple[Segment, int]]
    to_read: list[Segment]
    missing: list[Segment]


class Locator:
    """Finds candidates through the indexes of a log, or through the user's own where the log has none or wrong ones.

    What is missing is built in the user's cache folder: at once for short files, else by a thread of its own while the
    first lookups read the column. Nothing is ever written to the log.
    """

    def __init__(self, folder: Path, reader: RowReader, cache: IndexCache | None = None) -> None:
        self._folder = folder
        self._reader = reader
        self._cache = cache or IndexCache()
        self._builder = IndexBuilder(reader, self._cache)
        self._open: OrderedDict[tuple[str, str], IndexFile] = OrderedDict()
        self._most_open = _most_open()
        self._own_ones: set[tuple[str, str]] = set()
        self._distrusted: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def candidates(self, table: str, segments: Sequence[Segment], column: str, value: str) -> Candidates:
        """Return where a value of an indexed column may stand."""
        candidates = self._candidates(table, segments, column, key_of(value))
        if candidates.missing and self._builder.build_at_once(table, candidates.missing, column):
            return self._candidates(table, segments, column, key_of(value))
        return candidates

    def build(self, table: str, segments: Sequence[Segment], column: str) -> None:
        """Begin to build the indexes of some files; later lookups find them."""
        self._builder.build(table, segments, column)

    def distrust(self, table: str, segment: Segment, column: str) -> None:
        """Stop using an index that names a wrong row or lacks one; the next lookup has another built in its place."""
        key = (segment.path, column)
        with self._lock:
            self._open.pop(key, None)
            own = key in self._own_ones
            if not own:
                self._distrusted[key] = index_path(table, segment.name, column)
        path = self._own_path(segment, column) if own else None
        if path is not None:
            path.unlink(missing_ok=True)
            self._builder.again(segment, column)

    def damaged(self, table: str) -> tuple[str, ...]:
        """Return the paths of the log's indexes of a table that were found wrong since the log was opened."""
        return tuple(sorted(path for path in self._distrusted.values() if path.startswith(f"index/{table}/")))

    def finish(self) -> None:
        """Wait until every index that is being built is there."""
        self._builder.finish()

    def _candidates(self, table: str, segments: Sequence[Segment], column: str, key: int) -> Candidates:
        rows: list[tuple[Segment, int]] = []
        missing, crowded = [], []
        for segment in segments:
            index = self._open.get((segment.path, column)) or self._index(table, segment, column)
            if index is None:
                missing.append(segment)
                continue
            found = index.find(key)
            if len(found) > _MOST_CANDIDATES:
                crowded.append(segment)
            elif len(found):
                rows += [(segment, row) for row in found]
        return Candidates(rows, missing + crowded, missing)

    def _index(self, table: str, segment: Segment, column: str) -> IndexFile | None:
        key = (segment.path, column)
        index = None if key in self._distrusted else self._of_log(table, segment, column)
        own = index is None
        if own:
            path = self._own_path(segment, column)
            index = None if path is None else _map(path, segment)
        if index is not None:
            with self._lock:
                self._open[key] = index
                (self._own_ones.add if own else self._own_ones.discard)(key)
                while len(self._open) > self._most_open:
                    self._open.popitem(last=False)
        return index

    def _of_log(self, table: str, segment: Segment, column: str) -> IndexFile | None:
        try:
            path = inside(self._folder, index_path(table, segment.name, column))
        except LogError:
            return None
        return _map(path, segment)

    def _own_path(self, segment: Segment, column: str) -> Path | None:
        stamp = self._reader.stamp(segment)
        return None if stamp is None else self._cache.path(segment.sha256, stamp, column)


def _map(path: Path, segment: Segment) -> IndexFile | None:
    """Map an index into memory; None where there is none that speaks of this file."""
    try:
        # A log may hold a pipe under this name: opening it must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= MAXIMUM_INDEX_BYTES:
            return None
        index = IndexFile.parse(mmap.mmap(handle, status.st_size, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None
    finally:
        os.close(handle)
    return index if (index.file_sha256, index.file_rows) == (segment.sha256, segment.rows) else None


def _most_open() -> int:
    """Return how many indexes may be mapped: each keeps a file open, of which the process may have a limited number."""
    try:
        import resource
    except ImportError:  # pragma: no cover - no such limit on this system
        return _MOST_OPEN_INDEXES
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_OPEN_INDEXES if allowed < 0 else min(_MOST_OPEN_INDEXES, allowed // 2)

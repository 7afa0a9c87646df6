"""The locator: which rows of which files may hold an id, by index files that are built, found and never trusted."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.index.index_builder import IndexBuilder
from audit_lab.log.index.index_cache import IndexCache
from audit_lab.log.index.index_file import index_path, key_of
from audit_lab.log.index.open_indexes import OpenIndexes
from audit_lab.log.manifest import inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.log.index.index_file import IndexFile
    from audit_lab.log.index.row_reader import RowReader
    from audit_lab.log.manifest import Segment

__all__ = ["MOST_CANDIDATES", "Candidates", "Locator"]

#: An id with more candidates in one file than this is found by reading the file's column.
MOST_CANDIDATES = 64


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
        self._open = OpenIndexes()
        self._own_ones: set[tuple[str, str]] = set()
        self._distrusted: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def candidates(self, table: str, segments: Sequence[Segment], column: str, value: str) -> Candidates:
        """Return where a value of an indexed column may stand."""
        candidates = self._candidates(table, segments, column, key_of(value))
        if candidates.missing and self._builder.build_at_once(table, candidates.missing, column):
            return self._candidates(table, segments, column, key_of(value))
        return candidates

    def indexes(
        self, table: str, segments: Sequence[Segment], column: str
    ) -> tuple[list[tuple[Segment, IndexFile]], list[Segment]]:
        """Return the files that have an index, each with it, and those that have none."""
        found, missing = self._indexes(table, segments, column)
        if missing and self._builder.build_at_once(table, missing, column):
            return self._indexes(table, segments, column)
        return found, missing

    def build(self, table: str, segments: Sequence[Segment], column: str) -> None:
        """Begin to build the indexes of some files; later lookups find them."""
        self._builder.build(table, segments, column)

    def distrust(self, table: str, segment: Segment, column: str) -> None:
        """Stop using an index that names a wrong row or lacks one; the next lookup has another built in its place."""
        key = (segment.path, column)
        self._open.close(key)
        with self._lock:
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
        crowded = []
        indexes, missing = self._indexes(table, segments, column)
        for segment, index in indexes:
            found = index.find(key)
            if len(found) > MOST_CANDIDATES:
                crowded.append(segment)
            elif len(found):
                rows += [(segment, row) for row in found]
        return Candidates(rows, missing + crowded, missing)

    def _indexes(
        self, table: str, segments: Sequence[Segment], column: str
    ) -> tuple[list[tuple[Segment, IndexFile]], list[Segment]]:
        found: list[tuple[Segment, IndexFile]] = []
        missing = []
        for segment in segments:
            index = self._open.get((segment.path, column)) or self._index(table, segment, column)
            if index is None:
                missing.append(segment)
            else:
                found.append((segment, index))
        return found, missing

    def _index(self, table: str, segment: Segment, column: str) -> IndexFile | None:
        key = (segment.path, column)
        index = (
            None
            if key in self._distrusted
            else self._opened(segment, column, self._path_in_log(table, segment, column))
        )
        own = index is None
        if own:
            index = self._opened(segment, column, self._own_path(segment, column))
        if index is not None:
            (self._own_ones.add if own else self._own_ones.discard)(key)
        return index

    def _opened(self, segment: Segment, column: str, path: Path | None) -> IndexFile | None:
        """Open an index, if there is one that speaks of this file."""
        key = (segment.path, column)
        index = None if path is None else self._open.open(key, path)
        if index is None or (index.file_sha256, index.file_rows) == (segment.sha256, segment.rows):
            return index
        self._open.close(key)
        return None

    def _path_in_log(self, table: str, segment: Segment, column: str) -> Path | None:
        try:
            return inside(self._folder, index_path(table, segment.name, column))
        except LogError:
            return None

    def _own_path(self, segment: Segment, column: str) -> Path | None:
        stamp = self._reader.stamp(segment)
        return None if stamp is None else self._cache.path(segment.sha256, stamp, column)

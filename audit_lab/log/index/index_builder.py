"""Build missing indexes in the user's cache folder: at once where that is quick, else in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.index.index_file import index_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.index.index_cache import IndexCache
    from audit_lab.log.index.row_reader import RowReader
    from audit_lab.log.manifest import Segment

__all__ = ["IndexBuilder"]

#: Missing indexes of so many rows together are built before the lookup goes on; it takes about a tenth of a second.
_MOST_ROWS_AT_ONCE = 300_000


class IndexBuilder:
    """Builds indexes one file after another. What cannot be built or kept is not tried again: lookups read the column.

    The thread stops after the file at hand when the interpreter ends.
    """

    def __init__(self, reader: RowReader, cache: IndexCache) -> None:
        self._reader = reader
        self._cache = cache
        self._waiting: deque[tuple[str, Segment, str]] = deque()
        self._asked: set[tuple[str, str]] = set()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def build_at_once(self, table: str, segments: Sequence[Segment], column: str) -> bool:
        """Build the indexes of some files if that is quick, and say whether any was built."""
        if sum(segment.rows for segment in segments) > _MOST_ROWS_AT_ONCE:
            return False
        return True in [self._build(table, segment, column) for segment in self._wanted(segments, column)]

    def build(self, table: str, segments: Sequence[Segment], column: str) -> None:
        """Build the indexes of some files beside what goes on."""
        wanted = self._wanted(segments, column)
        with self._lock:
            self._waiting += [(table, segment, column) for segment in wanted]
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit_lab index builder")
                self._thread.start()

    def again(self, segment: Segment, column: str) -> None:
        """Allow an index to be built once more: the one that was built is damaged."""
        with self._lock:
            self._asked.discard((segment.path, column))

    def finish(self) -> None:
        """Wait until nothing waits to be built."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _wanted(self, segments: Sequence[Segment], column: str) -> list[Segment]:
        """Return the files whose index was not asked for before."""
        with self._lock:
            wanted = [segment for segment in segments if (segment.path, column) not in self._asked]
            self._asked.update((segment.path, column) for segment in wanted)
        return wanted

    def _run(self) -> None:
        while threading.main_thread().is_alive():
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                table, segment, column = self._waiting.popleft()
            try:
                self._build(table, segment, column)
            except KeyboardInterrupt:
                # polars raises it in every thread that computes; the user's own question is told of it too.
                with self._lock:
                    self._waiting.clear()

    def _build(self, table: str, segment: Segment, column: str) -> bool:
        """Build one index; False where the file cannot be read or the cache not written."""
        stamp = self._reader.stamp(segment)
        path = None if stamp is None else self._cache.path(segment.sha256, stamp, column)
        if path is None:
            return False
        try:
            where = f"the {table} of {segment.path}"
            ids = collect(self._reader.scan(table, segment).select(pl.col(column)), where).to_series()
            if ids.len() != segment.rows:
                return False
            with reading(where):
                content = index_bytes(ids, segment.sha256)
            self._cache.keep(path, content)
        except (LogError, OSError):
            return False
        return True

"""The shelf of an opened log: what is kept at hand between questions, bounded, and renewed when files change."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from audit_lab.errors import AuditLabError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.index.locator import Locator
from audit_lab.log.index.row_reader import RowReader
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    import polars as pl

    from audit_lab.log.index.row_reader import Stamp
    from audit_lab.log.manifest import Segment
    from audit_lab.log.segments import SegmentSource
    from audit_lab.log.store import LogStore

__all__ = ["Shelf", "derived", "table_rows"]

#: Tables of at most so many rows, in files of at most so many bytes, are read once and kept.
_MOST_ROWS = 65_536
_LARGEST_FILES_BYTES = 16_000_000

#: What the tables that are kept may take in memory together.
_LARGEST_FRAMES_BYTES = 256_000_000

_MOST_DERIVED = 64

_T = TypeVar("_T")
_Stamps = tuple["Stamp | None", ...]


class Shelf:
    """Small tables, opened files and indexes of one opened log whose segments are files of this machine."""

    def __init__(self, source: SegmentSource, folder: Path) -> None:
        self.folder = folder
        self._source = source
        self.reader = RowReader(source, folder)
        self.locator = Locator(folder, self.reader)
        self._frames: OrderedDict[str, tuple[_Stamps, pl.DataFrame]] = OrderedDict()
        self._derived: OrderedDict[Hashable, tuple[_Stamps, Any]] = OrderedDict()
        self._lock = Lock()

    def segments(self, table: str) -> tuple[Segment, ...]:
        """Return the files of a table."""
        return self._source.files(table)

    def renew(self) -> bool:
        """Look up the files that hold the snapshot's rows by now; return whether they are others than before."""
        try:
            return self._source.renew()
        except AuditLabError:
            return False

    def small(self, table: str) -> pl.DataFrame | None:
        """Return a small table with ``_segment`` and ``_row``, or None where the table is not small.

        It is read again only where a file changed.

        Raises
        ------
        LogError
            A file is missing or cannot be read.
        """
        segments = self.segments(table)
        if sum(segment.rows for segment in segments) > _MOST_ROWS:
            return None
        stamps = self._stamps(table)
        if sum(stamp.size_bytes for stamp in stamps if stamp) > _LARGEST_FILES_BYTES:
            return None
        with self._lock:
            kept = self._frames.get(table)
            if kept is not None and None not in stamps and kept[0] == stamps:
                self._frames.move_to_end(table)
                return kept[1]
        # The numbers of rows are the log's word: no more than that is ever taken into memory.
        frame = collect(self._source.scan(table).head(_MOST_ROWS + 1), f"the {table} of {self.folder}")
        if frame.height > _MOST_ROWS:
            return None
        self._keep(table, stamps, frame)
        return frame

    def schema(self, table: str) -> pl.Schema:
        """Return the columns and types of a table, which those of all its files are unified to.

        Raises
        ------
        LogError
            A file is missing, cannot be read, or does not fit the others.
        """
        return self.derived(("schema", table), (), lambda: self._schema(table))

    def derived(self, key: Hashable, tables: tuple[str, ...], make: Callable[[], _T], *further: Stamp | None) -> _T:
        """Return what `make` returns, made again only where a file of `tables`, or a further stamp, changed."""
        stamps = (*(stamp for table in tables for stamp in self._stamps(table)), *further)
        with self._lock:
            kept = self._derived.get(key)
        if kept is not None and kept[0] == stamps:
            return cast("_T", kept[1])
        made = make()
        with self._lock:
            self._derived[key] = (stamps, made)
            while len(self._derived) > _MOST_DERIVED:
                self._derived.popitem(last=False)
        return made

    def _keep(self, table: str, stamps: _Stamps, frame: pl.DataFrame) -> None:
        with self._lock:
            self._frames[table] = (stamps, frame)
            self._frames.move_to_end(table)
            total = sum(kept.estimated_size() for _, kept in self._frames.values())
            while total > _LARGEST_FRAMES_BYTES:
                _, (_, oldest) = self._frames.popitem(last=False)
                total -= oldest.estimated_size()

    def _schema(self, table: str) -> pl.Schema:
        with reading(f"the {table} of {self.folder}"):
            return self._source.scan(table).collect_schema()

    def _stamps(self, table: str) -> _Stamps:
        return tuple(self.reader.stamp(segment) for segment in self.segments(table))


def derived(
    store: LogStore, key: Hashable, tables: tuple[str, ...], make: Callable[[], _T], *further: Stamp | None
) -> _T:
    """Return what `make` returns, kept on the log's shelf (see `Shelf.derived`); made each time where it has none."""
    return make() if store.shelf is None else store.shelf.derived(key, tables, make, *further)


def table_rows(store: LogStore, table: str, predicate: pl.Expr | None = None) -> pl.DataFrame:
    """Return the rows of a table that a predicate holds for (all when omitted), without where they stand.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    frame = None if store.shelf is None else store.shelf.small(table)
    if frame is not None:
        return (frame if predicate is None else frame.filter(predicate)).drop(SEGMENT, ROW)
    rows = store.table(table)
    return collect(rows if predicate is None else rows.filter(predicate), f"the {table} of {store.location}")

"""Read single rows of Parquet files: the footer of an opened file is kept, and only the pages of a row are decoded."""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect_each, reading
from audit_lab.log.manifest import inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from audit_lab.log.manifest import Segment
    from audit_lab.log.segments import SegmentSource

__all__ = ["PAGE_BYTES", "ROWS_PER_GROUP", "RowReader", "Stamp", "stamp_of"]

#: What a writer should give Parquet so that one row is read in about a millisecond (see benchmarks/README.md): with
#: smaller groups the footer grows, with larger pages more values are decoded for one.
ROWS_PER_GROUP = 16_384
PAGE_BYTES = 16_384

_MOST_OPEN_FILES = 256


@dataclass(frozen=True)
class Stamp:
    """What shows without reading it that a file was replaced or rewritten."""

    size_bytes: int
    modified_ns: int
    inode: int


def stamp_of(path: str | Path) -> Stamp | None:
    """Return the stamp of a file, None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - twice as fast as Path.stat, and asked for with every row
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


@dataclass(frozen=True)
class _Opened:
    path: str
    stamp: Stamp | None
    rows: pl.LazyFrame


class RowReader:
    """Reads rows by their number in a file. Keeps the footers of at most 256 files (about 0.6 MB each)."""

    def __init__(self, source: SegmentSource, folder: Path, most_open_files: int = _MOST_OPEN_FILES) -> None:
        self._source = source
        self._folder = folder
        self._most_open_files = most_open_files
        self._opened: OrderedDict[str, _Opened] = OrderedDict()
        self._paths: dict[str, str] = {}
        self._lock = Lock()

    def rows(self, table: str, wanted: Sequence[tuple[Segment, int]]) -> list[pl.DataFrame]:
        """Return one frame for each file and row: its canonical columns, ``_segment`` and ``_row``.

        A row number beyond the end of a file gives an empty frame.

        Raises
        ------
        LogError
            A file is missing or cannot be read.
        """
        frames = [self.scan(table, segment).slice(row, 1) for segment, row in wanted]
        what = f"the {table} of {self._folder}"
        if len(frames) > 1:
            return collect_each(frames, what)
        with reading(what):
            return [frame.collect() for frame in frames]

    def scan(self, table: str, segment: Segment) -> pl.LazyFrame:
        """Return the rows of a file in stored order; its footer is read once, and again when the file changed.

        Raises
        ------
        LogError
            The file is missing or is not the table's.
        """
        with self._lock:
            opened = self._opened.get(segment.path)
            if opened is not None:
                self._opened.move_to_end(segment.path)
        if opened is not None and opened.stamp is not None and stamp_of(opened.path) == opened.stamp:
            return opened.rows
        path = str(inside(self._folder, segment.path))
        opened = _Opened(path, stamp_of(path), self._source.scan_file(table, segment))
        with self._lock:
            self._opened[segment.path] = opened
            self._opened.move_to_end(segment.path)
            while len(self._opened) > self._most_open_files:
                self._opened.popitem(last=False)
        return opened.rows

    def stamp(self, segment: Segment) -> Stamp | None:
        """Return the stamp of a segment's file; None where it is missing or leads out of the log."""
        path = self._paths.get(segment.path)
        if path is None:
            try:
                path = self._paths[segment.path] = str(inside(self._folder, segment.path))
            except LogError:
                return None
        return stamp_of(path)

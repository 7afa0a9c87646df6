"""Read the tables of a log that audit_lab wrote: Parquet files unified into one schema, each row with its place."""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from audit_lab.errors import AuditLabError, LogError
from audit_lab.log.engines.part import ROW, SEGMENT, Part, PlacedFile
from audit_lab.log.engines.polars_engine import scan_part
from audit_lab.log.file_times import may_hold
from audit_lab.log.files.reading import reading
from audit_lab.log.retyped import ColumnEnds, read_schema, retyped_sentences
from audit_lab.log.schema import INPUTS_PREFIX, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    import narwhals as nw

    from audit_lab.log.engines.choice import Engine
    from audit_lab.log.folder import LogFolder
    from audit_lab.log.manifest import Manifest, Segment

__all__ = ["ROW", "SEGMENT", "MissingFileError", "SegmentSource"]

_Answer = TypeVar("_Answer")


class MissingFileError(LogError):
    """A file that a snapshot needs is not there, or is another one by now."""


class SegmentSource:
    """The tables of one snapshot of a log, read lazily; no file is opened before its table is asked for.

    Compaction replaces files and may remove them. Where a file of this snapshot is gone, the files that hold its rows
    by now are looked up in the log's entries, once for each time that this happens.

    Parameters
    ----------
    folder
        Where the files are.
    manifest
        Which files the snapshot consists of.
    resolve
        Returns the snapshot's manifest with the files that hold its rows by now; None for a log that is not sealed.
    """

    def __init__(
        self, folder: LogFolder, manifest: Manifest, resolve: Callable[[Manifest], Manifest] | None = None
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._resolve = resolve
        self._schemas: dict[str, tuple[object, pl.Schema]] = {}
        self._ends = ColumnEnds()

    def tables(self) -> dict[str, int]:
        """Return the name of each table present and its number of rows, from the manifest alone."""
        return {name: sum(file.shown_rows for file in files) for name, files in self._tables.items()}

    def files(self, name: str) -> tuple[Segment, ...]:
        """Return the files that hold a table's rows now."""
        return self._tables.get(name, ())

    def scan(self, name: str, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Return a table with its canonical columns first, then ``_segment`` and ``_row``; empty when it is absent.

        Parameters
        ----------
        name
            The table.
        since, until
            Files that by the manifest hold no row of ``since <= time < until`` are left out. Rows are not filtered.

        Raises
        ------
        LogError
            A file is missing, is not readable Parquet, or holds a column of another type than the schema's.
        """
        return self._renewing(lambda: self._scan(name, self._within(name, since, until)))

    def frame(
        self,
        name: str,
        engine: Engine,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Return the same rows as `scan`, for an engine.

        Where only some `columns` are needed, others are left out on engines that are slow to ask for many.

        Raises
        ------
        LogError
            As `scan`.
        MisuseError
            The engine cannot read such files, or from where they are.
        """
        import narwhals as nw

        if engine.name == "polars":
            return nw.from_native(self.scan(name, since, until))
        return self._renewing(lambda: self._frame(name, self._within(name, since, until), engine, columns))

    def rows_between(self, name: str, since: datetime | None, until: datetime | None) -> range | None:
        """Return the numbers of the rows, in the order of `scan`, of the files that may hold a row of a time range.

        None where other files lie between these; numbers are those that the manifest states, see `states_rows`.
        """
        first, found, gap = 0, range(0), False
        for file in self.files(name):
            rows = range(first, first + file.shown_rows)
            first = rows.stop
            if may_hold(file, since, until):
                if gap and found:
                    return None
                found = range(found.start if found else rows.start, rows.stop)
            gap = bool(found) and found.stop != first
        return found

    def scan_rows(self, name: str, rows: range) -> pl.LazyFrame:
        """Return rows of a table by their numbers in the order of `scan`.

        Raises
        ------
        LogError
            As `scan`.
        """
        return self._renewing(lambda: self._scan_rows(name, rows))

    def states_rows(self, name: str) -> bool:
        """Whether each file of a table has as many rows as the manifest states.

        Raises
        ------
        LogError
            As `scan`.
        """
        parts = self._renewing(lambda: [self._parts(name, [file]) for file in self.files(name)])
        counts = [_shown(scan_part(part), hidden).select(pl.len()) for ((part, hidden),) in parts]
        with reading(f"the {name} of {self._folder}"):
            found = [int(each.item()) for each in pl.collect_all(counts)]
        return found == [file.shown_rows for file in self.files(name)]

    def scan_file(self, table: str, segment: Segment) -> pl.LazyFrame:
        """Return the rows of one file in stored order, with the columns that `scan` gives.

        Rows that came after the snapshot are among them: row numbers are those of the file.

        Raises
        ------
        LogError
            As `scan`.
        """
        from audit_lab.log.unification import unified_schema

        schema = self._schema(table, segment)
        wanted = unified_schema(table, [(segment.path, _without_places(schema))])  # a row's own types
        return scan_part(self._part((segment,), schema, wanted))

    def scan_placed(self, table: str, segment: str, rows: Collection[int]) -> pl.LazyFrame | None:
        """Return rows of one segment with the types that they have in their file; None where no file says it has it.

        Raises
        ------
        LogError
            As `scan`.
        """
        for file in self.files(table):
            if segment in {file.name, *(hold.segment for hold in file.holds)}:
                here = (pl.col(SEGMENT) == segment) & pl.col(ROW).is_in(list(rows))
                return self.scan_file(table, file).filter(here)
        return None

    def retyped(self, name: str) -> tuple[str, ...]:
        """Say of each column of a table whose type changed between its files how, and what it is read as.

        Raises
        ------
        LogError
            As `scan`.
        """

        def said() -> tuple[str, ...]:
            known = [(file, self._schema(name, file)) for file in self.files(name)]
            named = [(file.name, _without_places(schema)) for file, schema in known]
            return retyped_sentences(name, named, self._read_schema(name, known))

        return self._renewing(said)

    def renew(self) -> bool:
        """Look up the files that hold the snapshot's rows by now; return whether they are others than before.

        Raises
        ------
        LogError
            The log's entries cannot be read.
        """
        if self._resolve is None:
            return False
        before = {file.path for files in self._tables.values() for file in files}
        self._manifest = self._resolve(self._manifest)
        return before != {file.path for files in self._tables.values() for file in files}

    @property
    def _tables(self) -> Mapping[str, tuple[Segment, ...]]:
        return self._manifest.tables

    def _renewing(self, scan: Callable[[], _Answer]) -> _Answer:
        try:
            return scan()
        except MissingFileError as error:
            if not self._renewed(error):
                raise
            return scan()

    def _renewed(self, missing: MissingFileError) -> bool:
        try:
            return self.renew()
        except AuditLabError:
            raise missing from None

    def _within(self, name: str, since: datetime | None, until: datetime | None) -> Callable[[], list[Segment]]:
        def files() -> list[Segment]:
            return [file for file in self.files(name) if may_hold(file, since, until)]

        return files

    def _scan(self, name: str, files: Callable[[], list[Segment]]) -> pl.LazyFrame:
        return self._joined(name, self._parts(name, files()))

    def _joined(self, name: str, parts: list[tuple[Part, tuple[str, ...]]]) -> pl.LazyFrame:
        if not parts:
            return pl.LazyFrame(schema=_schema_of_none(name))
        frames = [_shown(scan_part(part), hidden) for part, hidden in parts]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="vertical")

    def _scan_rows(self, name: str, rows: range) -> pl.LazyFrame:
        first, skipped = 0, 0
        chosen: list[Segment] = []
        for file in self.files(name):
            if first < rows.stop and first + file.shown_rows > rows.start:
                skipped = skipped if chosen else rows.start - first
                chosen.append(file)
            first += file.shown_rows
        # A column has one type, whichever rows are asked for.
        parts = self._parts(name, chosen, self.files(name) if name.startswith(INPUTS_PREFIX) else None)
        return self._joined(name, parts).slice(skipped, len(rows))

    def _frame(
        self, name: str, files: Callable[[], list[Segment]], engine: Engine, columns: Collection[str] | None
    ) -> nw.LazyFrame[Any]:
        import narwhals as nw

        parts = [(part.narrowed(columns), hidden) for part, hidden in self._parts(name, files())]
        if not parts:
            return engine.local(pl.DataFrame(schema=_schema_of_none(name)))
        frames = []
        for part, hidden in parts:
            frame = engine.scan(part)
            frames.append(frame.filter(~nw.col(SEGMENT).is_in(list(hidden))) if hidden else frame)
        return frames[0] if len(frames) == 1 else nw.concat(frames, how="vertical")

    def _parts(
        self, name: str, files: Iterable[Segment], like: Iterable[Segment] | None = None
    ) -> list[tuple[Part, tuple[str, ...]]]:
        """Group neighbouring files that can be scanned together; with each group, the segments that are not shown.

        Columns have the types that all of these files are read in, or all that they are to be `like`.
        """
        known = [(file, self._schema(name, file)) for file in files]
        others = known if like is None else [(file, self._schema(name, file)) for file in like]
        wanted = self._read_schema(name, others)
        kinds = groupby(known, lambda each: (list(each[1].items()), SEGMENT in each[1], each[0].hidden))
        grouped = [(hidden, [file for file, _ in group], schema) for (schema, _, hidden), group in kinds]
        return [(self._part(tuple(group), pl.Schema(schema), wanted), hidden) for hidden, group, schema in grouped]

    def _read_schema(self, table: str, known: list[tuple[Segment, pl.Schema]]) -> pl.Schema:
        def ends(name: str) -> Iterator[tuple[int, int]]:
            for file, schema in known:
                if name in schema and schema[name].is_integer():
                    uri = self._folder.uri(file.path)
                    yield from self._ends.of(uri, name, self._stamp(table, file, uri), self._folder.storage_options)

        return read_schema(table, [(file.path, _without_places(schema)) for file, schema in known], ends)

    def _part(self, files: tuple[Segment, ...], schema: pl.Schema, wanted: pl.Schema) -> Part:
        placed = tuple(
            PlacedFile(self._folder.uri(file.path), file.rows, None if SEGMENT in schema else _only_segment(file))
            for file in files
        )
        return Part(placed, schema, wanted, self._folder.storage_options)

    def _schema(self, table: str, file: Segment) -> pl.Schema:
        """Return the columns of a file, from its footer, which is read again only where the file changed."""
        uri = self._folder.uri(file.path)
        stamp = self._stamp(table, file, uri)
        kept = self._schemas.get(file.path)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        with reading(uri):
            schema = pl.scan_parquet(uri, glob=False, storage_options=self._folder.storage_options).collect_schema()
        self._check_columns(table, file, schema)
        self._schemas[file.path] = (stamp, schema)
        return schema

    def _stamp(self, table: str, file: Segment, uri: str) -> object:
        """Return what shows that a file was rewritten; a file of a sealed log must have the size that was sealed."""
        if self._folder.path is None:
            if file.path not in self._schemas and not self._folder.exists(file.path):
                raise self._missing(table, file)
            return file.sha256
        try:
            status = os.stat(uri)  # noqa: PTH116 - asked for with every scan of every file
        except FileNotFoundError as error:
            raise self._missing(table, file) from error
        except OSError as error:
            raise LogError(
                f"the segment {file.path} of table {table} cannot be opened ({error.strerror})",
                "Check who may read the log's files.",
            ) from error
        if self._manifest.tree_size is not None and status.st_size != file.size_bytes:
            raise LogError(
                f"the segment {file.path} of table {table} has {status.st_size:,} bytes instead of the "
                f"{file.size_bytes:,} that were sealed",
                "It was changed after it was sealed: `audit-lab verify` says what else was; restore it from a backup.",
            )
        return (status.st_size, status.st_mtime_ns, status.st_ino)

    def _check_columns(self, table: str, file: Segment, schema: pl.Schema) -> None:
        places = {SEGMENT, ROW} & set(schema)
        if places and (self._manifest.tree_size is None or len(places) == 1):
            raise LogError(
                f"the segment {file.path} has a column {min(places)}, a name by which audit_lab says where rows stand",
                "Give that column another name at its source.",
            )
        keys = ("prediction_id",) if table.startswith(INPUTS_PREFIX) else TABLES[table].key
        missing = [key for key in keys if key not in schema]
        if missing:
            raise LogError(
                f"the segment {file.path} lacks {', '.join(missing)}, which names the rows of table {table}",
                "Restore it from a backup, or ask whoever wrote the log: without it no row can be found.",
            )

    def _missing(self, table: str, file: Segment) -> MissingFileError:
        return MissingFileError(
            f"the segment {file.path} of table {table} is missing from {self._folder}",
            "Restore it from a backup; until then every answer from this table would be incomplete.",
        )


def _schema_of_none(table: str) -> dict[str, Any]:
    from audit_lab.log.unification import expected_schema

    return {**expected_schema(table), SEGMENT: pl.String, ROW: pl.UInt32}


def _only_segment(file: Segment) -> str:
    """Return the one segment that a file without places of its own holds."""
    whole = [hold.segment for hold in file.holds if hold.first_row == 0]
    if len(file.holds) > 1 or len(whole) != len(file.holds):
        raise LogError(
            f"the segment {file.path} holds rows of several segments and does not say which",
            "Restore it from a backup, or ask whoever wrote the log.",
        )
    return whole[0] if whole else file.name


def _without_places(schema: pl.Schema) -> pl.Schema:
    return pl.Schema({name: dtype for name, dtype in schema.items() if name not in {SEGMENT, ROW}})


def _shown(frame: pl.LazyFrame, hidden: tuple[str, ...]) -> pl.LazyFrame:
    return frame.filter(~pl.col(SEGMENT).is_in(hidden)) if hidden else frame

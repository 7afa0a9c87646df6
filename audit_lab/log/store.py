"""An opened log: its identity and its tables, whoever wrote them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.engines.choice import Engine, engine_named
from audit_lab.log.folder import LogFolder
from audit_lab.log.foreign.mapping import MappedSource, Mapping
from audit_lab.log.manifest import Manifest, inside
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT, SegmentSource
from audit_lab.log.tree.snapshot import open_snapshot, resolved_again

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping as Options

    import narwhals as nw
    import polars as pl

    from audit_lab.log.evened import Evened
    from audit_lab.log.index.shelf import Shelf

__all__ = ["AsOf", "LogStore", "Source", "open_store"]

AsOf = str | date | datetime | int | None


class Source(Protocol):
    """Where tables come from: segments of our own, or foreign files through a mapping."""

    def tables(self) -> dict[str, int]:
        """Return the tables present and their rows."""
        ...

    def scan(self, name: str, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Return one table, canonical columns first, with ``_segment`` and ``_row``.

        Files that hold no row of ``since <= time < until`` may be left out; rows are not filtered.
        """
        ...

    def frame(
        self,
        name: str,
        engine: Engine,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Return the same rows for an engine; where only some columns are needed, others may be left out."""
        ...


@dataclass(frozen=True)
class LogStore:
    """One opened log. Opening reads the manifest (or the mapping) only; tables are read when asked for."""

    folder: LogFolder
    origin: str
    description: str
    notes: tuple[str, ...]
    source: Source = field(repr=False)
    manifest: Manifest | None = field(repr=False, default=None)
    mapping: Mapping | None = field(repr=False, default=None)
    #: The signed note of the snapshot that was opened; None for a log that is not sealed.
    checkpoint: str | None = field(repr=False, default=None)
    #: What runs the questions over whole tables.
    engine: Engine = field(repr=False, default_factory=lambda: engine_named("polars"))
    #: Which predictions count where those of a sampled log are evened out; None where all do.
    evened: Evened | None = field(repr=False, default=None)

    @property
    def location(self) -> str:
        """The folder's path, or its address."""
        return str(self.folder)

    @property
    def path(self) -> Path:
        """The folder's path.

        Raises
        ------
        MisuseError
            The log is not on this machine.
        """
        if self.folder.path is None:
            raise MisuseError(
                f"the log {self.folder} is not on this machine, and this needs its files",
                "Copy it to a folder of this machine and open that.",
            )
        return self.folder.path

    @cached_property
    def shelf(self) -> Shelf | None:
        """What is kept at hand between questions; None where the tables are not segments on this machine."""
        if self.folder.path is None or not isinstance(self.source, SegmentSource):
            return None
        from audit_lab.log.index.shelf import Shelf

        return Shelf(self.source, self.folder.path)

    def table(self, name: str) -> pl.LazyFrame:
        """Return a canonical table without the columns that say where its rows stand."""
        return self.source.scan(name).drop(SEGMENT, ROW)

    def placed(self, name: str) -> pl.LazyFrame:
        """Return a canonical table with ``_segment`` and ``_row``."""
        return self.source.scan(name)

    def frame(
        self,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        columns: Collection[str] | None = None,
    ) -> nw.LazyFrame[Any]:
        """Return a canonical table with ``_segment`` and ``_row``, for the log's engine.

        Files that hold no row of ``since <= time < until`` may be left out; rows are not filtered. Where only some
        `columns` are needed, others may be left out.
        """
        return self.source.frame(name, self.engine, since, until, columns)

    def models(self) -> tuple[str, ...]:
        """Return the names of the models whose inputs the log holds."""
        names = (name for name in self.source.tables() if name.startswith(INPUTS_PREFIX))
        return tuple(sorted(name.removeprefix(INPUTS_PREFIX) for name in names))

    def inputs(self, model_name: str) -> pl.LazyFrame:
        """Return the inputs table of one model.

        Raises
        ------
        NotFoundError
            The log holds no inputs of that model.
        """
        return self.table(self._inputs_table(model_name))

    def inputs_frame(self, model_name: str, columns: Collection[str] | None = None) -> nw.LazyFrame[Any]:
        """Return the inputs table of one model with ``_segment`` and ``_row``, for the log's engine.

        Where only some `columns` are needed, others may be left out.

        Raises
        ------
        NotFoundError
            The log holds no inputs of that model.
        """
        return self.frame(self._inputs_table(model_name), columns=columns)

    def retyped(self, model_name: str) -> tuple[str, ...]:
        """Say of each feature of a model whose type changed between the log's files how, and what it is read as."""
        if model_name not in self.models() or not isinstance(self.source, SegmentSource):
            return ()
        from audit_lab.log.index.shelf import derived

        table, source = self._inputs_table(model_name), self.source
        return derived(self, ("retyped", model_name), (table,), lambda: source.retyped(table))

    def file(self, relative: str) -> Path:
        """Return the path of a file that the log names, refusing any outside the log's folder."""
        return inside(self.path, relative)

    def _inputs_table(self, model_name: str) -> str:
        if model_name not in self.models():
            known = ", ".join(self.models()) or "none"
            raise NotFoundError(
                f"the log {self.folder} holds no inputs of a model named {model_name!r}",
                f"Models with inputs: {known}.",
            )
        return INPUTS_PREFIX + model_name


def open_store(
    path: str | Path,
    mapping: str | Path | Mapping | None = None,
    *,
    as_of: AsOf = None,
    engine: str = "polars",
    storage_options: Options[str, str] | None = None,
) -> LogStore:
    """Open a log, or a foreign Parquet folder or Delta table through a mapping.

    Parameters
    ----------
    path
        A folder, or ``s3://bucket/prefix``.
    mapping
        By which a folder that another system wrote is read.
    as_of
        Opens the state that a sealed log had at a moment (a date is its midnight, what states no zone is UTC) or at a
        tree size; of a Delta table, the version of then or of that number.
    engine
        What runs the questions over whole tables: ``polars``, ``duckdb`` or ``spark``.
    storage_options
        For S3, see `audit_lab.log.folder.LogFolder`.

    Raises
    ------
    MisuseError
        The folder is missing, or is no audit log and no mapping was given; or it has no state as of then.
    LogError
        The manifest, or the mapping, cannot be read.
    """
    chosen, folder = engine_named(engine), LogFolder(path, storage_options)
    moment = _moment(as_of)
    if mapping is not None:
        return _mapped(folder, mapping, moment, chosen)
    snapshot = open_snapshot(folder, moment)
    manifest = snapshot.manifest
    resolve = None if snapshot.checkpoint is None else (lambda opened: resolved_again(folder, opened))
    return LogStore(
        folder,
        manifest.origin,
        manifest.description,
        manifest.notes,
        SegmentSource(folder, manifest, resolve),
        manifest,
        None,
        snapshot.checkpoint,
        chosen,
    )


def _mapped(folder: LogFolder, mapping: str | Path | Mapping, as_of: datetime | int | None, engine: Engine) -> LogStore:
    if folder.path is None:
        raise MisuseError(
            f"{folder} cannot be read through a mapping", "Copy its files to a folder of this machine, or ingest them."
        )
    read = mapping if isinstance(mapping, Mapping) else Mapping.read(Path(mapping))
    source = MappedSource(folder.path, read, as_of)
    version = source.folder.delta_version
    notes = read.notes() if version is None else (*read.notes(), f"Read from version {version} of a Delta table.")
    store = LogStore(folder, read.origin, read.description, notes, source, None, read, engine=engine)
    store.frame("predictions").collect_schema()
    return store


def _moment(as_of: AsOf) -> datetime | int | None:
    from audit_lab.log.search.query import instant

    if isinstance(as_of, int) and not isinstance(as_of, bool):
        if as_of < 0:
            raise MisuseError(f"as_of is {as_of}", "Give a time, a tree size, or the version of a Delta table.")
        return as_of
    if isinstance(as_of, str | date | None):
        return instant(as_of, "as_of")
    raise MisuseError(f"as_of is {as_of!r}", "Give a time, or a tree size.")

"""An opened log: its identity and its tables, whoever wrote them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from audit_lab.errors import NotFoundError
from audit_lab.log.manifest import Manifest, inside, read_manifest
from audit_lab.log.mapping import MappedSource, Mapping
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT, SegmentSource

if TYPE_CHECKING:
    import polars as pl

    from audit_lab.log.shelf import Shelf

__all__ = ["LogStore", "Source", "open_store"]


class Source(Protocol):
    """Where tables come from: segments of our own, or foreign files through a mapping."""

    def tables(self) -> dict[str, int]:
        """Return the tables present and their rows."""

    def scan(self, name: str) -> pl.LazyFrame:
        """Return one table, canonical columns first, with ``_segment`` and ``_row``."""


@dataclass(frozen=True)
class LogStore:
    """One opened log. Opening reads the manifest (or the mapping) only; tables are read when asked for."""

    path: Path
    origin: str
    description: str
    notes: tuple[str, ...]
    source: Source = field(repr=False)
    manifest: Manifest | None = field(repr=False, default=None)
    mapping: Mapping | None = field(repr=False, default=None)
    #: The signed note of the snapshot that was opened; None for a log that is not sealed.
    checkpoint: str | None = field(repr=False, default=None)

    @cached_property
    def shelf(self) -> Shelf | None:
        """What is kept at hand between questions; None where the tables are not segments on this machine."""
        if self.manifest is None or not isinstance(self.source, SegmentSource):
            return None
        from audit_lab.log.shelf import Shelf

        return Shelf(self.source, self.path, self.manifest.tables)

    def table(self, name: str) -> pl.LazyFrame:
        """Return a canonical table without the columns that say where its rows stand."""
        return self.source.scan(name).drop(SEGMENT, ROW)

    def placed(self, name: str) -> pl.LazyFrame:
        """Return a canonical table with ``_segment`` and ``_row``."""
        return self.source.scan(name)

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
        if model_name not in self.models():
            known = ", ".join(self.models()) or "none"
            raise NotFoundError(
                f"the log {self.path} holds no inputs of a model named {model_name!r}",
                f"Models with inputs: {known}.",
            )
        return self.table(INPUTS_PREFIX + model_name)

    def file(self, relative: str) -> Path:
        """Return the path of a file that the log names, refusing any outside the log's folder."""
        return inside(self.path, relative)


def open_store(path: str | Path, mapping: str | Path | Mapping | None = None) -> LogStore:
    """Open a log folder, or a foreign Parquet folder through a mapping.

    Raises
    ------
    MisuseError
        The folder is missing, or is no audit log and no mapping was given.
    LogError
        The manifest, or the mapping, cannot be read.
    """
    folder = Path(path)
    if mapping is not None:
        read = mapping if isinstance(mapping, Mapping) else Mapping.read(Path(mapping))
        source = MappedSource(folder, read)
        return LogStore(folder, read.origin, read.description, read.notes(), source, None, read)
    manifest = read_manifest(folder)
    source_ = SegmentSource(folder, manifest)
    return LogStore(folder, manifest.origin, manifest.description, manifest.notes, source_, manifest, None)

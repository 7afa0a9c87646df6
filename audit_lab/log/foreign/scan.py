"""Scan a folder of Parquet files that somebody else wrote as one frame, whatever its files have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.foreign.delta import delta_files, is_delta
from audit_lab.log.manifest import inside
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from pathlib import Path

__all__ = ["ForeignFile", "ForeignFolder", "collect_foreign", "foreign_folder"]

_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class ForeignFile:
    """One Parquet file: its name (the path below the folder), its own columns, and those that its path states."""

    name: str
    path: Path
    schema: dict[str, pl.DataType]
    partitions: dict[str, str | None]

    @property
    def columns(self) -> dict[str, pl.DataType]:
        """The columns that can be read from this file, those of its path (``date=2015-07-01/``) included."""
        stated = dict.fromkeys(self.partitions, pl.String())
        return {**stated, **{name: dtype for name, dtype in self.schema.items() if name not in (ROW, SEGMENT)}}

    def rows(self) -> int:
        """Return the number of its rows, from its footer."""
        return int(collect(pl.scan_parquet(self.path, glob=False).select(pl.len()), str(self.path)).item())

    def scan(self) -> pl.LazyFrame:
        """Scan the file, with ``_segment`` and ``_row``; columns of its own with these two names are not read."""
        if ROW in self.schema or SEGMENT in self.schema:
            frame = pl.scan_parquet(self.path, glob=False).drop(ROW, SEGMENT, strict=False).with_row_index(ROW)
        else:
            frame = pl.scan_parquet(self.path, row_index_name=ROW, glob=False)
        stated = [
            pl.lit(value, dtype=pl.String).alias(name)
            for name, value in self.partitions.items()
            if name not in self.schema
        ]
        return frame.with_columns(*stated, pl.lit(self.name).alias(SEGMENT))


@dataclass(frozen=True)
class ForeignFolder:
    """The Parquet files of a folder, and the type that each column takes over all of them.

    `schema` leaves out the columns of `conflicts`, whose types no single type can hold; each conflict is a sentence.
    `unread` names files and links that are not read: of another kind, hidden (``.`` or ``_``), or leading out.
    """

    path: Path
    files: tuple[ForeignFile, ...]
    schema: dict[str, pl.DataType]
    conflicts: dict[str, str]
    unread: tuple[str, ...]
    #: Of a Delta table, the version that the files are of.
    delta_version: int | None = None

    def scan(self, columns: Collection[str] | None = None) -> pl.LazyFrame:
        """Scan the files as one frame, restricted to `columns` unless None; null where a file lacks a column.

        Raises
        ------
        LogError
            Two files disagree on the type of one of the columns asked for.
        """
        wanted = set(self.schema) | set(self.conflicts) if columns is None else set(columns)
        conflict = next((text for name, text in self.conflicts.items() if name in wanted), None)
        if conflict is not None:
            raise LogError(
                f"the files of {self.path} disagree on a column's type: {conflict}",
                "Move the files that differ into a folder of their own, or leave the column out of the mapping.",
            )
        return pl.concat(self.scans(wanted), how="vertical")

    def scans(self, columns: Collection[str]) -> list[pl.LazyFrame]:
        """Scan each file by itself, brought to the common types of the columns asked for."""
        chosen = {name: dtype for name, dtype in self.schema.items() if name in columns}
        return [_conformed(file, chosen) for file in self.files]


def _conformed(file: ForeignFile, chosen: dict[str, pl.DataType]) -> pl.LazyFrame:
    found = file.columns
    columns = [
        pl.lit(None, dtype=dtype).alias(name)
        if name not in found
        else (pl.col(name) if found[name] == dtype else pl.col(name).cast(dtype))
        for name, dtype in chosen.items()
    ]
    return file.scan().select(*columns, SEGMENT, ROW)


def foreign_folder(folder: Path, as_of: datetime | int | None = None) -> ForeignFolder:
    """Look at a folder of Parquet files, or at the files of a Delta table's version: their footers only.

    Parameters
    ----------
    folder
        Where they are.
    as_of
        Of a Delta table, the moment or the version; its current version when omitted.

    Raises
    ------
    MisuseError
        The folder is missing or holds no Parquet file.
    LogError
        A file cannot be read as Parquet.
    """
    if not folder.is_dir():
        raise MisuseError(f"there is no folder {folder}", "Give the path of a folder with Parquet files.")
    if is_delta(folder):
        return _delta_folder(folder, as_of)
    if as_of is not None:
        raise MisuseError(
            f"{folder} is no Delta table, so its earlier states are not known", "Leave as_of out, or filter by time."
        )
    root = folder.resolve()
    paths: list[Path] = []
    unread: list[Path] = []
    for path in sorted(path for path in root.rglob("*") if not path.is_dir()):
        parts = path.relative_to(root).parts
        hidden = any(part.startswith((".", "_")) and "=" not in part for part in parts)
        fits = path.suffix == ".parquet" and path.is_file() and path.resolve().is_relative_to(root)
        (paths if fits and not hidden else unread).append(path)
    if not paths:
        raise MisuseError(f"{folder} holds no file ending in .parquet", "Give the path of a folder with Parquet files.")
    files = tuple(_foreign_file(root, path) for path in paths)
    schema, conflicts = _unified(files)
    return ForeignFolder(folder, files, schema, conflicts, tuple(path.relative_to(root).as_posix() for path in unread))


def _delta_folder(folder: Path, as_of: datetime | int | None) -> ForeignFolder:
    version, stated = delta_files(folder, as_of)
    if not stated:
        raise MisuseError(f"version {version} of the Delta table {folder} has no file", "Give an earlier one, as_of=.")
    root = folder.resolve()
    files = tuple(
        replace(_foreign_file(root, inside(folder, file.path)), partitions=file.partitions) for file in stated
    )
    schema, conflicts = _unified(files)
    return ForeignFolder(folder, files, schema, conflicts, (), version)


def _foreign_file(root: Path, path: Path) -> ForeignFile:
    relative = path.relative_to(root)
    with reading(str(path)):
        schema = dict(pl.scan_parquet(path, glob=False).collect_schema())
    stated = (part.partition("=") for part in relative.parts[:-1] if "=" in part)
    partitions = {
        unquote(key): None if value == _HIVE_NULL else unquote(value)
        for key, _, value in stated
        if key not in (ROW, SEGMENT)
    }
    # A place is written `id@segment:row`, so a segment's name must not hold an "@".
    name = relative.with_suffix("").as_posix().replace("%", "%25").replace("@", "%40")
    return ForeignFile(name, path, schema, partitions)


def _unified(files: Iterable[ForeignFile]) -> tuple[dict[str, pl.DataType], dict[str, str]]:
    schema: dict[str, pl.DataType] = {}
    first: dict[str, str] = {}
    conflicts: dict[str, str] = {}
    for file in files:
        for name, dtype in file.columns.items():
            if name not in schema:
                schema[name], first[name] = dtype, file.name
                continue
            wider = _wider(schema[name], dtype)
            if wider is None:
                conflicts.setdefault(
                    name,
                    f"column {printable(name)} is {schema[name]} in {printable(first[name])}"
                    f" but {dtype} in {printable(file.name)}",
                )
            elif wider != schema[name]:
                schema[name], first[name] = wider, file.name
    return {name: dtype for name, dtype in schema.items() if name not in conflicts}, conflicts


def _wider(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """Return the type that holds the values of both, or None: no text among numbers, no bare times among zoned ones."""
    if one == other:
        return one
    if pl.Null() in (one, other):
        return other if one == pl.Null else one
    if one.is_numeric() and other.is_numeric():
        if not (one.is_integer() and other.is_integer()):
            return pl.Float64()
        return pl.Int128() if {one, other} & {pl.UInt64(), pl.Int128(), pl.UInt128()} else pl.Int64()
    return _wider_of_kind(one, other)


def _wider_of_kind(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    if isinstance(one, pl.Datetime) and isinstance(other, pl.Datetime):
        alike = (one.time_zone is None) == (other.time_zone is None)
        return pl.Datetime("us", one.time_zone and "UTC") if alike else None
    if isinstance(one, _TEXTS) and isinstance(other, _TEXTS):
        return pl.String()
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        inner = _wider(_dtype(one.inner), _dtype(other.inner))
        return None if inner is None else pl.List(inner)
    return None


def _dtype(inner: Any) -> pl.DataType:
    dtype: pl.DataType = inner() if isinstance(inner, type) else inner
    return dtype


def collect_foreign(frame: pl.LazyFrame, folder: ForeignFolder, columns: Collection[str]) -> pl.DataFrame:
    """Collect a frame made from a foreign folder; when that fails, name the file that cannot be read.

    Raises
    ------
    LogError
        A file is damaged; the error names it.
    """
    try:
        return collect(frame, str(folder.path))
    except LogError:
        for file in folder.files:
            for column in sorted(set(columns) & set(file.schema)):
                with reading(str(file.path)):
                    pl.read_parquet(file.path, columns=[column], glob=False)
        raise

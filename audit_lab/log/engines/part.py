"""A part of a table: Parquet files that have the same columns and say in the same way where their rows stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["ROW", "SEGMENT", "Part", "PlacedFile"]

#: Names of the two columns that say where a row stands.
SEGMENT = "_segment"
ROW = "_row"


@dataclass(frozen=True)
class PlacedFile:
    """One file: what a reader is given to open it, its rows, and the one segment that it holds from its first row on.

    `segment` is None where the file's own columns say where each row stands.
    """

    uri: str
    rows: int
    segment: str | None


@dataclass(frozen=True)
class Part:
    """Files to be scanned together.

    Parameters
    ----------
    files
        At least one; all with a `segment`, or none.
    schema
        The columns of each file.
    wanted
        The columns to bring them to, with their types; those that the files lack are null.
    storage_options
        What opens them, where they are not on this machine.
    """

    files: tuple[PlacedFile, ...]
    schema: pl.Schema
    wanted: pl.Schema
    storage_options: Mapping[str, str] | None = None

    @property
    def uris(self) -> list[str]:
        """What a reader is given to open the files, in order."""
        return [file.uri for file in self.files]

    def narrowed(self, columns: Collection[str] | None) -> Part:
        """Return the same rows with some of the columns wanted; all of them where `columns` is None."""
        if columns is None:
            return self
        return replace(self, wanted=pl.Schema({name: kind for name, kind in self.wanted.items() if name in columns}))

    @property
    def says_places(self) -> bool:
        """Whether the files' own columns say where each row stands."""
        return self.files[0].segment is None

"""Scan a log's files with DuckDB: in this process, spilling to disk what does not fit into memory."""

from __future__ import annotations

import tempfile
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.engines.brought import brought
from audit_lab.log.engines.part import ROW, SEGMENT

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

    from audit_lab.log.engines.part import Part

__all__ = ["DuckdbEngine"]

_PATH = "__path__"
_INSTALL = "Install it with the extra `duckdb`: pip install 'audit-lab[duckdb]'."


class DuckdbEngine:
    """Questions run by DuckDB, on a connection of its own that loads no extension and knows UTC only."""

    name = "duckdb"

    def scan(self, part: Part) -> nw.LazyFrame[Any]:
        """Return the rows of a part: the columns wanted, then ``_segment`` and ``_row``."""
        import narwhals as nw

        connection = self._connection
        if part.storage_options is not None:
            raise MisuseError(
                "the engine duckdb reads logs on this machine only", "Leave engine out: polars reads s3:// itself."
            )
        alike = [name for name, count in Counter(name.lower() for name in part.schema).items() if count > 1]
        if alike:
            raise MisuseError(
                f"the engine duckdb cannot tell the columns of {part.uris[0]} apart that are named {alike[0]!r}",
                "Leave engine out: polars tells upper from lower case.",
            )
        import duckdb

        try:
            files = ", ".join(_text(_literal(uri)) for uri in part.uris)
            # The paths are quoted as text; the Python function cannot name the column that holds them.
            rows = connection.sql(f"FROM read_parquet([{files}], file_row_number = true, filename = '{_PATH}')")
            return brought(nw.from_native(_placed(rows, part)), part)
        except duckdb.Error as error:
            first = str(error).splitlines()[0][:200]
            raise LogError(
                f"{part.uris[0]} and the files of its kind cannot be read with duckdb ({first})",
                "Ask the same without engine=; if that fails too, restore the file from a backup.",
            ) from error

    def local(self, frame: pl.DataFrame) -> nw.LazyFrame[Any]:
        """Return rows of this process as a frame of the engine."""
        import narwhals as nw

        made: nw.LazyFrame[Any] = nw.from_native(self._connection.from_arrow(frame.to_arrow()))
        return made

    @cached_property
    def _connection(self) -> Any:
        try:
            import duckdb
        except ImportError as error:
            raise MisuseError("the engine duckdb is not installed", _INSTALL) from error
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # The default is a folder beside wherever the process was started.
            "temp_directory": tempfile.gettempdir(),
        }
        connection = duckdb.connect(config=settings)
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def _placed(rows: Any, part: Part) -> Any:
    names = "".join(f"{_quoted(name)}, " for name in part.wanted if name in part.schema)
    if part.says_places:
        segment, row = _quoted(SEGMENT), _quoted(ROW)
    else:
        pairs = ", ".join(f"{_text(file.uri)}: {_text(file.segment or '')}" for file in part.files)
        segment, row = f"MAP {{{pairs}}}[{_PATH}]", "file_row_number"
    return rows.project(f"{names}CAST({segment} AS VARCHAR) AS {SEGMENT}, CAST({row} AS UINTEGER) AS {ROW}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literal(uri: str) -> str:
    """Return a path in which nothing is a pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in uri)

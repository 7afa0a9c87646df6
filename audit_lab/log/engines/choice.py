"""The engines there are, and how one is chosen by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

    from audit_lab.log.engines.part import Part

__all__ = ["ENGINES", "Engine", "engine_named"]

#: The names by which an engine can be asked for.
ENGINES = ("polars", "duckdb", "spark")


class Engine(Protocol):
    """Scans the files of a table for one of the libraries that run questions."""

    @property
    def name(self) -> str:
        """Its name, one of `ENGINES`."""
        ...

    def scan(self, part: Part) -> nw.LazyFrame[Any]:
        """Return the rows of a part: the columns wanted, then ``_segment`` and ``_row``.

        Raises
        ------
        LogError
            A file cannot be read.
        MisuseError
            The engine cannot read such files, or from where they are.
        """
        ...

    def local(self, frame: pl.DataFrame) -> nw.LazyFrame[Any]:
        """Return rows of this process as a frame of the engine, to be joined with what it scans."""
        ...


def engine_named(name: str) -> Engine:
    """Return an engine; its library is loaded when it first scans.

    Raises
    ------
    MisuseError
        There is none of that name.
    """
    if name == "polars":
        from audit_lab.log.engines.polars_engine import PolarsEngine

        return PolarsEngine()
    if name == "duckdb":
        from audit_lab.log.engines.duckdb_engine import DuckdbEngine

        return DuckdbEngine()
    if name == "spark":
        from audit_lab.log.engines.spark_engine import SparkEngine

        return SparkEngine()
    raise MisuseError(f"there is no engine {name!r}", f"Known are {', '.join(ENGINES)}.")

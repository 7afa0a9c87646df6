"""Bring answers back: collect frames of whichever engine as polars frames, with its errors translated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.engines.spark_engine import beside_pandas
from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    import narwhals as nw

__all__ = ["collected", "collected_all"]

_ASK_POLARS = "Ask the same without engine=; if that fails too, `audit-lab doctor` examines the log."


def collected(frame: nw.LazyFrame[Any], what: str) -> pl.DataFrame:
    """Run a question and return its answer.

    Parameters
    ----------
    frame
        A lazy frame of any engine.
    what
        What the rows are called in a message.

    Raises
    ------
    LogError
        A file cannot be read, or the engine failed.
    """
    return collected_all([frame], what)[0]


def collected_all(frames: Sequence[nw.LazyFrame[Any]], what: str) -> list[pl.DataFrame]:
    """Run several questions, together where the engine can, and return their answers in order.

    Raises
    ------
    LogError
        A file cannot be read, or the engine failed.
    """
    if not frames:
        return []
    if frames[0].implementation.is_polars():
        native = [frame.to_native() for frame in frames]
        with reading(what):
            if len(native) == 1:
                return [native[0].collect(engine="streaming")]
            return list(pl.collect_all(native, engine="streaming"))
    return [_elsewhere(frame, what) for frame in frames]


def _elsewhere(frame: nw.LazyFrame[Any], what: str) -> pl.DataFrame:
    try:
        with beside_pandas():
            answer: pl.DataFrame = frame.collect("polars").to_native()
    except Exception as error:
        if not _is_of(error, ("duckdb", "_duckdb", "pyspark", "py4j")):
            raise
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LogError(f"{what} cannot be read with {_name(frame)} ({first[:200]})", _ASK_POLARS) from error
    return answer


def _is_of(error: Exception, libraries: tuple[str, ...]) -> bool:
    return any(kind.__module__.partition(".")[0] in libraries for kind in type(error).__mro__)


def _name(frame: nw.LazyFrame[Any]) -> str:
    return "duckdb" if frame.implementation.is_duckdb() else "spark"

"""Counts of predictions that recorders wrote in the place of rows, or beside them, added up by hour."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import table_rows
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.store import LogStore

__all__ = ["AGGREGATES", "DECISION", "PREDICTIONS", "aggregated_cells", "aggregated_moments"]

#: The kind of the events.
AGGREGATES = "recorder.aggregates"

#: Columns that are no feature: all predictions (cells ``served`` and ``failed``), and decisions.
PREDICTIONS, DECISION = "(predictions)", "decision"

_KEYS: dict[str, Any] = {
    "hour": TIME,
    "model_name": pl.String,
    "model_version": pl.String,
    "column": pl.String,
}
_CELLS = {**_KEYS, "cell": pl.String, "low": pl.Float64, "high": pl.Float64, "rows": pl.Int64}
_MOMENTS = {**_KEYS, "values": pl.Int64, "sum": pl.Float64, "sum_of_squares": pl.Float64}
_LARGEST = 2**48
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def aggregated_cells(store: LogStore) -> pl.DataFrame:
    """Return what was counted, by hour (UTC), model, version, column and cell.

    Returns
    -------
    pl.DataFrame
        ``hour``, ``model_name``, ``model_version``, ``column``, ``cell``, ``low`` and ``high`` (of a bin of numbers:
        the edge that is in it, and the one above; null where it has none), ``rows``. Cells of a column that are no bin
        or category are ``(missing)`` and ``(unfit)``, which fitted none.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    rows = [(*key, *cell) for key, said in _events(store) for cell in _cells(said)]
    frame = pl.DataFrame(rows, schema=_CELLS, orient="row")
    return (
        frame.group_by(*(name for name in _CELLS if name != "rows"))
        .agg(pl.col("rows").sum())
        .sort("hour", "model_name", "model_version", "column", "low", "cell", nulls_last=False)
    )


def aggregated_moments(store: LogStore) -> pl.DataFrame:
    """Return how many numbers each column had in each hour, with their sum and the sum of their squares.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    rows = [(*key, *moment) for key, said in _events(store) for moment in _moments(said)]
    frame = pl.DataFrame(rows, schema=_MOMENTS, orient="row")
    return frame.group_by(*_KEYS).agg(pl.col("values", "sum", "sum_of_squares").sum()).sort(*_KEYS, nulls_last=False)


def _events(store: LogStore) -> Iterator[tuple[tuple[datetime, str, str], dict[str, Any]]]:
    """Yield hour, model and version of each event, and what it says; one that cannot be understood says nothing."""
    for payload in table_rows(store, "events", pl.col("kind") == AGGREGATES)["payload"]:
        try:
            said: dict[str, Any] = json.loads(payload or "")
            key = (_EPOCH + timedelta(microseconds=said["hour"]), str(said["model_name"]), str(said["model_version"]))
            counts = [cell[-1] for cell in _cells(said)] + [moment[1] for moment in _moments(said)]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
            continue
        if all(0 <= count <= _LARGEST for count in counts):
            yield key, said


def _moments(said: dict[str, Any]) -> Iterator[tuple[str, int, float, float]]:
    for name, column in said["columns"].items():
        if "edges" in column:
            yield str(name), int(sum(column["counts"])), float(column["sum"]), float(column["sum_of_squares"])


def _cells(said: dict[str, Any]) -> Iterator[tuple[str, str, float | None, float | None, int]]:
    yield PREDICTIONS, "served", None, None, int(said["rows"])
    yield PREDICTIONS, "failed", None, None, int(said["failed"])
    for word, count in said["decisions"].items():
        yield DECISION, str(word), None, None, int(count)
    for name, column in said["columns"].items():
        for cell in ("missing", "unfit"):
            yield str(name), f"({cell})", None, None, int(column[cell])
        for word, count in column.get("categories", {}).items():
            yield str(name), str(word), None, None, int(count)
        edges = [float(edge) for edge in column.get("edges", ())]
        bounds = [None, *edges, None]
        for place, count in enumerate(column.get("counts", ())):
            low, high = bounds[place], bounds[place + 1]
            words = f"[{low:g}, {high:g})" if low is not None and high is not None else None
            yield str(name), words or (f"< {high:g}" if low is None else f">= {low:g}"), low, high, int(count)

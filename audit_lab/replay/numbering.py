"""Breaks in the numbers that writers give their predictions: what a log lost, as far as a number tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.files.reading import reading
from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.store import LogStore

__all__ = ["sequence_gaps"]

_EDGES: dict[str, Any] = {"writer_id": pl.String, "after": pl.Int64, "before": pl.Int64}
_BATCH_ROWS = 262_144
_LARGEST = 2**63 - 1


def sequence_gaps(store: LogStore) -> pl.DataFrame:
    """Return each break in a writer's numbering of its predictions.

    On polars this takes sixteen bytes of memory for each unbroken run of numbers, not for each number.

    Returns
    -------
    pl.DataFrame
        ``writer_id``, ``after`` and ``before`` (the numbers on either side), ``lost`` (how many lie between them),
        ``last_seen`` and ``next_seen`` (when the predictions with those numbers occurred: the latest, the earliest).

    Raises
    ------
    LogError
        The predictions cannot be read.
    """
    edges = _by_runs(store) if store.engine.name == "polars" else _by_engine(store)
    times = _times(store, edges)
    keys = ["writer_id", "sequence"]
    seen = edges
    for edge, last, called in (("after", "last", "last_seen"), ("before", "first", "next_seen")):
        named = times.select(*keys, pl.col(last).alias(called)).rename({"sequence": edge})
        seen = seen.join(named, on=["writer_id", edge], how="left", nulls_equal=True, validate="m:1")
    lost = [min(before - after - 1, _LARGEST) for after, before in seen.select("after", "before").iter_rows()]
    return seen.select(
        "writer_id", "after", "before", pl.Series("lost", lost, dtype=pl.Int64), "last_seen", "next_seen"
    ).sort("writer_id", "after")


def _by_runs(store: LogStore) -> pl.DataFrame:
    """Keep of each writer's numbers the first and last of each unbroken run, and put runs together as they meet."""
    import numpy as np

    runs: dict[str | None, NDArray[np.int64]] = {}
    numbered = store.table("predictions").filter(pl.col("sequence").is_not_null()).select("writer_id", "sequence")
    with reading(f"the predictions of {store.location}"):
        for batch in numbered.collect_batches(chunk_size=_BATCH_ROWS, engine="streaming"):
            for (writer,), rows in batch.partition_by("writer_id", as_dict=True).items():
                numbers = rows["sequence"].to_numpy()
                if not (numbers[1:] > numbers[:-1]).all():
                    numbers = np.unique(numbers)
                found = _joined(numbers, numbers)
                if writer in runs:
                    both = np.concatenate([runs[writer], found])
                    both = both[np.argsort(both[:, 0], kind="stable")]
                    found = _joined(both[:, 0], np.maximum.accumulate(both[:, 1]))
                runs[writer] = found
    edges = [
        (writer, int(after), int(before))
        for writer, of_writer in runs.items()
        for after, before in zip(of_writer[:-1, 1], of_writer[1:, 0], strict=True)
    ]
    return pl.DataFrame(edges, schema=_EDGES, orient="row")


def _joined(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the unbroken runs of spans of numbers: first and last of each, included, both in order."""
    import numpy as np

    # The distance of two 64-bit numbers may need 64 bits: without a sign it has them.
    step = first[1:].astype(np.uint64) - last[:-1].astype(np.uint64)
    apart = np.flatnonzero((first[1:] > last[:-1]) & (step > 1))
    return np.column_stack([first[np.append(0, apart + 1)], last[np.append(apart, len(last) - 1)]])


def _by_engine(store: LogStore) -> pl.DataFrame:
    number = nw.col("sequence")
    numbered = store.frame("predictions").filter(~number.is_null()).select("writer_id", "sequence")
    beside = numbered.with_columns(after=number.shift(1).over("writer_id", order_by="sequence"))
    breaks = collected(beside.filter(number - nw.col("after") > 1), f"the predictions of {store.location}")
    return breaks.rename({"sequence": "before"}).select(pl.col(name).cast(dtype) for name, dtype in _EDGES.items())


def _times(store: LogStore, edges: pl.DataFrame) -> pl.DataFrame:
    """Return the first and the last time of each number beside a break."""
    schema: dict[str, Any] = {"writer_id": pl.String, "sequence": pl.Int64, "first": TIME, "last": TIME}
    if edges.is_empty():
        return pl.DataFrame(schema=schema)
    numbers = pl.concat([edges["after"], edges["before"]]).unique().alias("sequence").to_frame()
    wanted = store.frame("predictions").join(store.engine.local(numbers), on="sequence", how="inner")
    time: Any = nw.col("occurred_at")
    grouped = wanted.group_by("writer_id", "sequence").agg(time.min().alias("first"), time.max().alias("last"))
    answer = collected(grouped, f"the predictions of {store.location}")
    return answer.select(pl.col(name).cast(dtype) for name, dtype in schema.items())

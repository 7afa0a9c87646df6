"""The predictions of a model that have no time: they are in no window, and what failed of them must still be said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["untimed_fact", "untimed_predictions"]


def untimed_predictions(store: LogStore, model: str, column: str) -> pl.DataFrame:
    """Return how many predictions have no time by the values of a column: ``group``, ``rows``, ``failed``."""
    time = nw.col("occurred_at")
    # Asked of the time alone first: where every row has one, which statistics of the files tell, none is read.
    frame = store.frame("predictions", None, None).filter(time.is_null())
    what = f"the predictions of {store.location}"
    empty = {"group": pl.String, "rows": pl.Int64, "failed": pl.Int64}
    if not collected(frame.select(time).head(1), what).height:
        return pl.DataFrame(schema=empty)
    rows = frame.filter(nw.col("model_name") == model).select(nw.col(column).alias("group"), "error")
    counted = collected(rows, what).group_by("group").agg(rows=pl.len(), failed=(pl.col("error") != "").sum())
    return counted.cast(dict(empty)).sort("group", nulls_last=True)  # type: ignore[arg-type]


def untimed_fact(counted: pl.DataFrame) -> tuple[str, ...]:
    """Return what must be said of predictions without a time: how many there are, and how many of them failed."""
    rows, failed = int(counted["rows"].sum()), int(counted["failed"].sum())
    if not rows:
        return ()
    gone = f", and {failed:,} of them failed" if failed else ""
    return (f"predictions without a time, which are in no window: {rows:,}{gone}",)

"""Which columns have more than one value, by the least and the greatest of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.monitor.counts import MEASURED
from audit_lab.monitor.filed import Filed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.monitor.counts import Source

__all__ = ["several_values"]

_ENDS = {"column": pl.String(), "least": pl.String(), "greatest": pl.String()}


def several_values(source: Source, columns: Sequence[str]) -> list[str]:
    """Return which columns of text have more than one value, null aside."""

    def ends(frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        found = frame.select(
            *(nw.col(name).min().alias(f"{name}/least") for name in columns),
            *(nw.col(name).max().alias(f"{name}/greatest") for name in columns),
        )
        row = collected(found, MEASURED).row(0, named=True)
        rows = [(name, row[f"{name}/least"], row[f"{name}/greatest"]) for name in columns]
        return pl.DataFrame(rows, schema=_ENDS, orient="row")

    if isinstance(source, Filed):
        asked = ["ends", list(columns)]
        known = [
            source.known([pair], asked, {"ends": _ENDS}, lambda pair=pair: {"ends": ends(nw.from_native(pair.frame))})  # type: ignore[misc]
            for pair in source.pairs
        ]
        every = pl.concat([each["ends"] for each in known])
    else:
        frame = source(None, None) if callable(source) else source
        every = ends(nw.from_native(frame) if isinstance(frame, pl.LazyFrame) else frame)
    least, greatest = pl.col("least").min().alias("least"), pl.col("greatest").max()
    ends_of = every.group_by("column").agg(least, greatest)
    return ends_of.filter(pl.col("least") != pl.col("greatest"))["column"].to_list()

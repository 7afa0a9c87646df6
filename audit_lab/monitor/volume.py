"""How many rows each window has: against the reference's windows, and how many of them repeat one another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import MEASURED
from audit_lab.monitor.measures import duplicate_rate, volume_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from audit_lab.monitor.counts import Rows
    from audit_lab.monitor.cuts import Cut

__all__ = ["distinct_rows", "volume_facts", "volume_table"]

#: Fewer whole windows in the reference than this do not show what is usual.
_FEWEST_WINDOWS = 3
#: A window's rows are unusual beyond so many robust standard deviations of the reference's windows ...
_DEVIATIONS = 4.0
#: ... and this ratio, either way: half again as many, or a third fewer.
_RATIO = 1.5
#: Repetition is stated where it exceeds the highest of the reference's windows by this share of rows.
_REPEATED = 0.1
_MAD_SCALE = 1.4826
_WINDOW = "__window__"
_TIMES = "__times__"
_VOLUME = pl.Schema(
    [
        ("window", pl.String()),
        ("window_start", TIME),
        ("window_end", TIME),
        ("rows", pl.Int64()),
        ("usual_rows", pl.Float64()),
        ("ratio", pl.Float64()),
        ("verdict", pl.String()),
        ("distinct_rows", pl.Int64()),
        ("duplicate_rate", pl.Float64()),
    ]
)


def distinct_rows(rows: Rows, cut: Cut) -> NDArray[np.int64] | None:
    """Return how many different rows each window has, by all measured columns; None where that takes too much memory.

    Every different row is a group while it is counted, so that only what is held in memory anyway, or an engine that
    spills to disk, is asked.
    """
    every = rows.every()
    if every.implementation.is_polars() and not rows.in_memory:
        return None
    groups = cut.numbered(every, _WINDOW).group_by(_WINDOW, *rows.kinds).agg(nw.len().alias(_TIMES))
    counted = collected(groups.group_by(_WINDOW).agg(nw.len().alias(_TIMES)), MEASURED)
    found = np.zeros(len(cut.starts), dtype=np.int64)
    found[counted[_WINDOW].to_numpy()] = counted[_TIMES].to_numpy()
    return found


def volume_table(
    volume: NDArray[np.int64], cut: Cut, usual: NDArray[np.bool_], distinct: NDArray[np.int64] | None
) -> pl.DataFrame:
    """Return one row for each window: its rows, how that compares with the windows that `usual` marks, its repetition.

    ``verdict`` is "few", "many" or "usual", or null where fewer than three windows say what is usual.
    """
    known = volume[usual]
    middle = float(np.median(known)) if known.size >= _FEWEST_WINDOWS else 0.0
    deviation = max(_MAD_SCALE * float(np.median(np.abs(known - middle))), math.sqrt(middle)) if middle else 0.0
    rows = []
    for place, count in enumerate(volume.tolist()):
        ratio = volume_ratio(count, middle)
        different = None if distinct is None else int(distinct[place])
        repeated = None if different is None else duplicate_rate(count, different)
        verdict = None if ratio is None else _verdict(count - middle, ratio, deviation)
        start, end = cut.starts[place], cut.ends[place]
        rows.append((cut.names[place], start, end, count, middle or None, ratio, verdict, different, repeated))
    return pl.DataFrame(rows, schema=_VOLUME, orient="row")


def volume_facts(table: pl.DataFrame, cut: Cut, usual: NDArray[np.bool_], covered: Sequence[bool]) -> list[str]:
    """Return facts about windows, covered wholly, that have far fewer or more rows than usual, or repeat themselves."""
    whole = table.filter(pl.Series(covered))
    facts = []
    for verdict, said in (("few", "far fewer"), ("many", "far more")):
        mine = whole.filter(pl.col("verdict") == verdict, pl.col("rows") > 0)
        if mine.height:
            farthest = mine.sort("ratio", descending=verdict == "many").row(0, named=True)
            count = f"{mine.height:,} {cut.noun}{'' if mine.height == 1 else 's'}"
            facts.append(
                f"{said} rows than usual in {count}, the farthest {farthest['window']} "
                f"({farthest['rows']:,} where the reference's median is {farthest['usual_rows']:,.0f})"
            )
    known = table.filter(pl.Series(usual))["duplicate_rate"].drop_nulls()
    limit = (float(known.max()) if known.len() else 0.0) + _REPEATED  # type: ignore[arg-type]
    repeated = table.filter(pl.col("duplicate_rate") >= limit, ~pl.Series(usual)) if known.len() else table.clear()
    if repeated.height:
        farthest = repeated.sort("duplicate_rate", descending=True).row(0, named=True)
        facts.append(
            f"more rows than usual repeat another row of their {cut.noun} in every measured column: "
            f"{farthest['duplicate_rate']:.1%} of {farthest['window']}, in the reference {limit - _REPEATED:.1%}"
        )
    return facts


def _verdict(apart: float, ratio: float, deviation: float) -> str:
    if abs(apart) <= _DEVIATIONS * deviation or 1 / _RATIO < ratio < _RATIO:
        return "usual"
    return "few" if apart < 0 else "many"

"""What moved, where a log has counts of predictions and no rows of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.aggregates import PREDICTIONS
from audit_lab.log.schema import TIME
from audit_lab.monitor.measures import (
    chi_square_test,
    jensen_shannon_distance,
    population_stability_index,
    stability_index_noise,
)
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Aggregated", "aggregated_drift"]

#: From this stability index on a window has moved, where noise does not explain as much.
_MOVED = 0.1
#: Chance reaches the noise in this part of windows.
_LEVEL = 0.999
_FEWEST_CELLS = 2
_EVERY = ("1h", "1d", "1w", "1mo")
_CELL = ["cell", "low", "high"]
_SCHEMA: dict[str, Any] = {
    "window_start": TIME,
    "column": pl.String,
    "rows": pl.Int64,
    "psi": pl.Float64,
    "psi_noise": pl.Float64,
    "jensen_shannon": pl.Float64,
    "p_value": pl.Float64,
    "verdict": pl.String,
}


@dataclass(frozen=True, eq=False)
class Aggregated:
    """What was counted of a model's predictions, by hour.

    Attributes
    ----------
    model
        The model.
    cells, moments
        As `audit_lab.log.aggregates.aggregated_cells` and `aggregated_moments` return them, of this model.
    """

    model: str
    cells: pl.DataFrame
    moments: pl.DataFrame

    @property
    def served(self) -> int:
        """Predictions that were counted."""
        return int(self.cells.filter(column=PREDICTIONS, cell="served")["rows"].sum())

    def means(self, every: str = "1d") -> pl.DataFrame:
        """Return mean and standard deviation of each column of numbers by window.

        The columns are ``window_start``, ``column``, ``values``, ``mean`` and ``deviation``.

        Raises
        ------
        MisuseError
            There is no such length of window.
        """
        start = pl.col("hour").dt.truncate(_checked(every)).alias("window_start")
        summed = self.moments.group_by(start, "column").agg(pl.col("values", "sum", "sum_of_squares").sum())
        mean = pl.col("sum") / pl.col("values")
        deviation = (pl.col("sum_of_squares") / pl.col("values") - mean**2).clip(0).sqrt()
        return summed.select("window_start", "column", "values", mean.alias("mean"), deviation.alias("deviation")).sort(
            "window_start", "column"
        )

    def drift(self, reference: tuple[datetime, datetime], every: str = "1d") -> pl.DataFrame:
        """Compare each window with a reference; see `aggregated_drift`."""
        return aggregated_drift(self.cells, reference, every)

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary, with what it is about."""
        return f"Aggregated: {' '.join(self.summary())}"

    @spelling_text
    def summary(self) -> list[str]:
        """Return what there is, in sentences."""
        if self.cells.is_empty():
            return [f"No aggregates of {self.model} are in this log."]
        hours = self.cells["hour"].sort()
        first, last = hours[0], hours[-1]
        columns = self.cells.filter(pl.col("column") != PREDICTIONS)["column"].unique().sort()
        span = f"from {first:%Y-%m-%d %H:%M} to the hour of {last:%Y-%m-%d %H:%M} UTC"
        return [
            f"{self.served:,} predictions of {self.model} were counted, {span}: {', '.join(columns)}.",
            "Of a single prediction these counts show nothing.",
        ]


def aggregated_drift(cells: pl.DataFrame, reference: tuple[datetime, datetime], every: str = "1d") -> pl.DataFrame:
    """Compare counts of windows with those of a reference, column by column.

    Parameters
    ----------
    cells
        As `audit_lab.log.aggregates.aggregated_cells` returns them, of one model.
    reference
        From when to when (excluded), in UTC and with a zone.
    every
        ``1h``, ``1d``, ``1w`` or ``1mo``.

    Returns
    -------
    pl.DataFrame
        ``window_start``, ``column``, ``rows``, ``psi`` (population stability index), ``psi_noise`` (what chance exceeds
        in one of a thousand windows), ``jensen_shannon``, ``p_value`` (chi-squared test; null where counts are too few
        for one) and ``verdict``: "moved" where the index is at least 0.1 and above the noise, "as before", or "other
        cells" where the bins or categories that are declared were others.

    Raises
    ------
    MisuseError
        There is no such length of window, or a moment has no zone.
    LogError
        The reference counts nothing.
    """
    since, until = reference
    if since.tzinfo is None or until.tzinfo is None or since >= until:
        raise MisuseError("the reference has no zone, or is empty", "Give two moments with their zone.")
    inside = pl.col("hour").is_between(since, until, closed="left")
    featured = cells.filter(pl.col("column") != PREDICTIONS)
    known = featured.filter(inside).group_by("column", *_CELL).agg(pl.col("rows").sum())
    if known["rows"].sum() == 0:
        raise LogError("the reference has no counts", "Name a period of which there are aggregates.")
    start = pl.col("hour").dt.truncate(_checked(every)).alias("window_start")
    windows = featured.filter(~inside).group_by(start, "column", *_CELL).agg(pl.col("rows").sum())
    found = [
        _compared(first, name, known.filter(column=name), part)
        for (first, name), part in windows.sort("window_start", "column").group_by(
            ["window_start", "column"], maintain_order=True
        )
    ]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def _compared(start: Any, column: Any, known: pl.DataFrame, window: pl.DataFrame) -> dict[str, Any]:
    """Compare one column of one window."""
    row: dict[str, Any] = {"window_start": start, "column": column, "rows": int(window["rows"].sum())}
    edges = known.drop_nulls("low")["low"].sort(), window.drop_nulls("low")["low"].sort()
    if not edges[0].equals(edges[1]) or not row["rows"] or not known["rows"].sum():
        return {**row, "verdict": "other cells"}
    joined = known.join(window, on=_CELL, how="full", coalesce=True, nulls_equal=True).sort(*_CELL)
    joined = joined.with_columns(pl.col("rows", "rows_right").fill_null(0))
    joined = joined.filter((pl.col("rows") > 0) | (pl.col("rows_right") > 0))
    before, after = joined["rows"].to_numpy(), joined["rows_right"].to_numpy()
    psi = population_stability_index(before, after)
    noise = stability_index_noise(max(before.size, _FEWEST_CELLS), int(before.sum()), int(after.sum()), _LEVEL)
    return {
        **row,
        "psi": psi,
        "psi_noise": noise,
        "jensen_shannon": jensen_shannon_distance(before, after),
        "p_value": chi_square_test(before, after).p_value if before.size >= _FEWEST_CELLS else None,
        "verdict": "moved" if psi >= _MOVED and psi > noise else "as before",
    }


def _checked(every: str) -> str:
    if every not in _EVERY:
        raise MisuseError(f"{every!r} is not a length of window", f"Use one of {', '.join(_EVERY)}.")
    return every

"""The public data sets as they were published: read, joined and named, nothing invented."""

from __future__ import annotations

from pathlib import Path

import polars as pl

__all__ = ["LATE_AFTER_MINUTES", "SOURCES", "read_applicants", "read_flights", "source_path"]

SOURCES = Path(__file__).resolve().parents[1] / "sources"

#: A flight counts as late when it leaves more than this many minutes after schedule, or not at all.
LATE_AFTER_MINUTES = 15.0

FLIGHT_FILES = ("flight_delays_reference.csv.gz", "flight_delays.csv.gz")

_PERSONAL_STATUS = {
    "A91": "male : divorced/separated",
    "A92": "female : divorced/separated/married",
    "A93": "male : single",
    "A94": "male : married/widowed",
    "A95": "female : single",
}


def source_path(name: str) -> Path:
    """Return where the copy of a public file stands."""
    return SOURCES / name


def read_flights() -> pl.DataFrame:
    """Read the 100,000 flights of 2015, in the order of their row number in the full public table.

    Returns
    -------
    pl.DataFrame
        ``row`` (the unnamed index of the source), ``date``, ``carrier``, ``distance_miles``, ``cancelled``,
        ``delay_minutes`` (null where the flight never left) and ``late``.
    """
    dtypes = {"DATE": pl.Date, "DEPARTURE_DELAY": pl.Float64}
    parts = [pl.read_csv(source_path(name), schema_overrides=dtypes) for name in FLIGHT_FILES]
    cancelled = pl.col("CANCELLED") == 1
    return (
        pl.concat(parts)
        .select(
            pl.col("").alias("row"),
            pl.col("DATE").alias("date"),
            pl.col("AIRLINE").alias("carrier"),
            pl.col("DISTANCE").cast(pl.Float64).alias("distance_miles"),
            cancelled.alias("cancelled"),
            pl.col("DEPARTURE_DELAY").alias("delay_minutes"),
            (cancelled | (pl.col("DEPARTURE_DELAY") > LATE_AFTER_MINUTES)).alias("late"),
        )
        .sort("row")
    )


def read_applicants() -> pl.DataFrame:
    """Read the 1,000 German credit applicants in the order of the public file.

    The decoded file's column ``personal_status_and_sex`` does not belong to its rows (its totals agree with the raw
    codes, its rows do not), so that column is decoded again from the raw codes; all others agree row by row.

    Returns
    -------
    pl.DataFrame
        The 20 attributes and ``creditability`` (``good`` or ``bad``), after ``row``, the row number from 0.
    """
    decoded = pl.read_csv(source_path("germancredit.csv"))
    raw_lines = source_path("german.data").read_text(encoding="ascii").splitlines()
    codes = pl.Series("personal_status_and_sex", [line.split()[8] for line in raw_lines])
    return decoded.with_columns(codes.replace_strict(_PERSONAL_STATUS)).with_row_index("row").cast({"row": pl.Int64})

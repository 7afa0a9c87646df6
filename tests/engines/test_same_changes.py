"""Changes of the data are recognised alike on every engine: the same names, days, rows, parts and evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al

START = datetime(2024, 3, 4, tzinfo=UTC)
TIMES, PER_DAY = 56, 40


def longer(frame: pl.DataFrame) -> pl.DataFrame:
    """Return forty rows of a small log day after day, under other ids."""
    times = [name for name in ("occurred_at", "recorded_at") if name in frame.columns]
    every = pl.concat(
        frame.with_columns(pl.col("prediction_id") + f"-{day:02d}", day=pl.lit(day)) for day in range(TIMES)
    )
    moment = pl.lit(START) + pl.duration(minutes=36 * pl.int_range(pl.len()))
    return every.with_columns(moment.dt.cast_time_unit("us").alias(name) for name in times)


def predictions(frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(pl.len())
    return (
        longer(frame).with_columns(node=pl.when(number % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b"))).drop("day")
    )


def inputs(frame: pl.DataFrame) -> pl.DataFrame:
    """Let a unit change for a week, one node send a text that stands for none, and a third of a column go missing."""
    number, day = pl.int_range(pl.len()), pl.col("day")
    income = pl.col("income").cast(pl.Float64)
    changed = longer(frame).with_columns(
        income=pl.when(day.is_between(28, 34)).then(income * 1000).otherwise(income),
        city=pl.when(day.is_between(20, 25) & (number % 2 == 1)).then(pl.lit("unknown")).otherwise("city"),
        years=pl.when(~(day.is_between(40, 45) & (number % 3 == 0))).then("years"),
    )
    return changed.drop("day")


def days(first: int, last: int) -> tuple[datetime, datetime]:
    return START + timedelta(days=first), START + timedelta(days=last + 1)


#: Spark takes some minutes for the questions of three columns and a node, on cores that others use, too.
@pytest.mark.parametrize("other", ["duckdb", pytest.param("spark", marks=pytest.mark.soak)], indirect=True)
def test_recognised_changes_are_equal(make_log, other):
    folder = make_log(predictions=predictions, inputs_loans=inputs)
    columns = ["income", "city", "years"]
    polars, elsewhere = (al.open(folder, engine=name).drift(columns).changes for name in ("polars", other))
    assert [(one.kind, one.column, one.where, one.start, one.end) for one in polars] == [
        ("frozen", "city", ("node", "b"), *days(20, 25)),
        ("unit", "income", None, *days(28, 34)),
        ("missing values", "years", None, *days(40, 45)),
    ]
    assert [one.to_dict() for one in elsewhere] == [one.to_dict() for one in polars]

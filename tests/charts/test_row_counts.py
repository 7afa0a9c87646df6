"""A picture has as many marks whether few or very many rows were counted: it is drawn from aggregates alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from audit_lab import charts
from audit_lab.monitor.beside import densities, window_bins
from audit_lab.monitor.drift import drift

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WEEKS, PER_WEEK = 8, 100
#: A hundred million rows are so many times as many as a thousand.
TIMES = 100_000


def marks(chart) -> int:
    return sum(len(rows) for rows in chart.to_dict()["datasets"].values())


def measured(times: int):
    random = np.random.default_rng(1)
    place = np.repeat(np.arange(WEEKS * PER_WEEK), times)
    amount = random.normal(0, 1, WEEKS * PER_WEEK).round(2)
    frame = pl.DataFrame({"week": place // PER_WEEK, "amount": amount[place]}).select(
        "amount",
        at=pl.lit(START) + pl.duration(weeks="week"),
        city=pl.when(pl.col("amount") > 0).then(pl.lit("Bern")).otherwise(pl.lit("Oslo")),
    )
    return drift(frame.lazy(), time="at", columns=["amount", "city"])


@pytest.fixture(scope="module")
def few_and_many():
    return measured(1), measured(100)


@pytest.mark.parametrize(
    "draw",
    [
        lambda found: charts.drift_heatmap(found.table, reference="r"),
        lambda found: charts.drift_ridge(densities(found, "amount"), column="amount", reference="r"),
        lambda found: charts.distribution(
            window_bins(found, "city", START + 7 * DAY), column="city", window="w", reference="r"
        ),
    ],
    ids=["heat map", "ridge", "before and after"],
)
def test_pictures_of_drift_have_as_many_marks_of_a_hundred_times_the_rows(few_and_many, draw):
    few, many = few_and_many
    assert many.volume["rows"].sum() == 100 * few.volume["rows"].sum()
    assert marks(draw(many)) == marks(draw(few)) > 0


WINDOWS = {"window_start": [START, START + DAY], "window_end": [START + DAY, START + 2 * DAY]}
SERIES = pl.DataFrame({**WINDOWS, "value": [0.1, 0.3], "rows": [500, 500]})
DATED = pl.DataFrame(
    {
        "column": ["city"],
        "statistic": ["share"],
        "category": ["Bern"],
        "at": [START + DAY],
        "before": [0.1],
        "earliest": [START],
        "latest": [START + DAY],
        "after": [0.3],
        "since": [START],
        "until": [START + 2 * DAY],
    }
)
CURVE = pl.DataFrame(
    {
        "bin": [0, 1],
        "lower": [0.0, 0.5],
        "upper": [0.5, 1.0],
        "rows": [600, 400],
        "mean_score": [0.2, 0.7],
        "positive_share": [0.2, 0.7],
        "low": [0.1, 0.6],
        "high": [0.3, 0.8],
    }
)
RATES = pl.DataFrame(
    {
        "window_start": [START] * 2,
        "window_end": [START + DAY] * 2,
        "model_version": ["1"] * 2,
        "rows": [600, 400],
        "grouping": ["city"] * 2,
        "group": ["Bern", "Oslo"],
        "measure": ["selection_rate"] * 2,
        "value": [0.5, 0.4],
        "low": [0.4, 0.3],
        "high": [0.6, 0.5],
        "status": ["measured"] * 2,
        "known": ["now"] * 2,
        "of": ["decision"] * 2,
        "estimated": [False] * 2,
    }
)


@pytest.mark.parametrize(
    ("frame", "draw"),
    [
        (SERIES, lambda frame: charts.onset_line(frame, DATED, "city", "share", "Bern")),
        (CURVE, lambda frame: charts.calibration_curve(frame, positive="bad", window="w", model="m")),
        (RATES, lambda frame: charts.group_comparison(frame, "selection_rate")),
    ],
    ids=["onset line", "calibration curve", "group comparison"],
)
def test_pictures_of_counted_rows_have_as_many_marks_of_a_hundred_million(frame, draw):
    many = frame.with_columns(pl.col("rows") * TIMES)
    assert many["rows"].sum() == TIMES * 1000
    assert marks(draw(many)) == marks(draw(frame)) > 0

"""Questions about windows of time on every engine: onsets, operations, segments, performance and fairness are equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import audit_lab as al

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
DAYS = 24


def longer(frame):
    """Repeat forty hours of rows day after day, under other ids."""
    times = [name for name in ("occurred_at", "recorded_at") if name in frame.columns]
    return pl.concat(
        frame.with_columns(
            pl.col("prediction_id") + f"-{day:02d}", *(pl.col(name) + timedelta(hours=40 * day) for name in times)
        )
        for day in range(DAYS)
    )


def odd_predictions(frame):
    """Make of 960 predictions some that failed, lack a time, a score or a version, and two that bear one id."""
    number = pl.int_range(pl.len())
    odd = longer(frame).with_columns(
        error=pl.when((number % 53 == 7) | ((number > 700) & (number < 740))).then(pl.lit("backend down")),
        occurred_at=pl.when(number != 17).then("occurred_at"),
        model_version=pl.when(number % 3 == 0).then(pl.lit("2")).otherwise("model_version"),
        outputs=pl.when(number % 103 != 3).then("outputs"),
        node=pl.when(number % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
        latency_ms=pl.when(number % 41 == 0).then(float("nan")).otherwise((number % 37).cast(pl.Float64)),
    )
    return pl.concat([odd, odd[40:42]])


def odd_inputs(frame):
    """Let the income go over into another unit and a city vanish, among values that are missing or no numbers."""
    number = pl.int_range(pl.len())
    return longer(frame).with_columns(
        income=pl.when(number % 50 == 1)
        .then(float("nan"))
        .when(number % 50 != 4)
        .then(pl.col("income") * pl.when(number > 600).then(1.609344).otherwise(1.0)),
        city=pl.when((number > 500) & (pl.col("city") == "Oslo")).then(pl.lit("Bern")).otherwise("city"),
    )


def odd_outcomes(_):
    """Let outcomes come for most predictions, twice with other values for some, and for ids that none has."""
    number = pl.int_range(pl.len())
    ids = longer(pl.DataFrame({"prediction_id": [f"p-{row:03d}" for row in range(40)]}))
    seen = pl.lit(START) + pl.duration(hours=number + 30)
    known = ids.with_columns(
        observed_at=seen, recorded_at=seen, label=pl.when(number % 7 < 3).then(pl.lit("bad")).otherwise(pl.lit("good"))
    ).filter(number % 5 != 0)
    again = known[100:110].with_columns(label=pl.lit("bad"), recorded_at=pl.col("recorded_at") + timedelta(hours=1))
    strangers = known[:3].with_columns(prediction_id="nobody-" + pl.col("prediction_id"))
    return pl.concat([known, again, strangers])


@pytest.fixture
def logs(make_log, other):
    """The small log, grown and made odd, as polars and another engine see it."""
    folder = make_log(predictions=odd_predictions, inputs_loans=odd_inputs, outcomes=odd_outcomes)
    return al.open(folder), al.open(folder, engine=other)


def test_onsets_are_equal(logs):
    polars, other = (log.onset(["income", "city", "score", "outcome"], zone="Europe/Berlin") for log in logs)
    assert {one.column for one in polars.onsets} >= {"income", "city"}
    assert other.to_dict() == polars.to_dict()
    assert_frame_equal(other.series("income", "mean"), polars.series("income", "mean"), rel_tol=0, abs_tol=0)


def test_operations_are_equal(logs):
    polars, other = (log.operations(every="1d", by="node", zone="America/New_York") for log in logs)
    assert polars.failed > 40
    assert polars.findings != ()
    assert other.to_dict() == polars.to_dict()


def test_segments_are_equal(logs):
    polars, other = (log.segments(["city", "years"], measure="error") for log in logs)
    assert polars.table.height > 3
    assert other.to_dict() == polars.to_dict()


@pytest.mark.parametrize("asked", [{"every": "1w", "by_version": True}, {"as_of": START + timedelta(days=20)}], ids=str)
def test_performance_is_equal(logs, asked):
    polars, other = (log.performance(**asked, zone="Europe/Berlin") for log in logs)
    assert polars.windows["labelled"].sum() > 300
    assert any("several outcomes that differ" in fact for fact in polars.facts)
    assert any("outcomes of ids that no prediction has: 3" in fact for fact in polars.facts)
    assert_frame_equal(other.windows, polars.windows)
    assert_frame_equal(other.table, polars.table, rel_tol=0, abs_tol=0)
    assert other.to_dict() == polars.to_dict()


def test_fairness_is_equal(logs):
    groups = {"favourable": "approve", "bands": {"inputs.years": [5, 12]}, "every": "1mo", "zone": "Europe/Berlin"}
    polars, other = (log.fairness(["city", "inputs.years", "inputs.income > 4000"], **groups) for log in logs)
    assert polars.rows > 800
    assert_frame_equal(other.table, polars.table, rel_tol=0, abs_tol=0)
    assert other.to_dict() == polars.to_dict()

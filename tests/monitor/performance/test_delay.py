"""How long outcomes take, when not all have come: the estimate equals a library's, and windows wait as they should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_lab.monitor.performance.delay import (
    Arrival,
    delay_quantiles,
    delays_of,
    expected_share,
    kaplan_meier,
    step_of,
    waiting,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def counted(rows):
    """Return counted rows from (age, delay or None)."""
    ages, delays = (list(side) for side in zip(*rows, strict=True))
    frame = pl.DataFrame({"age": ages, "delay": delays}, schema={"age": pl.Int64, "delay": pl.Int64})
    return frame.with_columns(has_outcome=pl.col("delay").is_not_null()).group_by(pl.all()).agg(rows=pl.len())


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=60))
def test_arrivals_equal_scipy_s_kaplan_meier(pairs):
    rows = [(age, delay if delay <= age else None) for age, delay in pairs]
    arrived = [delay for _, delay in rows if delay is not None]
    arrival = kaplan_meier(counted(rows), DAY)
    if not arrived:
        assert arrival.share.size == 0
        return
    sample = stats.CensoredData(uncensored=arrived, right=[age for age, delay in rows if delay is None])
    by = stats.ecdf(sample).cdf
    at = np.arange(max(arrived) + 1)
    assert arrival.share == pytest.approx(by.evaluate(at) / by.evaluate(at[-1]), abs=1e-9)


def test_delays_of_those_that_came_alone_would_be_too_short():
    """Half of all outcomes take 10 days; of the predictions of the last 5 days only quick ones can have come."""
    rows = [(30, 1)] * 50 + [(30, 10)] * 50 + [(5, 1)] * 500 + [(5, None)] * 500
    arrival = kaplan_meier(counted(rows), DAY)
    assert arrival.share[5] == pytest.approx(0.5)
    naive = 550 / 600
    assert arrival.share[5] < naive - 0.4


def test_outcomes_that_never_come_do_not_keep_a_window_waiting():
    rows = [(100, 3)] * 60 + [(100, None)] * 40
    arrival = kaplan_meier(counted(rows), DAY)
    assert expected_share(counted([(50, 3)] * 6 + [(50, None)] * 4), arrival) == 1.0
    assert expected_share(counted([(2, None)] * 10), arrival) == 0.0


def test_where_every_outcome_is_there_nothing_is_waited_for():
    arrival = Arrival(DAY, np.array([0.0, 1.0]))
    assert expected_share(counted([(0, 0)] * 3), arrival) == 1.0
    assert expected_share(counted([(0, None)] * 3), Arrival(DAY, np.zeros(0))) is None


@pytest.mark.parametrize(
    ("span", "step"),
    [(timedelta(days=2), timedelta(minutes=1)), (timedelta(days=365), timedelta(hours=1)), (40_000 * DAY, DAY)],
)
def test_steps_are_as_fine_as_the_span_allows(span, step):
    assert step_of(span) == step


def test_delays_are_counted_with_those_that_came_before():
    times = {"occurred_at": [START] * 4, "observed_at": [START + DAY, START + 3 * DAY, START - DAY, None]}
    found = delays_of(
        pl.LazyFrame(times).select(pl.all().cast(pl.Datetime("us", "UTC"))).pipe(delay_quantiles).collect()
    )
    assert (found.rows, found.before) == (3, 1)
    assert found.quantiles["shortest"] == -DAY
    assert found.quantiles["median"] == DAY
    assert found.quantiles["longest"] == 3 * DAY


def test_waiting_counts_ages_and_delays_in_whole_steps():
    rows = pl.LazyFrame(
        {
            "window_start": [None, None, None],
            "model_version": ["1"] * 3,
            "occurred_at": [START, START, START + 9 * DAY],
            "known_at": [START + 1.5 * DAY, None, None],
            "has_outcome": [True, False, False],
        },
        schema_overrides={"known_at": pl.Datetime("us", "UTC")},
    )
    found = waiting(rows, START + 5 * DAY, DAY).collect().sort("age", "delay", nulls_last=True)
    assert found.select("age", "delay", "rows").rows() == [(0, None, 1), (5, 1, 1), (5, None, 1)]

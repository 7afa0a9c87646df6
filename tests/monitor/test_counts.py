"""Counts by window: the same however they are made, and the measures that follow from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_lab.monitor import bins as bins_module
from audit_lab.monitor import blocks
from audit_lab.monitor import marked as marked_module
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.counts import TIME_COLUMN, Rows, extent
from audit_lab.monitor.cuts import calendar_cut
from audit_lab.monitor.drift import drift
from audit_lab.monitor.levels import median_within
from audit_lab.monitor.reference_rows import reference_bins
from audit_lab.monitor.window_counts import binned_counts, count_windows, value_rows
from audit_lab.monitor.windows import WINDOWS, window_length

START = datetime(2015, 1, 5, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WEEKS = 12

moments = st.datetimes(datetime(1, 1, 8), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(3)
    rows = 6_000
    seconds = np.sort(random.uniform(0, WEEKS * 7 * 86_400, rows))
    values = random.normal(10, 3, rows)
    values[::97] = np.nan
    values[5::301] = np.inf
    values[8::503] = -0.0
    return pl.DataFrame(
        {
            "at": pl.Series([START + timedelta(seconds=float(second)) for second in seconds]),
            "value": pl.Series(values).set(pl.Series(np.arange(rows) % 89 == 0), None),
            "rounded": np.round(random.gamma(2.0, 4.0, rows)),
            "nothing": pl.Series([None] * rows, dtype=pl.Null),
            "city": random.choice(["Bern", "Oslo", "Rome"], rows),
        }
    )


def prepared(frame, *columns, reference=4):
    rows = Rows(frame.lazy(), "at", columns)
    seen = extent(rows)
    rows.without_nan(seen)
    length = window_length("1w")
    starts = length.starts(seen.first, seen.last)
    _, bins = reference_bins(rows, START, START + reference * WEEK)
    return rows, bins, length, starts


@given(moments, st.sampled_from(sorted(WINDOWS)))
def test_the_number_of_a_window_is_the_same_by_any_way_and_leads_back_to_its_start(moment, every):
    length = window_length(every)
    numbers = [
        nw.from_native(pl.DataFrame({"t": [moment]})).select(length.number("t", by_polars=by_polars)).item()
        for by_polars in (True, False)
    ]
    assert numbers == [length.number_of(moment)] * 2
    start = length.start(numbers[0])
    assert start == pl.Series([moment]).dt.truncate(every)[0]
    assert start <= moment < length.after(start)


def test_weeks_begin_on_monday_before_and_after_the_epoch():
    length = window_length("1w")
    for day, monday in ((datetime(1969, 12, 31, tzinfo=UTC), 29), (datetime(1970, 1, 1, tzinfo=UTC), 29)):
        assert length.start(length.number_of(day)) == datetime(1969, 12, monday, tzinfo=UTC)


def test_counts_by_bin_alone_are_those_of_the_cells(frame):
    rows, bins, length, starts = prepared(frame, "value", "rounded", "nothing")
    _, counted = count_windows(rows, bins, length, starts)
    assert counted[0].binned.sum() == counted[1].binned.sum() == frame.height
    for one, binned in zip(counted, binned_counts(rows, bins, length, starts), strict=True):
        assert binned.tolist() == one.binned.tolist()


def test_counts_do_not_depend_on_how_many_rows_and_columns_are_counted_together(frame, monkeypatch):
    rows, bins, length, starts = prepared(frame, "value", "rounded", "city")
    volume, together = count_windows(rows, bins, length, starts)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 700)
    monkeypatch.setattr(blocks, "_BLOCK_VALUES", 1_400)
    monkeypatch.setattr(marked_module, "AT_ONCE", 64)
    again, apart = count_windows(rows, bins, length, starts)
    assert again.tolist() == volume.tolist() == frame.group_by_dynamic("at", every="1w").agg(pl.len())["len"].to_list()
    for one, other in zip(together, apart, strict=True):
        assert other.binned.tolist() == one.binned.tolist()
        assert other.occurring(5).equals(one.occurring(5))


def test_a_source_is_asked_for_the_ranges_that_are_needed_and_answers_the_same(frame, monkeypatch):
    monkeypatch.setattr("audit_lab.monitor.counts._VALUES_KEPT", 0)
    asked = []

    def source(since, until):
        asked.append((since, until))
        some = frame if since is None else frame.filter(pl.col("at").is_between(since, until, closed="left"))
        return some.lazy()

    options = {"time": "at", "columns": ["value", "rounded", "city"], "reference": (START, START + 4 * WEEK)}
    found = drift(source, **options)
    assert (START, START + 4 * WEEK) in asked
    whole = drift(frame.lazy(), **options)
    assert found.table.equals(whole.table)
    assert found.summary() == whole.summary()


def test_a_column_with_very_many_values_is_counted_at_its_percentiles(frame, monkeypatch):
    options = {"time": "at", "columns": ["value", "rounded"], "reference": (START, START + 4 * WEEK)}
    exact = drift(frame.lazy(), **options)
    monkeypatch.setattr(bins_module, "MOST_VALUES", 500)
    marked = drift(frame.lazy(), **options)
    assert [one.bins.marked for one in marked.counts] == [True, False]
    assert marked.counts[0].bins.values.size == 101
    assert marked.counts[0].bins.labels == exact.counts[0].bins.labels
    assert marked.counts[0].bins.median == exact.counts[0].bins.median
    assert marked.counts[0].binned.tolist() == exact.counts[0].binned.tolist()
    one, other = (each.table.filter(pl.col("column") == "value") for each in (exact, marked))
    apart = ("ks", "ks_p_value", "wasserstein", "wasserstein_error", "wasserstein_scaled", "exceeds")
    assert other.drop(apart).equals(one.drop(apart))
    assert ((other["wasserstein"] - one["wasserstein"]).abs() <= other["wasserstein_error"] + 1e-9).all()
    lost = (one["ks"] - other["ks"]).to_numpy()
    assert lost.max() > 0
    assert (lost >= 0).all()
    assert (lost <= 0.01).all()
    assert any("is taken at percentiles, and may be up to 0.01 too small" in fact for fact in marked.facts)
    assert marked.table.filter(pl.col("column") == "rounded").equals(exact.table.filter(pl.col("column") == "rounded"))


def test_zero_and_minus_zero_are_one_value():
    bins = NumericBins.of_counts("x", np.array([-0.0, 1.0]), np.array([2, 3]), 0)
    assert repr(float(bins.values[0])) == "0.0"


@pytest.mark.parametrize("part", [timedelta(0), timedelta(hours=30)], ids=["whole windows", "parts of windows"])
@pytest.mark.parametrize("most", [10_000, 500], ids=["by value", "at marks"])
def test_values_and_medians_of_a_span_are_those_of_its_rows(frame, monkeypatch, part, most):
    monkeypatch.setattr(bins_module, "MOST_VALUES", most)
    rows, bins, length, starts = prepared(frame, "value", "rounded")
    start, end = START + 2 * WEEK + part, START + 5 * WEEK
    within = frame.filter(pl.col("at").is_between(start, end, closed="left"))
    held = within["value"].fill_nan(None).drop_nulls()
    values, counts = value_rows(rows, "value", start, end)
    assert np.repeat(values, counts).tolist() == held.sort().to_list()
    spans = [("value", start, end), ("rounded", start, end), ("value", START - WEEK, START)]
    found = median_within(rows, spans, bins, calendar_cut(length, starts))
    assert found == [held.median(), within["rounded"].median(), None]


def test_kolmogorov_smirnov_by_cells_agrees_with_scipy(frame):
    found = drift(frame.lazy(), time="at", columns=["value"], reference=(START, START + 4 * WEEK))
    clean = frame.select("at", pl.col("value").fill_nan(None)).drop_nulls()
    before = clean.filter(pl.col("at") < START + 4 * WEEK)["value"].to_numpy()
    week = clean.filter(pl.col("at").is_between(START + 7 * WEEK, START + 8 * WEEK, closed="left"))["value"].to_numpy()
    expected = stats.ks_2samp(before, week, method="asymp").statistic
    assert found.table["ks"][7] == pytest.approx(expected, abs=1e-12)


def test_the_time_may_be_a_date_or_lack_a_zone(frame):
    days = frame.with_columns(pl.col("at").dt.date())
    bare = frame.with_columns(pl.col("at").dt.replace_time_zone(None))
    elsewhere = frame.with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo"))
    whole = drift(frame.lazy(), time="at", columns=["rounded"])
    for other in (bare, elsewhere):
        assert drift(other.lazy(), time="at", columns=["rounded"]).table.equals(whole.table)
    rows = Rows(days.lazy(), "at", ["rounded"]).every().collect().to_native()
    assert rows.schema[TIME_COLUMN] == pl.Datetime("us", "UTC")
    assert rows[TIME_COLUMN].dt.hour().unique().to_list() == [0]

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import betabinom

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.monitor.beside import _chance, densities, where_to_begin, window_bins
from audit_lab.monitor.drift import drift

START = datetime(2015, 1, 5, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WEEKS, EACH = 12, 400


def measured(values, **options):
    """Return the drift of a column over twelve weeks of four hundred rows, the first eight of them the reference."""
    at = [START + timedelta(seconds=1512 * number) for number in range(WEEKS * EACH)]
    frame = pl.DataFrame({"at": at, "x": values})
    reference = (START, START + 8 * WEEK)
    return drift(frame.lazy(), time="at", columns=["x"], **{"reference": reference, **options})


@pytest.fixture(scope="module")
def shifted():
    random = np.random.default_rng(3)
    values = random.normal(size=WEEKS * EACH)
    values[9 * EACH :] += 1
    values[::50] = np.nan
    return measured(values)


@pytest.fixture(scope="module")
def many():
    random = np.random.default_rng(4)
    at = [START + timedelta(seconds=50 * number) for number in range(24_000)]
    frame = pl.DataFrame({"at": at, "x": random.normal(size=24_000)})
    return drift(frame.lazy(), time="at", columns=["x"], every="1d", reference=(START, START + timedelta(days=10)))


@pytest.mark.parametrize("name", ["shifted", "many"])
def test_densities_lose_no_row(name, request):
    found = request.getfixturevalue(name)
    by_window = densities(found, "x").group_by("window_start", maintain_order=True)
    sums = by_window.agg(pl.col("window_rows").sum(), pl.col("rows").first(), pl.col("reference_rows").sum())
    assert sums["window_rows"].to_list() == pytest.approx(sums["rows"].to_list())
    assert sums["reference_rows"].to_list() == pytest.approx([found.reference.rows] * sums.height)


def test_densities_count_what_numpy_counts(shifted):
    random = np.random.default_rng(3)
    values = random.normal(size=WEEKS * EACH)
    values[9 * EACH :] += 1
    values[::50] = np.nan
    mine = densities(shifted, "x").filter(window_start=START + 5 * WEEK)
    inside = mine.filter(part="inside")
    edges = [*inside["lower"], inside["upper"][-1]]
    # The rows of a week of the reference are values of it, so that each lies in one interval.
    counted, _ = np.histogram(-values[5 * EACH : 6 * EACH], bins=-np.array(edges)[::-1])  # upper edges are included
    assert inside["window_rows"].to_list() == pytest.approx(counted[::-1].tolist())
    assert mine.filter(part="missing")["window_rows"].to_list() == [8.0]


def test_few_values_have_an_interval_each_about_themselves():
    found = measured(np.resize([1.0, 2.0, 4.0], WEEKS * EACH))
    inside = densities(found, "x").filter(window_start=START, part="inside")
    assert inside.select("lower", "upper", "window_rows").rows() == [(0.5, 1.5, 134), (1.5, 3.0, 133), (3.0, 5.0, 133)]


@pytest.mark.parametrize("value", [7.0, float("inf")])
def test_a_single_value_has_one_interval_and_no_row_is_lost(value):
    parts = densities(measured(np.full(WEEKS * EACH, value)), "x").filter(window_start=START)
    assert parts["window_rows"].sum() == EACH
    assert parts.filter(part="inside").height == 1


def test_text_has_no_densities():
    with pytest.raises(MisuseError, match="'x' has no densities"):
        densities(measured(["a", "b"] * (WEEKS * EACH // 2)), "x")


def test_bins_have_their_true_edges_and_what_lies_outside_says_so(shifted):
    found = window_bins(shifted, "x", START + 9 * WEEK, START + 12 * WEEK)
    inner = found.filter(pl.col("lower").is_not_null(), pl.col("upper").is_not_null())
    assert inner["lower"].to_list()[1:] == inner["upper"].to_list()[:-1]
    assert inner["upper"].to_list()[:-1] == shifted.counts[0].bins.edges.tolist()
    above = found.filter(pl.col("lower").is_not_null(), pl.col("upper").is_null())
    assert above["note"].to_list() == ["outside"]


def test_windows_are_added_up(shifted):
    both = window_bins(shifted, "x", START + 9 * WEEK, START + 11 * WEEK)
    each = [window_bins(shifted, "x", START + week * WEEK) for week in (9, 10)]
    assert both["window_rows"].sum() == 2 * EACH
    assert both["window_rows"].sum() == sum(one["window_rows"].sum() for one in each)
    assert both["window_share"].sum() == pytest.approx(1.0)
    with pytest.raises(NotFoundError, match="No window starts at 2015-01-06"):
        window_bins(shifted, "x", START + timedelta(days=1))


def test_categories_that_are_new_or_gone_are_noted():
    values = np.resize(["a", "b", "c"], WEEKS * EACH).astype(object)
    values[9 * EACH :] = np.where(values[9 * EACH :] == "b", "z", values[9 * EACH :])
    found = window_bins(measured(values.tolist()), "x", START + 9 * WEEK)
    notes = {row["bin"]: row["note"] for row in found.to_dicts()}
    assert notes == {"a": None, "b": "gone", "c": None, "(new)": "new"}


def test_chance_is_the_quantiles_of_a_beta_binomial_distribution(shifted):
    row = window_bins(shifted, "x", START + 8 * WEEK).row(3, named=True)
    known, rows = row["reference_rows"], shifted.reference.rows
    bins = window_bins(shifted, "x", START + 8 * WEEK).height
    expected = betabinom(EACH, known + 0.5, rows - known + 0.5)
    assert row["chance_low"] == expected.ppf(0.025 / bins) / EACH
    assert row["chance_high"] == expected.ppf(1 - 0.025 / bins) / EACH


@pytest.mark.parametrize("rows", [1, 40, 3_000, 200_000])
def test_chance_is_right_for_rare_and_sure_bins_and_for_many_rows(rows):
    known = np.array([0, 1, 3, 90])
    low, high = _chance(known, rows)
    tail = 0.025 / known.size
    for number, one in enumerate(known):
        expected = betabinom(rows, one + 0.5, known.sum() - one + 0.5)
        if rows <= 3_000:
            assert (low[number], high[number]) == (expected.ppf(tail) / rows, expected.ppf(1 - tail) / rows)
        else:
            for share, quantile in ((low[number], tail), (high[number], 1 - tail)):
                count = round(share * rows)
                assert expected.cdf(count - 20) <= quantile <= expected.cdf(count + 20)


def test_without_drift_all_bins_lie_where_chance_allows_in_95_of_100_windows():
    random = np.random.default_rng(11)
    rows = 52 * EACH
    at = [START + timedelta(seconds=1512 * number) for number in range(rows)]
    frame = pl.DataFrame({"at": at, "x": random.choice(["a", "b", "c"], p=[0.6, 0.37, 0.03], size=rows)})
    reference = (START, START + 8 * WEEK)
    found = drift(frame.lazy(), time="at", columns=["x"], reference=reference)
    kept = 0
    for week in range(8, 52):
        bins = window_bins(found, "x", START + week * WEEK)
        kept += bins["window_share"].is_between(bins["chance_low"], bins["chance_high"]).all()
    assert 39 <= kept <= 44


def test_where_to_begin_is_what_is_gone_for_good(shifted):
    values = np.resize(["a", "b", "c"], WEEKS * EACH).astype(object)
    values[9 * EACH :] = "a"
    column, start = where_to_begin(measured(values.tolist()))
    assert (column, start) == ("x", START + 9 * WEEK)
    assert where_to_begin(shifted) == ("x", START + 9 * WEEK)

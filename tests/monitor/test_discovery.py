"""Adjusted p-values beside scipy's, and the calibration's own arithmetic."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from audit_lab.errors import MisuseError
from audit_lab.monitor.bins import CategoryBins
from audit_lab.monitor.calibration import Layout, calibrate
from audit_lab.monitor.discovery import adjusted, smallest_adjusted

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=60)
BINS = (CategoryBins("city", ("Bern", "Oslo"), np.array([600, 400]), 0),)
SAMPLE = pl.DataFrame({"city": ["Bern"] * 60 + ["Oslo"] * 40})


def layout(windows: int = 6, rows: int = 200, **options) -> Layout:
    volume = np.full(windows, rows)
    usual = {"tested": np.ones(windows, dtype=bool), "inside": np.zeros(windows, dtype=bool), "reference_rows": 100_000}
    return Layout(volume, **{**usual, **options})


@given(p_values)
def test_adjusted_p_values_are_those_of_scipy(found):
    expected = stats.false_discovery_control(found, method="bh")
    assert adjusted(np.array(found)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@given(p_values)
def test_the_smallest_adjusted_p_value_is_the_smallest_of_them(found):
    assert smallest_adjusted(np.array([found]))[0] == pytest.approx(adjusted(np.array(found)).min(), abs=1e-15)


def test_nothing_is_adjusted_to_nothing():
    assert adjusted(np.array([])).size == 0


def test_the_same_seed_gives_the_same_level_and_another_one_another():
    levels = [calibrate(SAMPLE, BINS, layout(), 0.05, seed).level for seed in (0, 0, 1)]
    assert levels[0] == levels[1] != levels[2]


def test_resamples_are_so_many_that_ten_lie_beyond():
    assert calibrate(SAMPLE, BINS, layout(), 0.05, 0).resamples == 199
    assert calibrate(SAMPLE, BINS, layout(), 0.01, 0).resamples == 999


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rows": 5_000},
        {"rolling": 2, "tested": np.array([False, False, True, True, True, True])},
        {"inside": np.array([True, True, False, False, False, False])},
    ],
    ids=["rows drawn", "counts drawn from their normal distribution", "rolling", "within the reference"],
)
def test_the_level_of_independent_tests_is_near_the_rate(options):
    found = calibrate(SAMPLE, BINS, layout(**options), 0.2, 0)
    assert found.level == pytest.approx(0.25, abs=0.15)  # a fifth of weight goes to tests that cannot alarm here
    assert found.tests == (4 if "rolling" in options else 6)


def test_a_column_that_stands_twice_is_no_second_test():
    """Tests that say the same alarm together, so that the level of ten of them is wider than that of ten others."""
    twins = tuple(CategoryBins(f"city{place}", ("Bern", "Oslo"), np.array([600, 400]), 0) for place in range(10))
    alike = pl.DataFrame({f"city{place}": SAMPLE["city"] for place in range(10)})
    apart = pl.DataFrame({f"city{place}": SAMPLE["city"].shuffle(place) for place in range(10)})
    levels = [calibrate(sample, twins, layout(1), 0.2, 3).level for sample in (alike, apart)]
    assert levels[0] == pytest.approx(calibrate(SAMPLE, BINS, layout(1), 0.2, 3).level, rel=1e-4)
    assert levels[0] != levels[1]


def test_without_a_window_that_has_rows_enough_there_is_no_level():
    assert calibrate(SAMPLE, BINS, layout(tested=np.zeros(6, dtype=bool)), 0.05, 0) is None


@pytest.mark.parametrize("rate", [0.0, -1.0, 0.9, float("nan")])
def test_a_rate_that_cannot_be_kept_is_refused(rate):
    with pytest.raises(MisuseError, match="cannot be calibrated"):
        calibrate(SAMPLE, BINS, layout(), rate, 0)

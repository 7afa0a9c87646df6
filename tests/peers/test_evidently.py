"""Our measures beside Evidently's: equal where both mean the same, and under its bins where only those differ."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))

from three_months import FEATURES, MONTHS, NUMBERS, TEXTS

from audit_lab.monitor.measures import (
    chi_square_survival,
    duplicate_rate,
    hellinger_distance,
    jensen_shannon_distance,
    kolmogorov_smirnov,
    population_stability_index,
)

WINDOWS = list(MONTHS)[1:]
#: It takes more than twenty values in the reference as a number to be binned, fewer as categories.
BINNED = [name for name in NUMBERS if name != "children"]
every_window = pytest.mark.parametrize("month", WINDOWS)


def by_value(reference, window):
    values = sorted({*reference, *window})
    return [[int((side == value).sum()) for value in values] for side in (np.asarray(reference), np.asarray(window))]


def index(counts, fill):
    """Return the stability index with something in place of empty bins, by its formula."""
    sides = [np.array(side) for side in counts]
    p, q = (np.where(side == 0, fill(side.sum()), side / side.sum()) for side in sides)
    return float(np.sum((q - p) * np.log(q / p)))


@every_window
@pytest.mark.parametrize("column", NUMBERS)
def test_the_scaled_wasserstein_distance_is_the_same(evidently, ours, month, column):
    assert ours[0][month, column]["wasserstein_scaled"] == pytest.approx(
        evidently[month]["by_test"]["wasserstein"][column], abs=1e-9
    )
    assert ours[0][month, column]["wasserstein_error"] == 0


@every_window
@pytest.mark.parametrize("column", TEXTS)
def test_distances_of_text_are_the_same_but_for_the_base_of_the_logarithm(evidently, ours, month, column):
    found, theirs = ours[0][month, column], evidently[month]["by_test"]
    assert found["js_distance"] * math.sqrt(math.log(2)) == pytest.approx(theirs["jensenshannon"][column], abs=1e-9)
    assert found["hellinger"] == pytest.approx(theirs["hellinger"][column], abs=1e-9)
    assert found["total_variation"] == pytest.approx(theirs["tvd"][column], abs=1e-9)


@every_window
def test_the_stability_index_of_text_is_the_same_where_no_bin_is_empty(evidently, ours, month):
    theirs = evidently[month]["by_test"]["psi"]
    assert ours[0][month, "channel"]["psi"] == pytest.approx(theirs["channel"], abs=1e-9)
    if month == "2024-03":
        assert ours[0][month, "city"]["psi"] == pytest.approx(theirs["city"], abs=1e-9)


def test_an_empty_bin_is_half_a_row_here_and_a_ten_thousandth_there(evidently, ours, both, windows):
    """A city came and one went. Both indices are taken again, each with what stands for an empty bin in it."""
    month, column = WINDOWS[0], "city"
    counts = by_value(both[0][column].to_list(), windows[month][column].to_list())
    assert [side.count(0) for side in counts] == [1, 1]
    assert evidently[month]["by_test"]["psi"][column] == pytest.approx(index(counts, lambda _: 0.0001), abs=1e-9)
    assert ours[0][month, column]["psi"] == pytest.approx(index(counts, lambda rows: 0.5 / rows), abs=1e-9)


@every_window
@pytest.mark.parametrize("column", BINNED)
def test_under_its_bins_of_equal_width_the_numbers_are_the_same(evidently, numbers, month, column):
    reference, window = numbers(column), numbers(column, month)
    theirs = evidently[month]["by_test"]
    edges = np.histogram_bin_edges(np.concatenate([reference, window]), bins="sturges")
    counts = [np.histogram(side, edges)[0] for side in (reference, window)]
    distance = jensen_shannon_distance(*counts) * math.sqrt(math.log(2))
    assert distance == pytest.approx(theirs["jensenshannon"][column], abs=1e-9)
    # Its Hellinger distance has as many bins as Sturges gives the number of distinct values.
    edges = np.histogram_bin_edges(np.union1d(reference, window), bins="sturges")
    counts_of_values = [np.histogram(side, edges)[0] for side in (reference, window)]
    assert hellinger_distance(*counts_of_values) == pytest.approx(theirs["hellinger"][column], abs=1e-9)
    if all(side.all() for side in counts):
        assert population_stability_index(*counts) == pytest.approx(theirs["psi"][column], abs=1e-9)


def test_in_some_columns_none_of_its_bins_is_empty(numbers):
    """Else the index of numbers would have been held against nothing."""
    whole = []
    for month in WINDOWS:
        for column in BINNED:
            sides = numbers(column), numbers(column, month)
            edges = np.histogram_bin_edges(np.concatenate(sides), bins="sturges")
            whole += [column] if all(np.histogram(side, edges)[0].all() for side in sides) else []
    assert "age" in whole


@every_window
def test_a_number_of_few_values_is_a_category_there(evidently, numbers, month):
    counts = by_value(numbers("children"), numbers("children", month))
    theirs = evidently[month]["by_test"]
    distance = jensen_shannon_distance(*counts) * math.sqrt(math.log(2))
    assert distance == pytest.approx(theirs["jensenshannon"]["children"], abs=1e-9)
    assert index(counts, lambda _: 0.0001) == pytest.approx(theirs["psi"]["children"], abs=1e-9)
    assert index(counts, lambda rows: 0.5 / rows) == pytest.approx(population_stability_index(*counts), abs=1e-9)


@every_window
@pytest.mark.parametrize("column", NUMBERS)
def test_it_tests_kolmogorov_s_statistic_exactly_and_we_by_its_limit(evidently, ours, numbers, month, column):
    """The p-values are of one statistic: scipy's exact one of ours is Evidently's, and ours is within a hundredth."""
    theirs = evidently[month]["by_test"]["ks"][column]
    reference, window = numbers(column), numbers(column, month)
    found = kolmogorov_smirnov(reference, window)
    exact = stats.ks_2samp(reference, window, method="auto")
    assert found.statistic == pytest.approx(exact.statistic, abs=1e-9)
    assert theirs == pytest.approx(exact.pvalue, abs=1e-9)
    assert ours[0][month, column]["ks_p_value"] == pytest.approx(found.p_value, abs=1e-9)
    assert found.p_value == pytest.approx(theirs, abs=0.01)


@every_window
def test_its_chi_squared_test_takes_the_reference_for_the_truth(evidently, ours, both, windows, month):
    """It holds the window against the reference's shares as if those had no error, ours holds two samples together."""
    rows = [by_value(both[0][name].to_list(), windows[month][name].to_list()) for name in TEXTS]
    for name, (reference, window) in zip(TEXTS, rows, strict=True):
        expected = np.array(reference) * sum(window) / sum(reference)
        theirs = evidently[month]["by_test"]["chisquare"][name]
        if not expected.all():
            assert theirs == 0  # a new category is impossible there
            continue
        statistic = float(np.sum((np.array(window) - expected) ** 2 / expected))
        assert chi_square_survival(statistic, len(window) - 1) == pytest.approx(theirs, rel=1e-9, abs=1e-15)
        assert theirs < ours[0][month, name]["p_value"]


@every_window
def test_rows_that_repeat_others_are_as_many(evidently, ours, month):
    _, found = ours
    volume = {
        start.strftime("%Y-%m"): row
        for start, row in zip(found.volume["window_start"], found.volume.rows(named=True), strict=True)
    }
    rows = volume[month]["rows"]
    assert volume[month]["duplicate_rate"] == duplicate_rate(rows, rows - evidently[month]["duplicated_rows"])


def test_what_it_calls_drifted_as_it_comes(evidently, ours):
    """Both name what moved in February; a shift of category by a tenth is below its threshold, and slight here."""
    february = {name for name in FEATURES if evidently["2024-02"]["as_it_comes"][name]["drifted"]}
    assert february == {"amount", "age", "children", "ratio", "city"}
    assert not any(one["drifted"] for one in evidently["2024-03"]["as_it_comes"].values())
    verdicts = {name: ours[0]["2024-02", name]["verdict"] for name in FEATURES}
    assert {name for name, verdict in verdicts.items() if verdict != "stable"} == february | {"channel"}
    assert {ours[0]["2024-03", name]["verdict"] for name in FEATURES} == {"stable"}

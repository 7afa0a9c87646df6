"""Our measures beside NannyML's: equal where both mean the same, and under its bins where only those differ."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from scipy import stats
from sklearn.isotonic import IsotonicRegression

sys.path.insert(0, str(Path(__file__).parent))

from three_months import MONTHS, NUMBERS, TEXTS

from audit_lab.monitor.fairness.rates import rates_of
from audit_lab.monitor.fairness.tallies import Tally
from audit_lab.monitor.measures import hellinger_distance, jensen_shannon_distance
from audit_lab.monitor.multivariate.reconstruction import Components, StreamedCovariance
from audit_lab.monitor.multivariate.two_samples import two_sample_test
from audit_lab.monitor.performance.classified import Classified, binary_measures, cost_of
from audit_lab.monitor.performance.estimate import estimated_auc, estimated_measures
from audit_lab.monitor.performance.scored import Scored, auc
from audit_lab.monitor.performance.window_measures import Asked, measured

every_window = pytest.mark.parametrize("month", list(MONTHS)[1:])
#: What NannyML was told a decision is worth, as costs of (said, came true).
WORTH = {("1", "0"): -1.0, ("0", "1"): -5.0, ("1", "1"): 2.0}


@every_window
@pytest.mark.parametrize("column", NUMBERS)
def test_distances_of_numbers_are_the_same(nannyml, ours, month, column):
    found, theirs = ours[0][month, column], nannyml["univariate"][month]
    assert found["ks"] == pytest.approx(theirs[f"{column}/kolmogorov_smirnov"], abs=1e-9)
    assert found["wasserstein"] == pytest.approx(theirs[f"{column}/wasserstein"], abs=1e-9)


@every_window
@pytest.mark.parametrize("column", TEXTS)
def test_distances_of_text_are_the_same(nannyml, ours, month, column):
    found, theirs = ours[0][month, column], nannyml["univariate"][month]
    assert found["js_distance"] == pytest.approx(theirs[f"{column}/jensen_shannon"], abs=1e-9)
    assert found["hellinger"] == pytest.approx(theirs[f"{column}/hellinger"], abs=1e-9)
    # Categories of which the reference has too few rows are tested exactly instead: all of member, one that is new.
    if column != "member" and not found["new_categories"]:
        assert found["chi_square"] == pytest.approx(theirs[f"{column}/chi2"], abs=1e-9)


@every_window
def test_of_two_categories_it_takes_yates_s_correction(nannyml, ours, both, windows, month):
    """As scipy does unless told not to; ours goes without."""
    theirs = nannyml["univariate"][month]["member/chi2"]
    counts = [[side["member"].eq(name).sum() for name in ("yes", "no")] for side in (both[0], windows[month])]
    assert theirs == pytest.approx(stats.chi2_contingency(counts).statistic, abs=1e-9)
    plain = stats.chi2_contingency(counts, correction=False).statistic
    assert ours[0][month, "member"]["chi_square"] == pytest.approx(plain, abs=1e-9)
    assert plain > theirs


@every_window
@pytest.mark.parametrize("column", TEXTS)
def test_its_largest_difference_of_a_share_is_in_our_bins(nannyml, ours, month, column):
    """The L-infinity distance is no measure of ours: the bins have it."""
    _, found = ours
    starts = {start.strftime("%Y-%m"): start for start in found.volume["window_start"]}
    bins = found.bins(column, starts[month])
    largest = (bins["reference_share"] - bins["window_share"]).abs().max()
    assert largest == pytest.approx(nannyml["univariate"][month][f"{column}/l_infinity"], abs=1e-9)


@every_window
@pytest.mark.parametrize("column", NUMBERS)
def test_under_its_bins_of_equal_width_the_numbers_are_the_same(nannyml, numbers, month, column):
    """Doane's bins of the reference, and one for what lies outside of them."""
    reference, window = numbers(column), numbers(column, month)
    edges = np.histogram_bin_edges(reference, bins="doane")
    counts = [np.histogram(side, edges)[0] for side in (reference, window)]
    counts = [np.append(side, rows.size - side.sum()) for side, rows in zip(counts, (reference, window), strict=True)]
    theirs = nannyml["univariate"][month]
    assert jensen_shannon_distance(*counts) == pytest.approx(theirs[f"{column}/jensen_shannon"], abs=1e-9)
    assert hellinger_distance(*counts) == pytest.approx(theirs[f"{column}/hellinger"], abs=1e-9)


@every_window
def test_rates_of_missing_new_and_outlying_values_are_the_same(nannyml, ours, month):
    table, found = ours
    for column, rate in nannyml["missing"][month].items():
        assert table[month, column]["missing_rate"] == pytest.approx(rate, abs=1e-9)
    before = found.table.filter(found.table["window_start"] == found.table["window_start"].min())
    for column, rate in before.select("column", "missing_rate").iter_rows():
        change = nannyml["missing"][month][column] - rate
        assert table[month, column]["missing_change"] == pytest.approx(change, abs=1e-9)
    for column, rate in nannyml["out_of_range"][month].items():
        # It divides by all rows, we by those that have a value.
        values = 1 - table[month, column]["missing_rate"]
        assert table[month, column]["out_of_range"] * values == pytest.approx(rate, abs=1e-9)
    starts = {start.strftime("%Y-%m"): start for start in found.volume["window_start"]}
    for column, rate in nannyml["unseen"][month].items():
        new = found.bins(column, starts[month]).filter(bin="(new)")["window_share"].sum()
        assert new == pytest.approx(rate, abs=1e-9)


def test_some_values_lie_outside(nannyml):
    """Else the rates would have been held against nothing."""
    assert nannyml["out_of_range"]["2024-02"]["amount"] > 0
    assert nannyml["unseen"]["2024-02"]["city"] > 0


@every_window
def test_performance_is_the_same(nannyml, windows, month):
    theirs, rows = nannyml["performance"][month], windows[month]
    said, truth, score = (rows[name].to_numpy() for name in ("said", "truth", "score"))
    counts = np.array([[int(((said == s) & (truth == t)).sum()) for t in (1, 0)] for s in (1, 0)])
    classified = Classified(("1", "0"), counts)
    found = {each.measure: each.value for each in (*binary_measures(classified), cost_of(classified, WORTH))}
    ones = np.ones(rows.height, dtype=np.int64)
    assert {
        "accuracy": found["accuracy"],
        "precision": found["precision"],
        "recall": found["recall"],
        "f1": found["f1"],
        "roc_auc": auc(Scored.of(score, truth.astype(np.float64), ones)),
        "specificity": 1 - false_positive_rate(said == 1, truth == 1),
        "business_value": found["cost"] * rows.height,
    } == pytest.approx(theirs, abs=1e-9)


def false_positive_rate(said, truth):
    counts = (said.sum(), truth.sum(), (said & truth).sum(), (~truth).sum(), (said & ~truth).sum())
    tally = Tally(said.size, *map(int, counts))
    return next(rate.value for rate in rates_of({1.0: tally}) if rate.measure == "false_positive_rate")


@every_window
def test_errors_of_a_number_are_the_same(nannyml, windows, month):
    error = windows[month]["amount_said"] - windows[month]["amount_true"]
    cells = pl.DataFrame({"error": error}).group_by("error").agg(pl.len().cast(pl.Int64).alias("rows"))
    found = {each.found.measure: each.found.value for each in measured(cells, SimpleNamespace(kind="number"), Asked())}
    assert {name: found[name] for name in ("rmse", "mae")} == pytest.approx(nannyml["regression"][month], abs=1e-9)


@every_window
def test_the_estimate_without_outcomes_is_the_same(nannyml, both, windows, month):
    """Under its calibration: a monotone curve through every row of the reference, here by scikit-learn."""
    assert nannyml["estimated_from_calibrated_scores"]
    curve = IsotonicRegression(out_of_bounds="clip").fit(both[0]["score"].to_numpy(), both[0]["truth"].to_numpy())
    score = windows[month]["score"].to_numpy()
    chance, said = curve.predict(score), windows[month]["said"].to_numpy() == 1
    ones, theirs = np.ones(score.size, dtype=np.int64), nannyml["estimated"][month]
    found = estimated_measures(chance, said, ones)
    assert found == pytest.approx({name: theirs[name] for name in found}, abs=1e-9)
    # It rounds what it adds up to five decimals.
    assert estimated_auc(score, chance, ones) == pytest.approx(theirs["roc_auc"], abs=1e-6)


@every_window
def test_the_reconstruction_error_is_the_same_on_the_same_numbers(nannyml, both, windows, month):
    names = nannyml["reconstruction_columns"]
    before, now = (frame.select(names).to_numpy().astype(np.float64) for frame in (both[0], windows[month]))
    mean, deviation = before.mean(axis=0), before.std(axis=0)
    seen = StreamedCovariance(len(names))
    seen.add((before - mean) / deviation)
    errors = Components.of(seen).errors((now - mean) / deviation)
    theirs = nannyml["reconstruction"][month]["reconstruction_error"]
    assert errors.mean() == pytest.approx(theirs, abs=1e-9)


def test_both_classifiers_tell_february_apart_and_march_hardly(nannyml, both, windows):
    """Its classifier is boosted trees, ours a regression on squares and products: the areas differ, the answer not."""
    names = [*NUMBERS]

    def area(month):
        filled = [
            frame.select(names).fill_null(0.0).to_numpy().astype(np.float64) for frame in (both[0], windows[month])
        ]
        mean, deviation = filled[0].mean(axis=0), filled[0].std(axis=0)
        return two_sample_test(*[(side - mean) / deviation for side in filled], permutations=19, seed=0).auc

    theirs = {month: one["domain_classifier_auroc"] for month, one in nannyml["domain_classifier"].items()}
    assert theirs["2024-02"] > 0.65
    assert 0.45 < theirs["2024-03"] < 0.55
    assert area("2024-02") > 0.6
    assert 0.45 < area("2024-03") < 0.55

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from audit_lab.monitor.measures import (
    chi_square_quantile,
    chi_square_survival,
    jensen_shannon_distance,
    kolmogorov_smirnov,
    kolmogorov_smirnov_of_cells,
    population_stability_index,
    stability_index_noise,
)

counts = st.lists(st.integers(1, 5000), min_size=2, max_size=30)
large_samples = st.lists(st.integers(-20, 20).map(float), min_size=5, max_size=200)
samples = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=200)


def test_population_stability_index_of_a_table_worked_by_hand():
    # Shares 20, 30, 50 % against 25, 35, 40 %: 0.05 ln 1.25 + 0.05 ln 1.1667 + (-0.10) ln 0.8
    reference, window = [200, 300, 500], [100, 140, 160]
    assert population_stability_index(reference, window) == pytest.approx(0.0111571776 + 0.0077075340 + 0.0223143551)


def test_population_stability_index_of_quarters_against_halves():
    assert population_stability_index([50, 50], [25, 75]) == pytest.approx(0.27465307216702745)


@given(counts, st.randoms(use_true_random=False))
def test_population_stability_index_is_both_relative_entropies(reference, random):
    window = [random.randint(1, 5000) for _ in reference]
    p, q = np.array(reference) / sum(reference), np.array(window) / sum(window)
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert population_stability_index(reference, window) == pytest.approx(expected, abs=1e-12)


def test_population_stability_index_counts_an_empty_bin_as_half_a_row():
    expected = (0.5 / 10 - 0.5) * np.log((0.5 / 10) / 0.5) + (1 - 0.5) * np.log(1 / 0.5)
    assert population_stability_index([5, 5], [0, 10]) == pytest.approx(expected)


def test_population_stability_index_ignores_a_bin_empty_on_both_sides():
    assert population_stability_index([5, 0, 5], [2, 0, 8]) == population_stability_index([5, 5], [2, 8])


def test_population_stability_index_of_equal_shares_is_zero():
    assert population_stability_index([10, 20], [1, 2]) == 0.0


@given(counts, st.randoms(use_true_random=False))
def test_jensen_shannon_distance_agrees_with_scipy(reference, random):
    window = [random.randint(0, 5000) for _ in reference[1:]] + [1]
    assert jensen_shannon_distance(reference, window) == pytest.approx(
        jensenshannon(reference, window, base=2), abs=1e-7
    )


def test_jensen_shannon_distance_of_disjoint_shares_is_one():
    assert jensen_shannon_distance([3, 0], [0, 7]) == 1.0


@given(large_samples, large_samples)
def test_kolmogorov_smirnov_agrees_with_scipy(reference, window):
    expected = stats.ks_2samp(reference, window, method="asymp").statistic
    assert kolmogorov_smirnov(reference, window).statistic == pytest.approx(expected, abs=1e-12)


@given(samples, samples)
def test_kolmogorov_smirnov_of_cells_equals_that_of_values(reference, window):
    distinct, rows = np.unique(reference, return_counts=True)
    cells = np.zeros(2 * distinct.size + 1, dtype=np.int64)
    cells[1::2] = rows
    places = np.searchsorted(distinct, window, side="left") + np.searchsorted(distinct, window, side="right")
    occurring, seen = np.unique(places, return_counts=True)
    expected = kolmogorov_smirnov(reference, window)
    found = kolmogorov_smirnov_of_cells(np.cumsum(cells), occurring, seen)
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(expected.p_value, abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1, 0.3, 1.0])
def test_kolmogorov_smirnov_p_value_is_the_limiting_distribution(shift):
    random = np.random.default_rng(7)
    reference, window = random.normal(size=900), random.normal(shift, size=400)
    found = kolmogorov_smirnov(reference, window)
    scaled = found.statistic * np.sqrt(900 * 400 / 1300)
    assert found.p_value == pytest.approx(stats.kstwobign.sf(scaled), rel=1e-9, abs=1e-15)


def test_kolmogorov_smirnov_sorts_infinities_as_themselves():
    assert kolmogorov_smirnov([-np.inf, 0.0], [0.0, np.inf]).statistic == 0.5


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 13, 52, 199])
@pytest.mark.parametrize("value", [0.0, 0.3, 5.0, 40.0, 300.0])
def test_chi_square_survival_agrees_with_scipy(degrees, value):
    assert chi_square_survival(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(
    ("degrees", "published"), [(1, 10.828), (2, 13.816), (9, 27.877), (13, 34.528), (100, 149.449)]
)
def test_chi_square_quantile_agrees_with_the_published_table(degrees, published):
    assert chi_square_quantile(0.999, degrees) == pytest.approx(published, abs=5e-4)


def test_noise_bound_holds_at_its_level_without_drift():
    random = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    bound = stability_index_noise(10, 5000, 1000, level=0.95)
    exceeded = np.mean(
        [
            population_stability_index(random.multinomial(5000, shares), random.multinomial(1000, shares)) > bound
            for _ in range(2000)
        ]
    )
    assert stats.binom(2000, 0.05).ppf(0.005) / 2000 <= exceeded <= stats.binom(2000, 0.05).ppf(0.995) / 2000


@pytest.mark.parametrize("measure", [population_stability_index, jensen_shannon_distance])
def test_measures_refuse_counts_over_different_bins(measure):
    with pytest.raises(ValueError, match="same bins"):
        measure([1, 2], [1, 2, 3])


@pytest.mark.parametrize("measure", [population_stability_index, jensen_shannon_distance])
def test_measures_refuse_an_empty_side(measure):
    with pytest.raises(ValueError, match="positive sum"):
        measure([1, 2], [0, 0])


def test_kolmogorov_smirnov_refuses_an_empty_side():
    none = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="at least one row"):
        kolmogorov_smirnov_of_cells(np.array([0, 3, 3]), none, none)

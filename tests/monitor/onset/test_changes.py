"""Changes of one series: the optimal cut, the interval of a date, and coming back."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import ruptures

from audit_lab.monitor.onset.calibration import critical_penalties
from audit_lab.monitor.onset.changes import find_changes, levels_removed


def cost(values, bounds):
    edges = [0, *bounds, values.size]
    return sum(float(((part := values[a:b]) - part.mean()) @ (part - part.mean())) for a, b in pairwise(edges))


@pytest.mark.parametrize("seed", range(12))
def test_the_cut_is_the_best_of_all_cuts(seed):
    values = np.random.default_rng(seed).normal(size=9)
    values[3:6] += 3
    every = [cut for count in range(5) for cut in combinations(range(1, 9), count)]
    best = min(every, key=lambda cut: cost(values, cut) + 4.0 * len(cut))
    assert [one.at for one in find_changes(values, 4.0)] == list(best)


def test_a_step_has_its_levels_gain_and_interval():
    values = np.array([0.0] * 10 + [4.0] * 10)
    (one,) = find_changes(values, 10.0)
    assert (one.at, one.since, one.until, one.before, one.after) == (10, 0, 20, 0.0, 4.0)
    assert (one.earliest, one.latest, one.returned, one.is_return) == (10, 10, None, False)
    assert one.gain == pytest.approx(10 * 10 / 20 * 16)


def test_a_level_that_comes_back_is_said_to_and_one_that_goes_on_is_not():
    there, back = find_changes(np.array([0.0] * 20 + [5.0] * 4 + [0.5] * 20), 10.0)
    assert (there.returned, there.is_return) == (24, False)
    assert (back.returned, back.is_return) == (None, True)
    first, second = find_changes(np.array([0.0] * 20 + [5.0] * 4 + [10.0] * 20), 10.0)
    assert (first.returned, second.is_return) == (None, False)


def test_a_constant_series_and_an_empty_one_have_no_change():
    assert find_changes(np.full(30, 2.5), 1.0) == []
    assert find_changes(np.zeros(0), 1.0) == []
    assert find_changes(np.zeros(1), 1.0) == []


def test_levels_are_removed_piece_by_piece():
    values = np.array([1.0, 3.0] * 5 + [11.0, 13.0] * 5)
    assert np.array_equal(levels_removed(values, 50.0), [-1.0, 1.0] * 10)


@pytest.mark.parametrize("seed", range(6))
def test_a_critical_penalty_is_where_ruptures_stops_finding_changes(seed):
    values = np.random.default_rng(seed).normal(size=(120, 1))
    critical = float(critical_penalties(values)[0])
    search = ruptures.KernelCPD(kernel="linear", min_size=1).fit(values)
    assert len(search.predict(pen=critical * 1.001)) == 1
    assert len(search.predict(pen=critical * 0.999)) > 1


def covered(size, rho, seeds):
    """Return how many intervals of dated changes hold the true date, and how many changes were dated."""
    spread = (1 + rho) / (1 - rho)
    hits = dated = 0
    for seed in seeds:
        generator = np.random.default_rng(seed)
        values = generator.normal(size=150)
        for place in range(1, 150) if rho else ():
            values[place] = rho * values[place - 1] + np.sqrt(1 - rho**2) * values[place]
        at = int(generator.integers(30, 120))
        values[at:] += size
        found = find_changes(values, 20.0 * spread, spread)
        if found:
            best = max(found, key=lambda one: one.gain)
            dated += 1
            hits += best.earliest <= at <= best.latest
    return hits, dated


@pytest.mark.parametrize(("size", "rho"), [(1.0, 0.0), (2.0, 0.0), (2.0, 0.4)])
def test_intervals_hold_the_date_in_at_least_95_percent(size, rho):
    hits, dated = covered(size, rho, range(200))
    assert dated >= 150
    assert hits >= 0.95 * dated


@pytest.mark.soak
@pytest.mark.parametrize("rho", [0.0, 0.4])
@pytest.mark.parametrize("size", [0.8, 1.0, 1.5, 2.0, 3.0])
def test_intervals_hold_the_date_for_every_size(size, rho):
    hits, dated = covered(size, rho, range(3_000))
    assert hits >= 0.945 * dated

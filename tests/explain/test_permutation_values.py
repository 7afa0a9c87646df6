"""Random orders: against shap's permutation explainer with the same orders, and against exact values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain.permutation_values import Sampled, check_sampling, sample
from audit_lab.explain.tree_values import import_shap

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def rows(count: int, features: int, seed: int = 0) -> tuple[Numbers, Numbers]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 3, (count, features)).astype(float), generator.integers(0, 3, features).astype(float)


def bent(codes: Numbers) -> Numbers:
    """A score in which all features have to do with one another."""
    features = codes.shape[1]
    return np.tanh((codes - 1) @ np.arange(1, features + 1) * 2 / features**1.5)


def test_it_equals_shaps_permutation_explainer_called_for_each_background_row(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, own = np.arange(24.0).reshape(4, 6) % 5, np.full(6, 9.0)
    found = sample(bent, reference, own, 3, 1.0)
    orders = iter(np.argsort(np.random.RandomState(3).random_sample((4, 100, 6)), axis=2, kind="stable").reshape(-1, 6))

    def shuffle(places: Numbers) -> None:
        places[:] = next(orders)

    shap = import_shap()
    monkeypatch.setattr(np.random, "shuffle", shuffle)
    direct = [
        shap.explainers.Permutation(bent, shap.maskers.Independent(row[None]), seed=0)(
            own[None], max_evals=100 * 13, silent=True
        )
        for row in reference
    ]

    assert found.orders == 100
    assert found.values == pytest.approx(np.mean([each.values[0] for each in direct], axis=0), abs=1e-12)
    assert found.base == pytest.approx(np.mean([each.base_values[0] for each in direct]), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 50))
def test_values_always_add_up(count: int, features: int, seed: int) -> None:
    reference, own = rows(count, features, seed)
    found = sample(bent, reference, own, seed, 0.005)
    assert found.base == pytest.approx(bent(reference).mean())
    assert found.base + found.values.sum() == pytest.approx(bent(own[None])[0], abs=1e-12)


def test_pairs_of_features_are_exact_whatever_the_orders() -> None:
    reference, own = rows(5, 7)
    first, second = (sample(lambda x: x[:, 0] * x[:, 1] + x[:, 4] * x[:, 6], reference, own, s, 1.0) for s in (0, 1))
    assert first.values == pytest.approx(second.values, abs=1e-12)
    assert first.errors == pytest.approx(np.zeros(7), abs=1e-12)


def test_a_feature_without_influence_or_of_one_value_has_nothing() -> None:
    reference, own = rows(5, 7)
    reference[:, 3] = own[3]
    found = sample(lambda x: np.tanh(x[:, 0] * x[:, 1] * x[:, 2]), reference, own, 0, 1.0)
    assert found.values[3:].tolist() == [0.0] * 4


def test_the_error_is_what_other_seeds_differ_by() -> None:
    reference, own = rows(40, 15, seed=3)
    found = [sample(bent, reference, own, seed, 1.0) for seed in range(40)]
    spread = np.std([each.values for each in found], axis=0, ddof=1)
    claimed = np.mean([each.errors for each in found], axis=0)
    assert claimed.max() == pytest.approx(spread.max(), rel=0.35)


def test_more_orders_are_drawn_until_the_error_is_half_of_what_is_allowed() -> None:
    reference, own = rows(40, 15, seed=3)
    rough, fine, finest = (sample(bent, reference, own, 0, allowed) for allowed in (1.0, 0.007, 1e-9))
    assert (rough.orders, fine.orders, finest.orders) == (10, 20, 40)
    assert fine.errors.max() <= 0.0035 < rough.errors.max()


def test_a_relative_error_is_that_of_the_spread_of_scores() -> None:
    reference, own = rows(10, 6)
    found = sample(lambda x: 1000 * bent(x), reference, own, 0, 0.005, relative=True)
    scores = 1000 * bent(np.vstack([reference, own]))
    assert found.allowed == pytest.approx(0.005 * (scores.max() - scores.min()))


def test_many_features_are_asked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, own = rows(5, 60)
    whole = sample(bent, reference, own, 0, 1.0)
    monkeypatch.setattr("audit_lab.explain.permutation_values._MOST_CELLS", 60 * 120 * 3)
    asked: list[int] = []

    def counted(codes: Numbers) -> Numbers:
        asked.append(len(codes))
        return bent(codes)

    assert sample(counted, reference, own, 0, 1.0).values.tolist() == whole.values.tolist()
    assert max(asked) <= 3 * 118


def test_what_changes_nothing_is_not_asked_again() -> None:
    reference, own = np.zeros((1, 10)), np.zeros(10)
    reference[0, :2] = 1
    asked: list[int] = []

    def counted(codes: Numbers) -> Numbers:
        asked.append(len(codes))
        return bent(codes)

    found = sample(counted, reference, own, 0, 1.0)
    assert (asked, found.orders) == ([2, 800], 400)


def test_an_error_above_what_is_allowed_fails_and_names_the_feature() -> None:
    sampled = Sampled(np.zeros(2), 0.0, np.array([0.001, 0.02]), 8, 0.005)
    found = check_sampling(["a", "b"], sampled, 30)
    assert not found.passed
    assert found.detail == (
        "the values are means over 8 random orders for each of 30 background rows, walked both ways; the largest "
        "standard error is 0.0200 (b), allowed 0.005, so that each value lies within 0.0800 (4 of them) of the exact "
        "one but for rare chance"
    )

"""What lime draws within bins: the bits of lime alone, whatever the bins; and lime's own way where scipy is another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from lime.discretize import QuartileDiscretizer

from audit_lab.explain import lime_bins
from audit_lab.explain.lime_bins import quickened

if TYPE_CHECKING:
    import pytest


def discretizer(data: Any) -> Any:
    names = [f"f{place}" for place in range(data.shape[1])]
    return QuartileDiscretizer(data, [], names, random_state=np.random.RandomState(3))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(4, 60), st.sampled_from([1.0, 1e-6, 1e9]), st.integers(1, 30))
def test_the_bits_are_those_of_lime_alone(seed: int, rows: int, scale: float, distinct: int) -> None:
    generator = np.random.default_rng(seed)
    data = generator.choice(generator.normal(size=distinct), size=(rows, 3)) * scale
    bins = np.column_stack([generator.integers(0, len(each), 50) for each in discretizer(data).means.values()]).astype(
        np.float64
    )
    assert quickened(discretizer(data)).undiscretize(bins).tolist() == discretizer(data).undiscretize(bins).tolist()


def test_it_is_used_and_is_not_lime_s_own() -> None:
    made = quickened(discretizer(np.random.default_rng(0).normal(size=(40, 2))))
    assert made.get_undiscretize_values.func is lime_bins._undiscretized


def test_where_scipy_draws_otherwise_lime_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    truncated = lime_bins._truncated
    for other in (
        lambda *given: np.nextafter(truncated(*given), 9.0),
        lambda *_: (_ for _ in ()).throw(AttributeError),
    ):
        lime_bins._same_bits.cache_clear()
        monkeypatch.setattr(lime_bins, "_truncated", other)
        made = quickened(discretizer(np.random.default_rng(0).normal(size=(40, 2))))
        assert "get_undiscretize_values" not in vars(made)
    lime_bins._same_bits.cache_clear()

"""Two groups side by side: what moved the mean output, with intervals that scipy gives too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.explain.cohorts import contrast
from audit_lab.explain.cohorts.comparison import _interval
from audit_lab.explain.cohorts.moments import GroupedMoments, Moments
from audit_lab.explain.tree_values import import_shap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.explain.cohorts import CohortAttribution

SPLIT = "2024-03-05T09:00:00"
CITIES = ("Bern", "Oslo", "Rome")


def groups(log: al.AuditLog) -> tuple[CohortAttribution, CohortAttribution]:
    return log.attributions(since=SPLIT), log.attributions(until=SPLIT)


def moments(values: list[float]) -> Moments:
    keys = np.zeros(len(values), np.int64)
    return GroupedMoments.of(keys, np.array(values), keys).at(0)


def test_differences_and_intervals_are_those_of_the_values_themselves(
    make_log: Callable[..., Path], small_model: Any
) -> None:
    import xgboost

    group, reference = groups(al.open(make_log()))
    found = group.against(reference)
    inputs = small_model.inputs
    codes = [CITIES.index(city) for city in inputs["city"]]
    numbers = np.column_stack([inputs["income"], codes, inputs["years"]]).astype(np.float32)
    booster = xgboost.Booster(model_file=bytearray(small_model.artifact))
    values = import_shap().TreeExplainer(booster).shap_values(numbers, check_additivity=False)
    for each in found.features:
        own = values[:, ("income", "city", "years").index(each.feature)]
        for ours, interval, column in (
            (each.mean, each.interval, own),
            (each.size, each.size_interval, np.abs(own)),
        ):
            after, before = column[24:], column[:24]
            assert ours == pytest.approx(after.mean() - before.mean(), abs=1e-6)
            if not after.any() and not before.any():  # a feature without influence has no variance either
                assert interval is None
                continue
            expected = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
            assert interval == pytest.approx((expected.low, expected.high), abs=1e-5)
    sizes = [abs(each.mean) for each in found.features]
    assert sizes == sorted(sizes, reverse=True)


def test_the_differences_add_up_to_that_of_the_mean_outputs(make_log: Callable[..., Path]) -> None:
    group, reference = groups(al.open(make_log()))
    found = contrast(group, reference)
    assert sum(each.mean for each in found.features) == pytest.approx(found.moved, abs=1e-6)
    assert found.moved == group.output.mean - reference.output.mean
    assert found.check.passed
    assert found.describe()[0].startswith("The mean of the log-odds of 'bad' is ")
    frame = found.table
    assert frame["mean"].sum() == pytest.approx(found.moved, abs=1e-6)
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert found.digest == contrast(group, reference).digest
    assert found.digest != contrast(group, reference, confidence=0.9).digest


@settings(deadline=None)
@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    st.sampled_from([0.5, 0.95, 0.999]),
)
def test_intervals_are_scipy_s(one: list[float], other: list[float], confidence: float) -> None:
    assume(min(np.std(one), np.std(other)) > 1e-3)  # scipy warns of values that are nearly equal
    found = _interval(moments(one), moments(other), confidence)
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    assert found == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-6)


def test_one_decision_has_no_interval_and_says_so(make_log: Callable[..., Path]) -> None:
    log = al.open(make_log())
    found = log.attributions(["p-030"]).against(log.attributions(until=SPLIT))
    assert {each.interval for each in found.features} == {None}
    assert found.without_interval == "the group has one explained decision"
    assert "There is no interval: the group has one explained decision." in found.describe()


def test_groups_that_share_decisions_are_told(make_log: Callable[..., Path]) -> None:
    log = al.open(make_log())
    found = log.attributions().against(log.attributions(until=SPLIT))
    assert found.shared == 24
    assert any("The groups share decisions (24 of the sampled ones stand in both)" in line for line in found.describe())


def test_a_group_beside_itself_has_moved_nothing(make_log: Callable[..., Path]) -> None:
    group, _ = groups(al.open(make_log()))
    found = group.against(group)
    assert (found.moved, {each.mean for each in found.features}) == (0.0, {0.0})
    assert "No feature's mean contribution differs." in found.describe()


def test_groups_that_were_explained_otherwise_are_refused(make_log: Callable[..., Path]) -> None:
    log = al.open(make_log())
    group, reference = groups(log)
    other = log.attributions(until=SPLIT, perturbation="interventional")
    with pytest.raises(MisuseError, match="the groups cannot be contrasted: their algorithm differs"):
        contrast(group, other)
    with pytest.raises(MisuseError, match="the confidence is 95"):
        contrast(group, reference, confidence=95)

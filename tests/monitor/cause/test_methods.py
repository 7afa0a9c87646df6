"""Each method against what it must give: a linear model's coefficients, direct computation, planted causes."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.monitor.cause.reweighting import binned, reweighted

from .conftest import AFTER, BEFORE, CITIES, COEFFICIENTS, WEEK, rows

WINDOWS = {"after": (AFTER, AFTER + WEEK), "before": (BEFORE, AFTER)}


def contributions(found, name):
    return {each.feature: each.value for each in found.method(name).contributions}


def test_of_a_linear_model_attribution_and_exchange_give_coefficient_times_difference_of_means(linear, make_windows):
    before, after = rows(300, 1), rows(300, 2, x=0.7, y=-0.3)
    found = al.open(make_windows(before, after, linear)).cause(**WINDOWS, rows=300)
    known = {
        name: coefficient * (after[name].mean() - before[name].mean())
        for name, coefficient in zip("xyz", COEFFICIENTS, strict=True)
    }
    assert contributions(found, "attribution") == pytest.approx(known, abs=1e-9)
    assert contributions(found, "exchange") == pytest.approx(known, abs=1e-9)
    moved = float(linear.score(after).mean() - linear.score(before).mean())
    for name in ("attribution", "exchange"):
        method = found.method(name)
        assert method.moved == pytest.approx(moved, abs=1e-9)
        assert method.remainder == pytest.approx(0.0, abs=1e-9)
    assert found.shift.moved == pytest.approx(moved, abs=1e-12)
    assert found.method("attribution").unit == "value"


def test_a_linear_model_s_reweighting_agrees_where_features_are_independent(linear, make_windows):
    before, after = rows(4_000, 1), rows(4_000, 2, y=0.4)
    found = al.open(make_windows(before, after, linear)).cause(**WINDOWS, rows=50, columns=["x", "y"])
    weighted = found.method("re-weighting").of("y")
    known = -2.0 * (after["y"].mean() - before["y"].mean())
    # Bins hold values that differ; a tenth is left within them.
    assert weighted.value == pytest.approx(known, rel=0.1)
    assert abs(found.method("re-weighting").of("x").value) < 0.05


def test_attribution_is_what_the_log_s_attributions_of_both_windows_give(trees, make_windows):
    log = al.open(make_windows(rows(200, 1), rows(200, 2, x=0.8), trees))
    found = log.cause(**WINDOWS, rows=60)
    asked = {"perturbation": "interventional", "output": "probability", "rows": 60}
    reference = log.attributions(since=BEFORE, until=AFTER, background=100, **asked)
    group = log.attributions(since=AFTER, until=AFTER + WEEK, background=reference.background_rows, **asked)
    contrast = {each.feature: (each.mean, each.interval) for each in group.against(reference).features}
    mine = {each.feature: each for each in found.method("attribution").contributions}
    assert {name: each.value for name, each in mine.items()} == pytest.approx(
        {name: mean for name, (mean, _) in contrast.items()}, abs=1e-12
    )
    assert (mine["x"].low, mine["x"].high) == pytest.approx(contrast["x"][1], abs=1e-12)
    assert found.method("attribution").remainder == pytest.approx(0.0, abs=1e-9)


def test_reweighting_is_what_numpy_computes_directly():
    drawn = np.random.default_rng(5)
    before = pl.Series("c", drawn.choice(["a", "b", "c"], 400, p=[0.5, 0.3, 0.2]))
    after = pl.Series("c", drawn.choice(["a", "b", "d"], 500, p=[0.2, 0.5, 0.3]))
    values = drawn.normal(size=400), drawn.normal(size=500)
    one, other, size = binned(before, after)
    found = reweighted("c", (one, other), size, values, 0.95)
    p = {name: (before == name).mean() for name in "abc"}
    q = {name: (after == name).mean() for name in "abd"}
    weight = np.array([p.get(name, 0.0) / q[name] for name in after])
    assert found.value == pytest.approx(values[1].mean() - np.average(values[1], weights=weight))
    assert found.effective_rows == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert found.unsupported == pytest.approx((after == "d").mean())
    assert found.uncovered == pytest.approx((before == "c").mean())


def test_the_interval_of_reweighting_is_that_of_a_bootstrap():
    drawn = np.random.default_rng(6)
    one, other = drawn.choice(4, 600, p=[0.4, 0.3, 0.2, 0.1]), drawn.choice(4, 500, p=[0.1, 0.2, 0.3, 0.4])
    values = one + drawn.normal(size=600), other + drawn.normal(size=500)
    found = reweighted("c", (one, other), 4, values, 0.95)
    again = []
    for _ in range(400):
        here, there = drawn.integers(0, 600, 600), drawn.integers(0, 500, 500)
        sample = reweighted("c", (one[here], other[there]), 4, (values[0][here], values[1][there]), 0.95)
        again.append(sample.value)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * np.std(again), rel=0.12)


@pytest.mark.parametrize("seed", [11, 12, pytest.param(13, marks=pytest.mark.soak)])
def test_a_shift_planted_in_one_feature_is_ranked_first_by_all_three(trees, make_windows, seed):
    planted = ("x", "y", "x")[seed - 11]
    folder = make_windows(rows(900, seed), rows(900, seed + 50, **{planted: 0.9}), trees)
    found = al.open(folder).cause(**WINDOWS, rows=120, seed=seed)
    assert found.shift.is_beyond_chance
    assert [each.first.feature for each in found.methods] == [planted] * 3
    assert f"All three methods put {planted} first." in found.describe()
    assert found.splits.splits[0].column == planted
    assert found.splits.splits[0].p_value == pytest.approx(0.005)
    assert found.table()["feature"][0] == planted
    # The model does not use z: an exchange of it changes nothing at all.
    assert found.method("exchange").of("z").value == 0.0


def test_a_category_that_became_frequent_is_ranked_first(trees, make_windows):
    more = rows(900, 2).with_columns(city=pl.Series(["Oslo"] * 700 + [CITIES[n % 3] for n in range(200)]))
    found = al.open(make_windows(rows(900, 1), more, trees)).cause(**WINDOWS, rows=150)
    assert [each.first.feature for each in found.methods] == ["city"] * 3
    group = next(each for each in found.splits.splits if each.column == "city").groups[0]
    assert (group.level, group.expression) == ("Oslo", "inputs.\"city\" = 'Oslo'")


def test_another_version_has_its_own_part_and_the_data_none(trees, steeper, make_windows):
    before, after = rows(150, 1), rows(150, 2)
    found = al.open(make_windows(before, after, trees, steeper)).cause(**WINDOWS, rows=150)
    part = found.model_part
    on_before = float((steeper.score(before) - trees.score(before)).mean())
    on_after = float((steeper.score(after) - trees.score(after)).mean())
    assert (part.on_before, part.on_after) == pytest.approx((on_before, on_after), abs=1e-6)
    assert part.value == pytest.approx((on_before + on_after) / 2, abs=1e-6)
    assert part.low < part.value < part.high
    assert part.value + part.data == pytest.approx(found.shift.moved, abs=1e-6)
    assert abs(part.data) < 0.4 * part.value
    for name in ("attribution", "exchange"):
        method = found.method(name)
        assert method.model == pytest.approx(part.value, abs=1e-4)
        assert method.moved == pytest.approx(found.shift.moved, abs=1e-4)
        assert all(abs(each.value) < 0.4 * part.value for each in method.contributions)
    assert "the change from version 1 to 2 does" in " ".join(found.describe())
    assert found.steps()["kind"].to_list()[:2] == ["before", "model"]


def test_a_shift_of_data_and_version_together_is_parted(trees, steeper, make_windows):
    before, after = rows(150, 1), rows(150, 2, x=1.0)
    found = al.open(make_windows(before, after, trees, steeper)).cause(**WINDOWS, rows=150)
    data = [float(version.score(after).mean() - version.score(before).mean()) for version in (trees, steeper)]
    assert found.model_part.data == pytest.approx(sum(data) / 2, abs=1e-6)
    assert found.method("exchange").first.feature == "x"
    assert found.method("attribution").first.feature == "x"


def test_what_only_goes_along_is_a_cause_by_reweighting_and_none_by_exchange(trees, make_windows):
    """`z` is not used by the model; it moves together with `x`, and stands for it where rows are weighted by it."""

    def along(frame, seed):
        return frame.with_columns(z=pl.col("x") + np.random.default_rng(seed).normal(0, 0.1, frame.height))

    folder = make_windows(along(rows(900, 1), 3), along(rows(900, 2, x=0.9), 4), trees)
    found = al.open(folder).cause(**WINDOWS, rows=120)
    weighted = found.method("re-weighting")
    assert weighted.of("z").is_sure
    assert weighted.of("z").value > 0.5 * weighted.of("x").value
    assert found.method("exchange").of("z").value == 0.0
    assert found.method("attribution").of("z").value == pytest.approx(0.0, abs=1e-12)


def test_a_rate_of_decisions_is_explained_through_the_threshold(trees, make_windows):
    before, after = rows(700, 1), rows(700, 2, x=-0.9)
    found = al.open(make_windows(before, after, trees)).cause(**WINDOWS, of="decision", favourable="approve", rows=150)
    rate = [(trees.score(frame) < 0.5).mean() for frame in (before, after)]
    assert (found.shift.before, found.shift.after) == pytest.approx(tuple(rate))
    exchange = found.method("exchange")
    assert exchange.unit == "decision"
    assert exchange.first.feature == "x"
    assert exchange.of("x").into == pytest.approx(rate[1] - rate[0], abs=0.09)
    assert "attributions are of the score, not of the decision" in found.method("attribution").facts
    assert found.describe()[0].startswith("The rate of 'approve' of m moved by +")


def test_nothing_moved_is_the_whole_answer_unless_causes_are_asked_for_anyway(trees, make_windows):
    log = al.open(make_windows(rows(400, 1), rows(400, 2), trees))
    found = log.cause(**WINDOWS)
    assert found.describe()[0].startswith("Nothing moved: the mean score of m went from")
    assert (found.methods, found.splits, found.was_looked_for) == ((), None, False)
    anyway = log.cause(**WINDOWS, anyway=True, rows=60)
    assert [each.name for each in anyway.methods] == ["attribution", "re-weighting", "exchange"]
    assert anyway.describe()[0] == found.describe()[0]


def test_the_same_question_gives_the_same_bytes_and_another_seed_others(trees, make_windows):
    log = al.open(make_windows(rows(400, 1), rows(400, 2, x=0.7), trees))
    one, same, other = (log.cause(**WINDOWS, rows=60, seed=seed) for seed in (5, 5, 6))
    assert one.digest == same.digest
    assert one.to_dict() == same.to_dict()
    assert one.digest != other.digest

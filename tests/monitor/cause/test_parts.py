"""The parts that need no log: splits over groups, exchanged values, intervals of shifts, and what disagreement says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit_lab.explain.cohorts.kept_rows import RANK
from audit_lab.monitor.cause.agreement import agreement
from audit_lab.monitor.cause.contribution import Contribution, Method
from audit_lab.monitor.cause.coupling import donors, generator
from audit_lab.monitor.cause.decomposition import split
from audit_lab.monitor.cause.exchange import _Exchanging
from audit_lab.monitor.cause.shift import difference_of_means, shift_of
from audit_lab.monitor.cause.sides import Side
from audit_lab.monitor.segments.levels import Levels
from audit_lab.replay.decision_rules import FEATURE


def levels(codes, size):
    names = tuple("abcdefgh"[:size])
    return Levels("group", names, tuple(f"{{0}} = '{name}'" for name in names), np.asarray(codes))


def test_a_split_is_kitagawa_s_by_hand():
    # Before: 6 of a with mean 1, 4 of b with mean 3. After: 2 of a with mean 2, 8 of b with mean 3.
    codes = [0] * 6 + [1] * 4 + [0] * 2 + [1] * 8
    values = np.array([1.0] * 6 + [3.0] * 4 + [2.0] * 2 + [3.0] * 8)
    is_after = np.array([False] * 10 + [True] * 10)
    found = split(levels(codes, 2), values, is_after, 0.95, expression="inputs.g")
    # (0.2 - 0.6) (1 + 2) / 2 + (0.8 - 0.4) (3 + 3) / 2 = 0.6, and (0.6 + 0.2) / 2 (2 - 1) = 0.4.
    assert (found.mix, found.rate) == pytest.approx((0.6, 0.4))
    assert found.mix + found.rate == pytest.approx(2.8 - 1.8)
    groups = {group.level: group for group in found.groups}
    assert (groups["a"].rate, groups["b"].rate) == pytest.approx((0.4, 0.0))
    assert (groups["a"].before, groups["a"].after, groups["a"].mean_before) == (6, 2, 1.0)
    # From the mean of all, 2.3: -0.4 (1.5 - 2.3), and 0.4 (3 - 2.3).
    assert (groups["a"].mix, groups["b"].mix) == pytest.approx((0.32, 0.28))
    assert groups["a"].expression == "inputs.g = 'a'"


def test_a_group_of_one_window_only_is_all_mix():
    codes, values = [0, 0, 0, 0, 0, 1], np.array([1.0, 2.0, 3.0, 1.0, 2.0, 9.0])
    found = split(levels(codes, 3), values, np.array([False] * 3 + [True] * 3), 0.95)
    new = next(group for group in found.groups if group.level == "b")
    assert (new.rate, new.mean_before, new.mean_after) == (0.0, None, 9.0)
    assert found.mix + found.rate == pytest.approx(4.0 - 2.0)
    assert [group.level for group in found.groups] == ["b", "a"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(1, 40), st.integers(1, 40))
def test_mix_and_rate_add_up_whatever_the_groups(seed, size, before, after):
    drawn = np.random.default_rng(seed)
    values = drawn.normal(0, 10.0 ** drawn.integers(-3, 4), before + after)
    is_after = np.arange(before + after) >= before
    found = split(levels(drawn.integers(0, size, before + after), size), values, is_after, 0.95)
    moved = values[is_after].mean() - values[~is_after].mean()
    assert found.mix + found.rate == pytest.approx(moved, abs=1e-9 * np.abs(values).max())
    by_group = sum(group.mix + group.rate for group in found.groups)
    assert by_group == pytest.approx(moved, abs=1e-9 * np.abs(values).max())


def test_the_intervals_of_a_split_are_those_of_a_bootstrap():
    drawn = np.random.default_rng(3)
    codes = np.concatenate([drawn.choice(3, 500, p=[0.5, 0.3, 0.2]), drawn.choice(3, 400, p=[0.2, 0.3, 0.5])])
    is_after = np.arange(900) >= 500
    values = codes * 2.0 + is_after * (codes == 1) + drawn.normal(size=900)
    found = split(levels(codes, 3), values, is_after, 0.95)
    again = []
    for _ in range(400):
        taken = np.concatenate([drawn.integers(0, 500, 500), drawn.integers(500, 900, 400)])
        each = split(levels(codes[taken], 3), values[taken], is_after, 0.95)
        again.append((each.mix, each.rate))
    spread = 1.96 * np.std(again, axis=0)
    assert (found.mix_high - found.mix_low) / 2 == pytest.approx(spread[0], rel=0.12)
    assert (found.rate_high - found.rate_low) / 2 == pytest.approx(spread[1], rel=0.12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 60))
def test_exchanged_values_are_spread_as_in_the_other_window(seed, own, other):
    drawn = np.random.default_rng(seed)
    texts = [pl.Series("c", drawn.choice(["a", "b", None], size).tolist(), dtype=pl.String) for size in (own, other)]
    places = donors(*texts, generator(0, "c"))
    assert places.shape == (own,)
    given_values = texts[1][places]
    for name in ("a", "b", None):
        share = (texts[1].eq_missing(name)).sum() / other
        assert abs(given_values.eq_missing(name).sum() - share * own) < 1


def test_numbers_are_exchanged_by_rank_so_that_another_unit_arrives_as_that_unit():
    drawn = np.random.default_rng(1)
    miles = pl.Series("d", drawn.uniform(100, 2500, 200))
    places = donors(miles, miles * 1.60934, generator(0, "d"))
    assert (miles * 1.60934)[places].to_list() == (miles * 1.60934).to_list()


def test_a_text_that_is_spread_as_before_stays_where_it_was():
    cities = pl.Series("c", ["Bern"] * 30 + ["Oslo"] * 20)
    assert cities[donors(cities, cities.sample(50, seed=1, shuffle=True), generator(0, "c"))].to_list() != []
    given_values = cities.reverse()[donors(cities, cities.reverse(), generator(0, "c"))]
    assert given_values.to_list() == cities.to_list()


def test_missing_numbers_are_exchanged_by_their_share_only():
    own = pl.Series("x", [None] * 5 + [1.0, 2.0, 3.0, 4.0, 5.0])
    other = pl.Series("x", [None] * 2 + [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0])
    given_values = other[donors(own, other, generator(0, "x"))]
    assert given_values.null_count() == 2
    assert given_values[:5].null_count() == 2
    assert sorted(given_values.drop_nulls()) == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]


def test_the_interval_of_a_shift_of_means_is_welch_s():
    drawn = np.random.default_rng(2)
    one, other = drawn.normal(1, 2, 40), drawn.normal(0, 1, 60)
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert difference_of_means(one, other, 0.95) == pytest.approx((known.low, known.high))


def test_the_interval_of_a_shift_of_rates_is_newcombe_s():
    # Newcombe (1998), table II, contrast (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    after, before = np.array([1.0] * 56 + [0.0] * 14), np.array([1.0] * 48 + [0.0] * 32)
    times = (np.zeros(80, np.int64), np.zeros(70, np.int64))
    found = shift_of(before, after, times, 0.95, is_rate=True)
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.is_beyond_chance
    assert found.by_days is None


def test_days_that_differ_by_as_much_are_told_from_chance_of_decisions():
    day = 86_400_000_000
    drawn = np.random.default_rng(2)
    levels_of_days = drawn.normal(0, 1, 14)
    values = np.repeat(levels_of_days, 200) + drawn.normal(0, 0.1, 2_800)
    times = np.repeat(np.arange(14) * day, 200)
    found = shift_of(values[:1400], values[1400:], (times[:1400], times[1400:]), 0.95, is_rate=False)
    assert found.is_beyond_chance
    assert found.is_within_days
    # A mean of seven equal days is that of their means: Welch's interval of seven against seven.
    known = stats.ttest_ind(
        values[1400:].reshape(7, 200).mean(axis=1), values[:1400].reshape(7, 200).mean(axis=1), equal_var=False
    ).confidence_interval(0.95)
    assert found.by_days == pytest.approx((known.low, known.high))


def made(name, **values):
    held = tuple(Contribution(feature, value, value - 0.1, value + 0.1) for feature, value in values.items())
    return Method(name, "score", held, 0.0, 1.0, 0.0, 10, 10)


def test_methods_that_disagree_say_on_what_and_why_they_can():
    said = agreement([made("attribution", x=0.5), made("re-weighting", z=0.9, x=-0.4), made("exchange", x=0.5, z=0.0)])
    assert said[0] == (
        "The methods do not put the same feature first: attribution x (+0.5), re-weighting z (+0.9), exchange x (+0.5)."
    )
    assert said[1] == "They contradict each other on x (attribution +0.5, re-weighting -0.4, exchange +0.5)."
    assert said[2].startswith("They can differ because re-weighting takes along whatever changes together")
    assert "attribution shares what features do together" not in said[2]


def test_methods_that_agree_give_no_reason_and_one_alone_says_nothing():
    three = [made(name, x=0.5) for name in ("attribution", "re-weighting", "exchange")]
    assert agreement(three) == ["All three methods put x first."]
    assert agreement([*three[:1], Method.missing("exchange", "no artifact")]) == []


@pytest.mark.soak
def test_intervals_by_exchange_hold_what_many_decisions_give_in_19_of_20_cases():
    """The spread of random groups counts decisions and exchanged values; the model is a curve with an interaction."""
    drawn = np.random.default_rng(0)
    names = [FEATURE + name for name in "xy"]

    def curve(x, y):
        return 1 / (1 + np.exp(-(x + 0.8 * y - 0.5 * x * y)))

    class Trials:
        def changed(self, side, feature, values):
            return curve(*(side.rows.with_columns(values.alias(FEATURE + feature))[name].to_numpy() for name in names))

    def exchanged(count, groups):
        sides, outcomes = [], []
        for which, shift in (("before", 0.0), ("after", 0.6)):
            y = drawn.normal(size=count)
            x = 0.5 * y + drawn.normal(size=count) + shift
            held = pl.DataFrame({**dict(zip(names, (x, y), strict=True)), RANK: drawn.permutation(count)})
            sides.append(Side(which, "1", None, held, count, 0, None))
            outcomes.append(curve(x, y))
        asked = SimpleNamespace(seed=0, confidence=0.95)
        return _Exchanging(Trials(), tuple(sides), tuple(outcomes), groups, asked).of("x")

    known = exchanged(300_000, 1).value
    again = [exchanged(400, 10) for _ in range(300)]
    held = sum(each.low <= known <= each.high for each in again) / len(again)
    assert 0.91 <= held <= 0.985

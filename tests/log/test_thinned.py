"""Of requests that were sampled with all their predictions those count that are as good as drawn one by one."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import polars as pl
import pytest

from audit_lab.log.thinned import intraclass_correlation, share_that_counts, thinned


def requests(drawn, count, size, alike):
    """Return requests whose predictions share a value with the probability `alike`, and its intraclass correlation."""
    own = drawn.normal(size=(count, 1))
    values = np.where(drawn.random((count, size)) < alike, own, drawn.normal(size=(count, size)))
    names = np.repeat([f"r-{each:05}" for each in range(count)], size)
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{each:06}" for each in range(count * size)],
            "request": names,
            "occurred_at": np.repeat(np.arange(count), size),
            "value": values.ravel(),
        }
    )


def asked(rows, rate=0.2):
    return thinned(
        rows.drop("value"),
        rate,
        lambda ids: rows.filter(pl.col("prediction_id").is_in(ids.implode())).select("prediction_id", "value"),
    )


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.7, 1.0])
def test_how_alike_they_are_is_what_they_were_drawn_with(alike):
    rows = requests(np.random.default_rng(1), 800, 20, alike)
    found = asked(rows, 0.0001).alike
    assert found == pytest.approx(alike**2, abs=0.03)


def test_the_correlation_is_that_of_the_analysis_of_variance():
    """For two categories it is the intraclass correlation of their indicator, by pairs."""
    drawn = np.random.default_rng(2)
    share = drawn.beta(2, 3, 300)
    yes = drawn.random((300, 10)) < share[:, None]
    rows = pl.DataFrame({"request": np.repeat(np.arange(300), 10), "yes": yes.ravel(), "group": 0})
    between = 10 * yes.mean(axis=1).var(ddof=1)
    within = (yes.var(axis=1, ddof=1)).mean()
    anova = (between - within) / (between + 9 * within)
    assert intraclass_correlation(pl.col("yes"), rows) == pytest.approx(anova, abs=0.002)


def test_requests_are_compared_with_others_of_their_time():
    """What moves over the months makes those of one request no more alike."""
    drawn = np.random.default_rng(3)
    rows = requests(drawn, 1_000, 20, 0.0)
    moved = rows.with_columns(value=pl.col("value") + pl.col("occurred_at") / 200)
    assert asked(moved).alike < 0.01


@pytest.mark.parametrize(
    ("sizes", "counts", "alike", "share"),
    [
        ([1], [100], 1.0, 1.0),
        ([100], [10], 0.0, 1.0),
        ([100], [10], 0.1 / 99, 1.0),
        ([2], [10], 1.0, 1 / 1.9),
        ([100], [10], 1.0, 0.0105),
        ([100], [10], 0.01, 0.11),
    ],
)
def test_the_share_is_the_largest_that_widens_by_a_tenth(sizes, counts, alike, share):
    found = share_that_counts(np.array(sizes), np.array(counts), alike)
    assert found == pytest.approx(share, rel=0.01)


def test_each_prediction_counts_equally_often_and_few_of_one_request():
    rows = pl.concat(
        [
            requests(np.random.default_rng(4), 60, 7, 1.0),
            requests(np.random.default_rng(5), 60, 31, 1.0).with_columns(
                pl.format("b-{}", "request"), pl.format("b-{}", "prediction_id")
            ),
        ]
    )
    rounds, counted = 300, pl.Series([0] * rows.height)
    for number in range(rounds):
        named = rows.with_columns(pl.format("{}-{}", pl.lit(number), "request").alias("request"))
        found = asked(named)
        assert found.alike == pytest.approx(1, abs=0.01)
        is_there = ~named["prediction_id"].is_in(found.left_out.implode())
        most = named.filter(is_there).group_by("request").len()["len"].max()
        assert most <= np.ceil(found.share * 31)
        counted = counted + is_there.cast(pl.Int64)
    shares = (counted / rounds).to_numpy()
    error = (found.share * (1 - found.share) / rounds) ** 0.5
    assert np.abs(shares - found.share).max() < 5 * error
    assert abs(shares.mean() - found.share) < error / 4


def test_the_mean_of_what_counts_varies_as_that_of_independent_ones():
    drawn, means, expected = np.random.default_rng(6), [], []
    for _ in range(200):
        rows = requests(drawn, 120, 25, 1.0)
        found = asked(rows, 0.001)
        values = rows.filter(~pl.col("prediction_id").is_in(found.left_out.implode()))["value"]
        means.append(values.mean())
        expected.append(1 / values.len())
    ratio = np.var(means) / np.mean(expected)
    assert 0.8 < ratio < 1.45  # 25 without
    raw = np.var([requests(drawn, 120, 25, 1.0)["value"].mean() for _ in range(200)]) * 120 * 25
    assert raw > 15


def test_what_counts_can_be_computed_again():
    rows = requests(np.random.default_rng(7), 40, 10, 1.0)
    found = asked(rows)
    kept = []
    for (request,), mine in rows.sort("prediction_id").group_by("request", maintain_order=True):
        digest = sha256(f"{request}\0thinned".encode()).digest()[:8]
        begin = int.from_bytes(digest, "big") / 2**64
        for place, name in enumerate(mine["prediction_id"]):
            if np.floor(begin + (place + 1) * found.share) > np.floor(begin + place * found.share):
                kept.append(name)
    assert sorted(kept) == sorted(set(rows["prediction_id"]) - set(found.left_out))


@pytest.mark.parametrize("rate", [1.0, 0.95])
def test_nothing_is_left_out_where_nearly_all_was_recorded(rate):
    rows = requests(np.random.default_rng(8), 100, 2, 1.0)
    found = asked(rows, rate)
    assert (found.share, found.left_out.len()) == (1.0, 0)


def test_of_one_request_alone_nothing_is_known_and_little_counts():
    rows = requests(np.random.default_rng(9), 1, 50, 0.0)
    found = asked(rows)
    assert found.alike == 1
    assert 50 - found.left_out.len() <= 2


def test_a_column_that_is_always_missing_or_the_same_says_nothing():
    rows = requests(np.random.default_rng(10), 50, 5, 0.0)
    for value in (None, 3.0, float("nan")):
        same = rows.with_columns(value=pl.lit(value, dtype=pl.Float64))
        assert asked(same).alike == 0

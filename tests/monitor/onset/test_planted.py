"""A merger, a storm and a change of unit that a seed has put somewhere in real rows are found there, and named."""

from __future__ import annotations

from datetime import timedelta

import pytest

DAY = timedelta(days=1)


def series_of(found, column, statistic):
    return [one for one in found.onsets if (one.column, one.statistic) == (column, statistic)]


def check(planted, found):
    merger = [one for one in found.onsets if (one.column, one.category) == ("carrier", planted.gone)]
    assert len(merger) == 1
    assert abs(merger[0].at - planted.merger) <= 2 * DAY
    assert merger[0].earliest <= planted.merger <= merger[0].latest
    assert merger[0].after == 0
    assert merger[0].returned is None
    event = next(event for event in found.events if merger[0] in event.onsets)
    assert {planted.gone, planted.into} <= {one.category for one in event.onsets if one.column == "carrier"}
    assert f"{planted.gone} vanished" in found.summary()[0]
    assert f"Since {merger[0].at:%Y-%m-%d}" in found.summary()[0]

    start, end = planted.storm
    storms = series_of(found, "outcome_value", "missing rate")
    began = [one for one in storms if not one.is_return and abs(one.at - start) <= 2 * DAY]
    assert len(began) == 1
    assert began[0].before < 0.05
    assert began[0].after > 0.15
    assert began[0].returned is not None
    assert abs(began[0].returned - end) <= 2 * DAY
    event = next(event for event in found.events if any(one is began[0] for one in event.onsets))
    volumes = [one for one in event.onsets if one.statistic == "rows"]
    assert volumes
    assert all(one.after < 0.9 * one.before for one in volumes)

    unit = [one for one in series_of(found, planted.feature, "mean") if not one.is_return]
    assert len(unit) == 1
    assert abs(unit[0].at - planted.unit[0]) <= DAY
    assert abs(unit[0].returned - planted.unit[1]) <= DAY
    assert unit[0].factor == pytest.approx(planted.factor)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_changes_are_dated_and_named(planted, onsets_of, seed):
    made = planted(seed)
    check(made, onsets_of(made.frame, followed_by_volume=["outcome_value"]))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 140))
def test_planted_changes_are_dated_and_named_wherever_they_are(planted, onsets_of, seed):
    made = planted(seed)
    check(made, onsets_of(made.frame, followed_by_volume=["outcome_value"]))

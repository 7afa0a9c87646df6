"""What is searched and said: bad input as facts, gaps, zones, hours, groups of one date, and the same answer again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.monitor.onset.search import find_onsets

DAY = timedelta(days=1)
at = pl.col("occurred_at")


def test_nothing_began_is_said_and_nothing_else(quiet, onsets_of):
    found = onsets_of(quiet(1))
    assert found.events == ()
    assert found.summary()[0].startswith("Nothing began: no change in ")
    assert found.table().is_empty()


def test_columns_that_change_on_one_date_are_one_event(quiet, onsets_of):
    day = datetime(2024, 2, 12, tzinfo=UTC)
    changed = quiet(2).with_columns(
        number=pl.when(at >= day).then(pl.col("number") * 1.609344).otherwise(pl.col("number")),
        text=pl.when((at >= day) & (pl.col("text") == "d")).then(pl.lit("a")).otherwise(pl.col("text")),
    )
    found = onsets_of(changed)
    (event,) = found.events
    assert event.at == day
    assert set(event.columns) == {"number", "text"}
    assert event.returned is None
    first = found.summary()[0]
    assert first.startswith("Since 2024-02-12")
    assert "x 1.60934" in first
    assert "d vanished" in first
    gone = next(one for one in event.onsets if one.category == "d")
    assert (gone.after, gone.unit, gone.p_value) == (0.0, "share of rows", 0.01)
    rows = changed.filter(pl.col("text").is_not_null())
    assert gone.before == pytest.approx(rows.filter(at < day)["text"].eq("d").mean())
    assert gone.before_rows == rows.filter(at < day).height


def test_the_same_question_gives_the_same_answer_and_another_seed_may_not(quiet, onsets_of):
    frame = quiet(3)
    assert onsets_of(frame, seed=4).to_dict() == onsets_of(frame, seed=4).to_dict()
    assert onsets_of(frame, seed=4).penalties != onsets_of(frame, seed=5).penalties


def test_the_answer_is_json_without_nan(quiet, onsets_of):
    frame = quiet(4).with_columns(number=pl.when(at < datetime(2024, 2, 12, tzinfo=UTC)).then(pl.col("number")))
    found = onsets_of(frame)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["events"]


def test_a_column_that_is_constant_null_nan_infinite_or_an_id_is_a_fact(quiet, onsets_of):
    frame = quiet(5)
    rows = frame.height
    odd = frame.select(
        "occurred_at",
        same=pl.lit(3.0),
        nothing=pl.lit(None, dtype=pl.Float64),
        name=pl.int_range(rows).cast(pl.String),
        wild=pl.when(pl.int_range(rows) % 50 == 0).then(float("inf")).otherwise(pl.col("number")),
        nan=pl.when(pl.int_range(rows) % 40 == 0).then(float("nan")).otherwise(pl.col("score")),
        always=pl.lit("yes"),
    )
    found = onsets_of(odd)
    assert found.events == ()
    facts = " ".join(found.facts)
    assert "nothing is missing in every row" in facts
    assert "name has more than 200 different texts: only its missing rate is followed" in facts
    assert f"wild: {len(range(0, rows, 50))} values are NaN or infinite and count as missing" in facts
    assert f"nan: {len(range(0, rows, 40))} values are NaN or infinite" in facts
    assert set(found.searched()["column"]) == {"rows", "wild", "nan"}


def test_ten_rows_and_one_window_say_that_nothing_can_be_told(quiet, onsets_of):
    for frame in (quiet(6).head(10), quiet(6).head(1), quiet(6).filter(at < datetime(2024, 1, 8, tzinfo=UTC))):
        found = onsets_of(frame)
        assert found.summary()[0].startswith("No onset can be told")
        assert any("a change takes 14 days that say something" in fact for fact in found.facts)


def test_no_rows_at_all_are_refused(quiet):
    with pytest.raises(LogError, match="no rows with a time"):
        find_onsets(lambda *_: quiet(1), pl.DataFrame({"hour": [], "rows": []}), ["number"])


def test_a_gap_is_a_change_of_volume_and_its_dates_reach_over_it(quiet, onsets_of):
    hole = datetime(2024, 2, 5, tzinfo=UTC), datetime(2024, 2, 15, tzinfo=UTC)
    frame = quiet(7).filter((at < hole[0]) | (at >= hole[1]))
    frame = frame.with_columns(score=pl.when(at >= hole[1]).then(pl.col("score") + 0.3).otherwise(pl.col("score")))
    found = onsets_of(frame)
    assert "no rows at all in 10 days, the first 2024-02-05" in found.facts
    volume = next(one for one in found.onsets if one.statistic == "rows" and not one.is_return)
    assert (volume.at, volume.returned, volume.after) == (*hole, 0.0)
    score = next(one for one in found.onsets if (one.column, one.statistic) == ("score", "mean"))
    assert (score.earliest, score.at) == hole


def test_the_weeks_pattern_is_no_change_and_a_rising_tide_is_not_hidden_by_it(quiet, onsets_of):
    frame = quiet(8, days=140)
    weekend = at.dt.weekday() >= 6
    pattern = frame.with_columns(score=pl.when(weekend).then(pl.col("score") + 0.4).otherwise(pl.col("score")))
    assert onsets_of(pattern).events == ()


def test_hours_of_a_zone_are_searched_without_the_days_pattern(quiet, onsets_of):
    frame = quiet(10, days=35, rows=800)
    local = at.dt.convert_time_zone("America/New_York").dt.hour()
    start = datetime(2024, 1, 20, 15, tzinfo=UTC)
    busy = frame.with_columns(
        score=pl.when(local.is_between(9, 17)).then(pl.col("score") + 0.3).otherwise(pl.col("score"))
    )
    assert onsets_of(busy.select("occurred_at", "score"), every="1h", zone="America/New_York").events == ()
    changed = busy.with_columns(score=pl.when(at >= start).then(pl.col("score") + 0.2).otherwise(pl.col("score")))
    found = onsets_of(changed.select("occurred_at", "score"), every="1h", zone="America/New_York")
    one = next(one for one in found.onsets if one.statistic == "mean")
    assert abs(one.at - start) <= timedelta(hours=1)
    assert found.summary()[0].startswith(f"Since 2024-01-20 {one.at.hour - 5:02}:00-0500")


def test_the_clock_changing_is_a_fact_and_no_change_of_volume(quiet, onsets_of):
    found = onsets_of(quiet(11, days=140), zone="Europe/Berlin")
    assert found.events == ()
    assert any("the clock changes in Europe/Berlin on 2024-03-31 (23 hours)" in fact for fact in found.facts)


def test_a_short_log_says_that_the_weeks_pattern_is_left_in(quiet, onsets_of):
    found = onsets_of(quiet(12, days=18))
    assert any("the recurring pattern of the weekday is not removed" in fact for fact in found.facts)


def test_a_reference_gives_distances_and_one_outside_is_refused(quiet, onsets_of):
    span = datetime(2024, 1, 8, tzinfo=UTC), datetime(2024, 2, 26, tzinfo=UTC)
    found = onsets_of(quiet(13), reference=span)
    assert found.reference == span
    with pytest.raises(MisuseError, match="holds no day"):
        onsets_of(quiet(13), reference=(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)))


def test_a_distance_is_the_total_variation_from_the_other_days_of_the_reference(quiet, onsets_of):
    frame = quiet(14)
    found = onsets_of(frame, reference=(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)))
    series = found.series("text", "distance from the reference")
    for day in (datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)):
        mine = frame.filter(at >= day, at < day + DAY)
        others = frame.filter(at < datetime(2024, 2, 1, tzinfo=UTC), (at < day) | (at >= day + DAY))
        shares = [[part["text"].eq(name).mean() for name in "abcd"] for part in (mine, others)]
        expected = float(np.abs(np.subtract(*shares)).sum() / 2)
        assert series.filter(window_start=day)["value"].item() == pytest.approx(expected, abs=1e-12)


def test_statistics_are_those_of_the_rows(quiet, onsets_of):
    frame = quiet(15)
    found = onsets_of(frame)
    day = datetime(2024, 1, 10, tzinfo=UTC)
    mine = frame.filter(at >= day, at < day + DAY)
    expected = {
        ("number", "mean", None): mine["number"].mean(),
        ("number", "quantile 0.9", None): mine["number"].quantile(0.9, "linear"),
        ("text", "share", "b"): mine["text"].eq("b").mean(),
        ("rows", "rows", None): mine.height,
    }
    for series, value in expected.items():
        assert found.series(*series).filter(window_start=day)["value"].item() == pytest.approx(value, abs=1e-12)
    with pytest.raises(NotFoundError, match="No series was searched"):
        found.series("number", "mode")


def test_hostile_names_are_told_as_text(quiet, onsets_of):
    day = datetime(2024, 2, 12, tzinfo=UTC)
    bad = "<script>alert(1)</script>'; {x}"
    frame = quiet(16).with_columns(text=pl.when(at >= day).then(pl.lit(bad)).otherwise(pl.col("text")))
    html = onsets_of(frame.select("occurred_at", "text"))._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_column_that_is_retyped_half_way_is_dated_and_its_new_text_named(quiet, onsets_of):
    day = datetime(2024, 2, 12, tzinfo=UTC)
    number = pl.col("number").round(0).cast(pl.Int64).clip(0, 4).cast(pl.String)
    frame = quiet(11).select(
        "occurred_at", number=pl.when(at >= day).then(pl.lit("unknown")).otherwise(number), score="score"
    )
    found = onsets_of(frame)
    event = next(event for event in found.events if event.at == day)
    assert (event.columns[0], event.returned) == ("number", None)
    appeared = next(one for one in event.onsets if one.category == "unknown")
    assert (appeared.before, appeared.after) == (0.0, 1.0)
    gone = quiet(11).select("occurred_at", number=pl.when(at < day).then(pl.col("number")))
    (missing,) = [one for one in onsets_of(gone).onsets if one.statistic == "missing rate"]
    assert (missing.at, missing.after, missing.returned) == (day, 1.0, None)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_a_day_that_is_not_over_is_no_change(quiet, onsets_of, zone):
    frame = quiet(17, days=80).with_columns(number=at.dt.hour().cast(pl.Float64))
    early, late = datetime(2024, 1, 1, 20, tzinfo=UTC), datetime(2024, 3, 20, 6, tzinfo=UTC)
    for cut in (frame.filter(at < late), frame.filter(at >= early)):
        found = onsets_of(cut, zone=zone)
        assert (found.events, found.spikes) == ((), ())
        values = found.series("number", "mean")["value"].to_list()
        cut_off = [place for place in (0, -1) if values[place] is None]
        assert cut_off == ([0, -1] if zone != "UTC" else [0] if cut["occurred_at"][0] >= early else [-1])
        (fact,) = [fact for fact in found.facts if fact.startswith("cut short at an end, and in no series: the day ")]
        days = cut["occurred_at"].dt.convert_time_zone(zone).dt.date()
        assert all(str(days[place]) in fact for place in cut_off)


def test_a_day_that_the_log_goes_on_after_is_whole(flights):
    log = al.open(flights)
    whole, cut = (
        log.onset(["carrier"], since="2015-03-01", until=until) for until in ("2015-05-20", "2015-05-20T06:00")
    )
    assert not any("cut short" in fact for fact in whole.facts)
    assert "cut short at an end, and in no series: the day 2015-05-20" in cut.facts
    shares = [found.series("carrier", "share", "AA")["value"].to_list() for found in (whole, cut)]
    assert shares[1] == [*shares[0], None]
    assert None not in shares[0]


def test_where_no_column_could_be_followed_no_onset_can_be_told(quiet, onsets_of):
    found = onsets_of(quiet(19, rows=4))
    assert found.summary()[0].startswith(
        "No onset can be told of any column: none of 3 columns could be followed; in the number of rows nothing began "
    )
    assert any("no window has 10 values" in fact for fact in found.facts)


def test_an_infinite_column_and_a_constant_one_are_told_as_what_they_are(quiet, onsets_of):
    frame = quiet(20).with_columns(wild=pl.lit(float("inf")), same=pl.lit(3.0), word=pl.lit("yes"))
    facts = onsets_of(frame).facts
    assert f"wild has no finite value; {frame.height:,} values are NaN or infinite" in facts
    for name in ("same", "word"):
        assert f"{name} has one value wherever it has any: nothing but its missing rate can change" in facts


@pytest.mark.parametrize(("day", "hour"), [(11, 10), (14, 18), (7, 14)])
def test_the_day_on_which_a_change_happens_is_no_spike_of_it(quiet, onsets_of, day, hour):
    begun = datetime(2024, 2, day, hour, tzinfo=UTC)
    found = onsets_of(quiet(21, rows=48).with_columns(number=pl.when(at < begun).then(pl.col("number"))))
    assert [one for one in found.spike_onsets if one.column == "number"] == []
    assert any(abs(one.at - begun) <= DAY and one.after > 0.9 for one in found.onsets)


def test_a_spike_is_told_by_what_is_usual_about_it(quiet, onsets_of):
    # On the weekend half of the rows come; on one Sunday as many as on other days.
    frame, lot = quiet(22, rows=120), pl.Series(np.random.default_rng(0).random(quiet(22, rows=120).height))
    sunday = datetime(2024, 2, 18, tzinfo=UTC)
    usual = (at.dt.weekday() < 6) | (lot < 0.5) | ((at >= sunday) & (at < sunday + DAY))
    found = onsets_of(frame.filter(usual).select("occurred_at", "score"))
    (spike,) = (one for one in found.spike_onsets if one.statistic == "rows")
    assert (spike.at, spike.returned) == (sunday, sunday + DAY)
    assert spike.after > 1.5 * spike.before
    level = frame.filter(at >= sunday + DAY, usual)
    assert spike.before < 0.8 * level.height / level["occurred_at"].dt.date().n_unique()

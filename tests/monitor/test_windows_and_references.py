"""Windows by hour, zone, version and around a moment; references that roll, are data of their own, or too small."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit_lab.errors import MisuseError
from audit_lab.monitor.cuts import Around
from audit_lab.monitor.drift import drift
from audit_lab.monitor.reference import Dataset, Rolling
from audit_lab.monitor.windows import duration, window_length

START = datetime(2024, 3, 4, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WEEKS = 8
COLUMNS = ["amount", "city"]

zones = st.sampled_from(["Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"])
moments = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def rows(seed: int = 0, per_week: int = 336) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    count = WEEKS * per_week
    hours = np.arange(count) * 168 / per_week
    return pl.DataFrame(
        {
            "at": [START + timedelta(hours=float(hour)) for hour in hours],
            "amount": random.normal(50, 10, count).round(1),
            "city": random.choice(["Bern", "Oslo", "Rome"], count),
            "version": np.where(hours < 5 * 168, "1.0", "2.0"),
        }
    )


def asked(frame: pl.DataFrame | None = None, **options):
    frame = rows() if frame is None else frame
    return drift(frame.lazy(), **{"time": "at", "columns": COLUMNS, **options})


def raised(frame: pl.DataFrame, since: datetime) -> pl.DataFrame:
    return frame.with_columns(pl.when(pl.col("at") >= since).then(pl.col("amount") + 20).otherwise("amount"))


@given(moments, zones, st.sampled_from(["1d", "1w", "1mo"]))
def test_windows_of_a_zone_begin_at_its_midnight_and_hold_their_moments(moment, zone, every):
    length = window_length(every, zone)
    start = length.start(length.number_of(moment))
    assert start <= moment < length.after(start)
    local = start.astimezone(ZoneInfo(zone))
    assert (local.hour, local.minute) in {(0, 0), (1, 0)}  # at one where the clock skips midnight
    if every == "1w":
        assert local.weekday() == 0
    if every == "1mo":
        assert local.day == 1


def test_days_of_a_zone_have_23_or_25_hours_where_its_clock_changes():
    for day, hours in ((datetime(2024, 3, 31, 12, tzinfo=UTC), 23), (datetime(2024, 10, 27, 12, tzinfo=UTC), 25)):
        length = window_length("1d", "Europe/Berlin")
        start = length.start(length.number_of(day))
        assert length.after(start) - start == timedelta(hours=hours)


def test_rows_of_a_zone_s_days_are_those_of_its_calendar():
    found = asked(every="1d", zone="Europe/Berlin")
    days = rows().select(pl.col("at").dt.convert_time_zone("Europe/Berlin").dt.date().alias("day"))
    expected = days.group_by("day").len().sort("day")
    assert found.volume["rows"].to_list() == expected["len"].to_list()
    changed = found.volume.filter(window="2024-03-31")
    assert changed["rows"].item() == 46  # two rows an hour, and an hour less
    assert (changed["window_end"] - changed["window_start"]).item() == timedelta(hours=23)


@settings(max_examples=5, deadline=None)
@given(zones)
def test_every_row_is_in_one_window_whatever_the_zone(zone):
    assert asked(every="1d", zone=zone, columns=["city"]).volume["rows"].sum() == rows().height


def test_sentences_speak_in_the_zone_s_days():
    since = datetime(2024, 4, 1, 22, tzinfo=UTC)
    found = asked(raised(rows(per_week=1_400), since), every="1d", zone="Asia/Tokyo")
    onset = found.episodes[0].start
    assert onset == datetime(2024, 4, 1, 15, tzinfo=UTC)
    assert "amount: major drift since 2024-04-02" in found.summary()[0]


def test_hours_are_windows_too():
    found = asked(rows(per_week=168 * 60).filter(pl.col("at") < START + timedelta(days=1)), every="1h")
    assert found.volume.height == 24
    assert found.volume["rows"].unique().to_list() == [60]
    assert found.table["window"][0] == "the hour from 2024-03-04 00:00 UTC"


def test_windows_by_version_are_compared_with_the_first():
    found = asked(raised(rows(), START + 5 * WEEK), every="version", version="version")
    assert found.volume.select("window", "rows").rows() == [("version 1.0", 1680), ("version 2.0", 1008)]
    assert found.reference.description.startswith("version 1.0, the first: 2024-03-04 to 2024-04-07, 1,680 rows")
    assert found.summary()[0] == (
        "amount: major drift in version 2.0, the last (PSI up to " + f"{found.table['psi'].max():.2f})."
    )


def test_a_change_in_the_time_of_two_versions_makes_no_drift_of_the_one_that_it_was_not_in():
    frame, at = rows(per_week=1_680), pl.col("at")
    newer = (at >= START + WEEK) & (pl.int_range(pl.len()) % 2 == 0)
    third = at.is_between(START + 6 * WEEK, START + 7 * WEEK) & (pl.int_range(pl.len()) % 4 == 1)
    named = pl.when(newer).then(pl.lit("2.0")).when(third).then(pl.lit("3.0")).otherwise(pl.lit("1.0"))
    frame = frame.with_columns(model_version=named)
    inside = newer & at.is_between(START + 3 * WEEK, START + 5 * WEEK, closed="left")
    frame = frame.with_columns(amount=pl.when(inside).then(pl.col("amount") * 1000).otherwise("amount"))
    found = asked(frame, columns=["amount"], every="version", version="model_version")
    assert found.table["verdict"].to_list() == ["stable", "major", "stable"]
    assert [one.kind for one in found.changes] == ["unit"]
    assert not any("major drift" in said for said in found.summary())


def test_a_change_of_a_few_rows_does_not_explain_the_drift_of_all_the_others():
    frame, at = rows(per_week=1_680), pl.col("at")
    frame = raised(frame, START + 5 * WEEK)
    gone = at.is_between(START + timedelta(days=51), START + timedelta(days=52), closed="left")
    gone &= pl.int_range(pl.len()) % 5 < 2
    frame = frame.with_columns(amount=pl.when(~gone).then("amount"))
    found = asked(frame, columns=["amount"], every="version", version="version")
    assert [one.kind for one in found.changes] == ["missing values"]
    assert any(said.startswith("amount: major drift in version 2.0, the last") for said in found.summary())


def test_each_version_that_moved_is_told_by_itself():
    frame, at = rows(), pl.col("at")
    three = pl.int_range(pl.len()) % 3
    later = pl.when(three == 0).then(pl.lit("2.0")).when(three == 1).then(pl.lit("3.0")).otherwise(pl.lit("1.0"))
    frame = frame.with_columns(version=pl.when(at >= START + 4 * WEEK).then(later).otherwise(pl.lit("1.0")))
    other = pl.when(pl.col("version") == "1.0").then("amount").otherwise(120 - pl.col("amount"))
    found = asked(frame.with_columns(amount=other), columns=["amount"], every="version", version="version")
    psi = dict(found.table.select("window", "psi").iter_rows())
    assert set(found.summary()[:2]) == {
        f"amount: major drift in version 2.0 (PSI up to {psi['version 2.0']:.2f}).",
        f"amount: major drift in version 3.0, the last (PSI up to {psi['version 3.0']:.2f}).",
    }


def test_rows_without_a_version_are_a_window_of_their_own():
    frame = rows().with_columns(version=pl.when(pl.col("at") < START + 5 * WEEK).then(pl.lit("1.0")))
    found = asked(frame, every="version", version="version")
    assert found.volume["window"].to_list() == ["version 1.0", "the rows without a version"]


def test_one_version_alone_has_nothing_to_be_compared_with():
    with pytest.raises(MisuseError, match=r"All rows are of version 1\.0"):
        asked(rows().with_columns(version=pl.lit("1.0")), every="version", version="version")
    with pytest.raises(MisuseError, match="need the column that says which version"):
        asked(every="version")


def test_windows_around_a_moment_end_and_begin_with_it():
    moment = START + timedelta(days=38, hours=7)
    found = asked(around=Around(moment, "3d", "2d"), every="1d")
    starts = found.volume["window_start"].to_list()
    assert starts == [moment + timedelta(days=day) for day in range(-3, 2)]
    assert found.volume["rows"].to_list() == [48] * 5
    assert found.volume["window"].to_list()[2:4] == ["the day before the decision", "the day from the decision on"]
    assert (found.reference.start, found.reference.end) == (moment - timedelta(days=59), moment - timedelta(days=3))
    assert "8 weeks before the windows" in found.reference.description


def test_four_weeks_before_a_decision_are_four_windows_and_the_decision_is_in_none():
    frame = raised(rows(), START + 6 * WEEK)
    found = asked(frame, around=Around(START + 7 * WEEK, "4w"))
    assert found.volume["rows"].to_list() == [336] * 4
    assert found.table.filter(column="amount")["verdict"].to_list() == ["stable", "stable", "stable", "major"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": "1mo"}, "windows around a decision cannot be '1mo' long"),
        ({"around": Around(START, "10d")}, "before is '10d', which is no multiple of windows of 1w"),
        ({"around": Around(START, "0w")}, "0 windows around a decision"),
        ({"around": Around(START + WEEK, "4x")}, "before is '4x', which is no length of time"),
        ({"around": Around(START + WEEK, "4w")}, "No rows lie before 2024-02-12"),
    ],
)
def test_what_lies_around_no_decision_is_refused(options, said):
    with pytest.raises(MisuseError, match=said):
        asked(**{"around": Around(START + 6 * WEEK), **options})


@pytest.mark.parametrize("text", ["", "w", "-1w", "1.5d", "٣d", "999999d", "4mo"])
def test_what_is_no_length_of_time_is_refused(text):
    with pytest.raises(MisuseError, match="no length of time"):
        duration(text, "before")


def test_a_zone_that_is_none_is_refused():
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        with pytest.raises(MisuseError, match="There is no time zone"):
            asked(zone=zone)


def test_a_rolling_reference_is_the_windows_before():
    frame = raised(rows(), START + 6 * WEEK)
    found = asked(frame, reference=Rolling(2))
    mine = found.table.filter(column="amount")
    assert mine["reference_rows"].to_list() == [0, 0, *[672] * 6]
    assert mine["verdict"].to_list()[:2] == ["too few rows"] * 2
    assert mine["verdict"].to_list()[5:] == ["stable", "major", "major"]
    assert "the first 2 weeks have too few before them to be compared with" in found.facts
    assert found.reference.description.startswith("rolling, the 2 weeks before each, bins from all")


def test_measures_against_a_rolling_reference_are_exact():
    frame = raised(rows(), START + 6 * WEEK)
    found = asked(frame, reference=Rolling(2)).table.filter(column="amount")
    weeks = frame.with_columns(week=((pl.col("at") - START).dt.total_days() // 7))
    values = [weeks.filter(week=week)["amount"].to_numpy() for week in range(WEEKS)]
    for week in range(2, WEEKS):
        before = np.concatenate(values[week - 2 : week])
        row = found.row(week, named=True)
        assert row["ks"] == pytest.approx(stats.ks_2samp(before, values[week]).statistic, abs=1e-12)
        assert row["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, values[week]), abs=1e-9)
        assert row["wasserstein_error"] == 0.0


def test_a_category_that_vanished_is_missed_by_the_windows_that_still_know_it():
    gone = pl.when(pl.col("at") < START + 5 * WEEK).then("city").otherwise(pl.lit("Bern"))
    found = asked(rows().with_columns(gone.alias("city")), reference=Rolling(2)).table.filter(column="city")
    assert found["vanished_categories"].to_list()[4:] == [[], ["Oslo", "Rome"], ["Oslo", "Rome"], []]
    assert found["frozen"].to_list() == [False] * 5 + [True, True, False]


def test_a_rolling_reference_longer_than_the_log_is_refused():
    with pytest.raises(MisuseError, match="There are 8 weeks, and each needs 8 before it"):
        asked(reference=Rolling(8))
    with pytest.raises(MisuseError, match="a rolling reference of 0 windows"):
        Rolling(0)


def test_training_data_are_a_reference_with_a_name_and_a_digest():
    training = rows(5).drop("at")
    found = asked(raised(rows(), START + 6 * WEEK), reference=Dataset(training, "the training data"))
    assert found.reference.description == "the training data: 2,688 rows"
    assert (found.reference.start, found.reference.kind, len(found.reference.sha256)) == (None, "dataset", 64)
    assert found.table.filter(column="amount")["verdict"].to_list() == ["stable"] * 6 + ["major"] * 2
    again = asked(reference=Dataset(training.sample(fraction=1, shuffle=True, seed=1).lazy(), "the training data"))
    assert again.reference.sha256 == found.reference.sha256


def test_columns_that_training_data_lack_or_hold_otherwise_are_left_out_and_named():
    training = rows(5).select("amount", city=pl.lit(3))
    found = asked(columns=["amount", "city", "version"], reference=Dataset(training, "the training data"))
    assert found.columns == ("amount",)
    assert found.facts[:2] == (
        "city is categorical in the log and numeric in the training data, and is not compared",
        "version is not in the training data, and is not compared",
    )
    with pytest.raises(MisuseError, match="has none of the columns"):
        asked(reference=Dataset(pl.DataFrame({"other": [1]}), "the training data"))


def test_a_reference_of_ten_rows_has_no_verdict_and_says_so():
    found = asked(reference=(START, START + timedelta(hours=5)))
    assert found.reference.rows == 10
    assert found.table["verdict"].unique().to_list() == ["too few rows"]
    assert found.calibration is None
    assert "the reference has only 10 rows, and a verdict takes 50" in found.facts


def test_one_window_with_a_reference_is_answered():
    found = asked(rows().filter(pl.col("at") < START + WEEK), reference=(START, START + timedelta(days=3)))
    assert found.volume.height == 1
    assert found.table["verdict"].unique().to_list() == ["stable"]

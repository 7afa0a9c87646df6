from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.monitor.drift import drift

START = datetime(2015, 1, 5, tzinfo=UTC)
WEEKS = 30
PER_WEEK = 700
LAST = START + timedelta(weeks=WEEKS)
WEEK = timedelta(weeks=1)
COLUMNS = ["carrier", "distance", "late"]


def steady(seed: int = 0, weeks: int = WEEKS, per_week: int = PER_WEEK) -> pl.DataFrame:
    """Return rows that do not drift: a carrier, a skewed distance, a flag; evenly over Monday to Sunday."""
    random = np.random.default_rng(seed)
    rows = weeks * per_week
    seconds = (np.arange(rows) + 0.5) * (7 * 86_400 / per_week)
    return pl.DataFrame(
        {
            "at": pl.Series([START + timedelta(seconds=float(second)) for second in seconds]).cast(
                pl.Datetime("us", "UTC")
            ),
            "carrier": random.choice(["AA", "DL", "US", "WN"], size=rows, p=[0.4, 0.3, 0.1, 0.2]),
            "distance": np.round(np.exp(random.normal(6.4, 0.7, size=rows))),
            "late": random.random(rows) < 0.2,
        }
    )


def changed(frame: pl.DataFrame, since: datetime, until: datetime, **columns: pl.Expr) -> pl.DataFrame:
    """Return the frame with columns replaced by other expressions between two times."""
    inside = pl.col("at").is_between(since, until, closed="left")
    return frame.with_columns(
        pl.when(inside).then(expression).otherwise(pl.col(name)).alias(name) for name, expression in columns.items()
    )


def without(frame: pl.DataFrame, carrier: str, since: datetime, until: datetime) -> pl.DataFrame:
    """Return the frame in which one carrier's rows are another's between two times."""
    renamed = pl.when(pl.col("carrier") == carrier).then(pl.lit("AA")).otherwise(pl.col("carrier"))
    return changed(frame, since, until, carrier=renamed)


def measured(frame, **options):
    return drift(frame.lazy(), **{"time": "at", "columns": COLUMNS, **options})


@pytest.fixture(scope="module")
def merger():
    return measured(without(steady(), "US", datetime(2015, 4, 30, 9, tzinfo=UTC), LAST))


def test_steady_rows_give_no_drift():
    found = measured(steady())
    assert found.table["verdict"].unique().to_list() == ["stable"]
    assert (found.episodes, found.vanished, found.changes) == ((), (), ())
    assert found.summary()[0] == "No major drift: none of the 3 columns moved that far in any of 30 weeks."


def test_the_first_sentence_dates_a_vanished_category(merger):
    first = merger.summary()[0]
    assert first.startswith("carrier: category US (")
    assert "vanished after 2015-04-30 (last seen 2015-04-30 0" in first
    assert "did not return: none in the 13 weeks from the week of 2015-05-04 on" in first


def test_a_vanished_category_is_dated_by_its_last_row(merger):
    (gone,) = merger.vanished
    last = steady().filter(pl.col("carrier") == "US", pl.col("at") < datetime(2015, 4, 30, 9, tzinfo=UTC))["at"].max()
    assert (gone.column, gone.category, gone.last_seen, gone.returned) == ("carrier", "US", last, None)
    assert (gone.gone_from, gone.gone_until, gone.windows) == (datetime(2015, 5, 4, tzinfo=UTC), LAST, 13)


def test_a_category_that_returns_is_dated_at_both_ends():
    back = datetime(2015, 5, 6, 12, tzinfo=UTC)
    found = measured(without(steady(), "US", datetime(2015, 4, 20, tzinfo=UTC), back))
    (gone,) = found.vanished
    assert gone.windows == 2
    assert gone.returned is not None
    assert back <= gone.returned < back + timedelta(days=1)
    assert "returned on 2015-05-0" in found.summary()[0]


def test_a_vanished_category_is_at_least_moderate_and_named_in_its_windows(merger):
    gone = merger.table.filter(pl.col("vanished_categories").list.len() > 0)
    assert gone["vanished_categories"].to_list() == [["US"]] * 13
    assert set(gone["verdict"]) <= {"moderate", "major"}


def test_the_onset_is_the_first_window_of_the_last_run(merger):
    assert merger.onsets().select("column", "onset", "windows", "ongoing").rows() == [
        ("carrier", datetime(2015, 5, 4, tzinfo=UTC), 13, True)
    ]


def test_new_categories_are_named():
    late = datetime(2015, 6, 1, tzinfo=UTC)
    found = measured(changed(steady(), late, late + WEEK, carrier=pl.lit("ZZ")))
    assert found.table.filter(column="carrier", window_start=late)["new_categories"].to_list() == [["ZZ"]]
    assert found.bins("carrier", late).filter(bin="(new)")["window_rows"].to_list() == [700]


@pytest.mark.parametrize(
    ("first_day", "days", "factor", "conversion"),
    [
        (date(2015, 5, 4), 7, 1.609344, "mile -> km"),
        (date(2015, 6, 10), 7, 1 / 1.609344, "km -> mile"),
        (date(2015, 4, 1), 9, 1000.0, "a unit -> thousandths"),
        (date(2015, 3, 19), 5, 0.3048, "foot -> metre"),
        (date(2015, 7, 1), 32, 60.0, "hours -> minutes, or minutes -> seconds"),
    ],
)
def test_a_change_of_unit_is_found_with_its_days_and_factor(first_day, days, factor, conversion):
    since = datetime.combine(first_day, datetime.min.time(), UTC)
    until = since + timedelta(days=days)
    found = measured(changed(steady(per_week=2100), since, until, distance=pl.col("distance") * factor))
    (change,) = found.changes
    assert (change.column, change.start, change.conversion) == ("distance", since, conversion)
    assert change.end == min(until, LAST)
    assert change.evidence["median_ratio"] == pytest.approx(factor, rel=0.1)
    assert any(episode.column == "distance" and episode.start <= since < episode.end for episode in found.episodes)
    assert any(conversion in sentence for sentence in found.summary())


def test_a_factor_that_few_rows_cannot_tell_from_others_is_given_no_name():
    since = datetime(2015, 6, 10, tzinfo=UTC)
    uneven = steady().with_columns(pl.col("distance") + pl.col("at").dt.second() / 97)
    found = measured(changed(uneven, since, since + WEEK, distance=pl.col("distance") / 1.609344))
    assert found.changes == ()
    assert all("moved, not recognised" in said for said in found.describe_unit_change("distance"))


def test_the_grain_of_whole_numbers_tells_conversions_apart():
    since = datetime(2015, 6, 10, tzinfo=UTC)
    found = measured(changed(steady(), since, since + WEEK, distance=pl.col("distance") / 1.609344))
    (change,) = found.changes
    assert (change.conversion, change.alternatives) == ("km -> mile", ())


def test_a_change_of_unit_that_lasts_is_dated_and_said_to_last():
    since = datetime(2015, 6, 10, tzinfo=UTC)
    found = measured(changed(steady(per_week=2100), since, LAST, distance=pl.col("distance") * 1.609344))
    (change,) = found.changes
    assert (change.start, change.end, change.ongoing) == (since, LAST, True)


def test_a_change_that_is_no_known_factor_gets_its_ratio_and_no_more():
    since = datetime(2015, 5, 4, tzinfo=UTC)
    found = measured(changed(steady(), since, since + WEEK, distance=pl.col("distance") * 1.45))
    assert found.changes == ()
    (said,) = found.describe_unit_change("distance")
    assert said.startswith("distance: 2015-05-04 to 2015-05-10, moved, not recognised: the median is 1.4")
    assert "consistent" not in said


def test_a_column_that_moves_all_the_time_is_said_to_be_no_evidence():
    wander = pl.col("distance") * (4.0 ** (pl.col("at").dt.week() % 3))
    found = measured(steady().with_columns(distance=wander))
    assert found.restless == ("distance",)
    assert not any(sentence.startswith("distance: major drift") for sentence in found.summary())
    assert any("No incident can be read from distance" in sentence for sentence in found.summary())


def test_kolmogorov_smirnov_is_exact_in_every_window():
    frame = changed(steady(), START + 20 * WEEK, LAST, distance=pl.col("distance") * 1.1)
    found = measured(frame)
    reference = frame.filter(pl.col("at") < found.reference.end)["distance"].to_numpy()
    for start, ks in found.table.filter(column="distance").select("window_start", "ks").iter_rows():
        window = frame.filter(pl.col("at").is_between(start, start + WEEK, closed="left"))["distance"].to_numpy()
        assert ks == pytest.approx(stats.ks_2samp(reference, window, method="asymp").statistic, abs=1e-12)


def test_numeric_bins_are_deciles_of_the_reference_with_their_rows():
    frame = steady()
    found = measured(frame)
    bins = found.bins("distance", START)
    inside = bins.filter(~pl.col("bin").str.contains("below|above"))
    assert inside["reference_share"].to_list() == pytest.approx([0.1] * 10, abs=0.01)
    assert (
        bins["reference_rows"].sum()
        == found.reference.rows
        == frame.filter(pl.col("at") < START + 7 * WEEK).height + 700
    )
    assert bins["window_rows"].sum() == 700


def test_the_default_reference_is_the_first_quarter_where_that_is_under_eight_weeks():
    found = measured(steady())
    assert (found.reference.start, found.reference.end) == (START, START + 8 * WEEK)
    assert found.reference.description == (
        "the first 8 weeks of the log (by default: a quarter of the span): 2015-01-05 to 2015-03-01, 5,600 rows"
    )


def test_a_reference_that_is_given_is_used_and_named():
    found = measured(steady(), reference=(START + WEEK, START + 3 * WEEK))
    assert found.reference.rows == 1400
    assert found.reference.description == "the period given: 2015-01-12 to 2015-01-25, 1,400 rows"


def test_the_digest_of_the_reference_follows_its_rows_and_only_them():
    first = measured(steady()).reference.sha256
    assert measured(steady()).reference.sha256 == first
    assert measured(without(steady(), "US", START + 20 * WEEK, LAST)).reference.sha256 == first
    assert measured(without(steady(), "US", START, START + WEEK)).reference.sha256 != first


def test_weeks_begin_on_monday_whatever_the_first_day():
    found = measured(steady().filter(pl.col("at") >= START + timedelta(days=3)))
    assert found.table["window_start"].min() == START
    assert found.table["window_start"].n_unique() == WEEKS


@pytest.mark.parametrize(("every", "windows"), [("1d", 210), ("1w", 30), ("1mo", 8)])
def test_windows_of_each_length(every, windows):
    found = measured(steady(), every=every)
    assert found.volume.height == windows
    assert found.volume["rows"].sum() == 21_000


def test_a_window_without_rows_is_in_the_volume_and_has_no_verdict():
    hole = START + 12 * WEEK
    found = measured(steady().filter(~pl.col("at").is_between(hole, hole + WEEK, closed="left")))
    assert found.volume.filter(window_start=hole)["rows"].to_list() == [0]
    assert found.table.filter(window_start=hole)["verdict"].unique().to_list() == ["too few rows"]
    assert "No rows at all in 1 week, the first the week of 2015-03-30." in found.summary()


def test_small_windows_get_no_verdict():
    found = measured(steady(per_week=20))
    assert found.table["verdict"].unique().to_list() == ["too few rows"]
    assert found.summary()[0] == "No verdict: no window has enough rows to be judged."


def test_a_small_reference_gets_no_verdict_and_says_so():
    found = measured(steady(), reference=(START, START + timedelta(hours=2)))
    assert found.table["verdict"].unique().to_list() == ["too few rows"]
    assert "The reference has only 8 rows, and a verdict takes 50." in found.summary()


def test_a_week_that_the_log_covers_in_part_is_told_apart():
    frame = steady().with_columns(weekday=pl.col("at").dt.weekday()).filter(pl.col("at") < LAST - timedelta(days=4))
    found = drift(frame.lazy(), time="at", columns=["weekday"])
    assert [episode.partial for episode in found.episodes] == [True]
    assert found.summary()[0].startswith("No major drift") or "covers in part" in found.summary()[0]


def test_missing_values_are_a_bin_and_nan_counts_as_missing():
    since = START + 20 * WEEK
    gaps = (
        pl.when(pl.col("late"))
        .then(None)
        .when(pl.col("carrier") == "AA")
        .then(float("nan"))
        .otherwise(pl.col("distance"))
    )
    found = measured(changed(steady(), since, LAST, distance=gaps))
    row = found.table.filter(column="distance", window_start=since)
    frame = steady().filter(pl.col("at").is_between(since, since + WEEK, closed="left"))
    missing = frame.filter(pl.col("late") | (pl.col("carrier") == "AA")).height
    assert row["missing_rate"].item() == pytest.approx(missing / 700)
    assert row["verdict"].item() == "major"
    assert any("are NaN and count as missing" in fact for fact in found.facts)


def test_infinite_values_are_counted_and_stated():
    since = START + 20 * WEEK
    found = measured(changed(steady(), since, since + WEEK, distance=pl.lit(float("inf"))))
    bins = found.bins("distance", since)
    assert bins.filter(pl.col("window_rows") > 0)["bin"].to_list() == [bins["bin"][-1]]
    assert bins["bin"][-1].startswith("above")
    assert "distance: 700 values are infinite and sort below or above all others" in found.facts


def test_a_column_that_is_null_throughout_is_stated_and_stable():
    found = measured(steady().with_columns(distance=pl.lit(None, pl.Float64)))
    assert "distance is null in every row" in found.facts
    assert found.table.filter(column="distance")["verdict"].unique().to_list() == ["stable"]
    assert found.table.filter(column="distance")["ks"].null_count() == WEEKS


def test_a_constant_column_that_changes_is_seen():
    since = START + 20 * WEEK
    found = measured(changed(steady().with_columns(distance=pl.lit(5.0)), since, since + WEEK, distance=pl.lit(6.0)))
    assert found.table.filter(column="distance", window_start=since)["verdict"].item() == "major"


def test_a_text_column_of_ids_is_stated():
    frame = steady().with_row_index().with_columns(carrier=pl.format("id-{}", "index"))
    found = measured(frame)
    said = "carrier has 5,600 different texts in the 5,600 rows of the reference; drift says little"
    assert said in found.facts
    assert len(found.table.filter(column="carrier")["new_categories"][-1]) == 20


def test_rare_categories_share_a_bin():
    frame = (
        steady()
        .with_row_index()
        .with_columns(
            carrier=pl.when(pl.col("index") % 400 == 0).then(pl.format("rare-{}", "index")).otherwise("carrier")
        )
    )
    labels = measured(frame).bins("carrier", START)["bin"].to_list()
    assert set(labels) == {"AA", "DL", "WN", "US", "(other)"}


def test_integers_booleans_and_categoricals_are_measured():
    frame = steady().with_columns(number=pl.col("distance").cast(pl.Int32), kind=pl.col("carrier").cast(pl.Categorical))
    found = measured(frame, columns=["number", "kind", "late"])
    kinds = dict(found.table.select("column", "kind").unique().iter_rows())
    assert kinds == {"number": "numeric", "kind": "categorical", "late": "categorical"}
    assert set(found.bins("late", START)["bin"]) == {"true", "false"}


def test_a_time_without_zone_is_read_as_utc():
    naive = measured(steady().with_columns(pl.col("at").dt.replace_time_zone(None)))
    assert naive.table.equals(measured(steady()).table)


def test_a_time_in_another_zone_is_cut_in_utc():
    moved = measured(steady().with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo")))
    assert moved.table.equals(measured(steady()).table)


def test_rows_without_time_are_stated():
    frame = steady().with_row_index().with_columns(at=pl.when(pl.col("index") >= 5).then("at"))
    found = measured(frame)
    assert "5 rows have no time and are in no window" in found.facts
    assert found.volume["rows"].sum() == 20_995


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["distanse"]}, "There is no column 'distanse'"),
        ({"time": "when"}, "There is no column 'when'"),
        ({"time": "carrier"}, "Column 'carrier' holds String, not a time"),
        ({"columns": []}, "at least one column"),
        ({"columns": ["late", "late"]}, "each only once"),
        ({"columns": ["at"]}, "which drift does not measure"),
        ({"every": "10m"}, "'10m' is not a length of window"),
        ({"reference": (LAST, START)}, "is empty"),
        ({"reference": (datetime(2014, 1, 1, tzinfo=UTC), datetime(2014, 2, 1, tzinfo=UTC))}, "holds no rows"),
        ({"reference": (START + timedelta(seconds=1), START + timedelta(seconds=2))}, "holds no rows"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(options, said):
    with pytest.raises(MisuseError, match=said):
        measured(steady(), **options)


def test_one_window_and_no_reference_is_refused():
    with pytest.raises(MisuseError, match="All 700 rows lie in the week of 2015-01-05"):
        measured(steady(weeks=1))


def test_an_empty_frame_is_refused():
    with pytest.raises(LogError, match="no rows with a time"):
        measured(steady().clear())


def test_bins_of_an_unknown_column_or_window_are_refused(merger):
    with pytest.raises(NotFoundError, match="not measured for column 'x'"):
        merger.bins("x", START)
    with pytest.raises(NotFoundError, match="No window starts at 2015-01-06"):
        merger.bins("carrier", START + timedelta(days=1))


def test_the_result_as_json_holds_every_number(merger):
    document = json.loads(json.dumps(merger.to_dict()))
    assert document["summary"] == merger.summary()
    assert len(document["table"]) == merger.table.height
    assert document["vanished"][0]["last_seen"].startswith("2015-04-30T0")


def test_the_html_escapes_the_texts_of_the_log():
    hostile = "<img src=x onerror=alert(1)>"
    named = pl.when(pl.col("carrier") == "US").then(pl.lit(hostile)).otherwise(pl.col("carrier"))
    frame = without(steady().with_columns(carrier=named), hostile, datetime(2015, 4, 30, tzinfo=UTC), LAST)
    shown = measured(frame)._repr_html_()
    assert hostile not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown


def test_shuffled_rows_raise_no_alarm_beyond_the_stated_rate():
    frame = without(steady(), "US", datetime(2015, 4, 30, tzinfo=UTC), LAST)
    alarms = windows = 0
    for seed in range(8):
        mixed = frame.with_columns(pl.Series("at", np.random.default_rng(seed).permutation(frame["at"].to_numpy())))
        found = measured(mixed.with_columns(pl.col("at").dt.replace_time_zone("UTC")))
        alarms += found.table.filter(pl.col("verdict") != "stable").height
        windows += found.table.height
        assert not found.vanished
    assert alarms <= stats.binom(windows, 0.001).ppf(0.995)


def test_a_frame_too_large_to_keep_gives_the_same_as_one_that_is_kept(monkeypatch, merger):
    monkeypatch.setattr("audit_lab.monitor.counts._VALUES_KEPT", 0)
    again = measured(without(steady(), "US", datetime(2015, 4, 30, 9, tzinfo=UTC), LAST))
    assert again.table.equals(merger.table)
    assert again.summary()[:-1] == merger.summary()
    assert again.summary()[-1] == "Repeated rows were not counted: that many take too much memory."

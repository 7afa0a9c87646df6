"""Pages of a log hold what a whole search, sorted, has there; counts are those of the rows."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import audit_lab as al
from audit_lab.errors import MisuseError
from audit_lab.face.browse import MOST_PAGE_ROWS

ORDERS = ["occurred_at", "outputs.score", "decision", "prediction_id", "inputs.distance_miles", "inputs.carrier"]


@pytest.fixture(scope="module")
def opened(flights):
    return al.open(flights)


@pytest.fixture(scope="module")
def whole(opened):
    """Every prediction in stored order, with its inputs: read by joining whole tables."""
    predictions = opened._store.placed("predictions").collect()
    inputs = opened.inputs().collect()
    outputs = predictions["outputs"].struct
    flat = predictions.with_columns(
        *(outputs.field(name).alias(f"outputs.{name}") for name in outputs.fields),
        place=pl.format("{}@{}:{}", "prediction_id", "_segment", "_row"),
    )
    named = inputs.select("prediction_id", pl.exclude("prediction_id", "recorded_at").name.prefix("inputs."))
    alone = named.unique("prediction_id", keep="none")
    return flat.join(alone, on="prediction_id", how="left", maintain_order="left", validate="m:1")


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ORDERS)
def test_a_page_is_a_slice_of_the_sorted_table(opened, whole, column, descending):
    browse = opened.browse(sort=column, descending=descending)
    ordered = whole.sort(column, descending=descending, nulls_last=True, maintain_order=True)
    shown = [column, "decision", "inputs.carrier", "inputs.distance_miles", "outputs.score"]
    shown = list(dict.fromkeys(shown))
    for first in (0, 777, whole.height // 2, whole.height - 20):
        assert_frame_equal(browse.page(first, 40, shown), ordered[first : first + 40].select(*shown, "place"))


def test_the_newest_come_first_and_every_column_is_there(opened, whole):
    page = opened.browse().page(0, 5)
    assert page["occurred_at"].to_list() == whole["occurred_at"].top_k(5).sort(descending=True).to_list()
    assert set(page.columns) == set(whole.columns) - {"outputs", "_segment", "_row"}
    assert opened.decision(page["place"][0]).prediction_id == page["prediction_id"][0]


def test_stored_order_is_that_of_the_files(opened, whole):
    browse = opened.browse(sort=None)
    assert browse.page(1_000, 3)["place"].to_list() == whole["place"][1_000:1_003].to_list()
    assert browse.rows == whole.height


@pytest.mark.parametrize(
    "expression",
    ["outputs.score > 0.5", "inputs.distance_miles > 2000", "decision = 'late' AND inputs.carrier = 'AA'", "score = 2"],
)
def test_a_filter_leaves_what_a_search_finds(opened, expression):
    if expression == "score = 2":
        with pytest.raises(MisuseError, match="there is no column score"):
            opened.browse(expression).page()
        return
    found = opened.find(expression)
    browse = opened.browse(expression, sort="outputs.score", descending=False)
    assert browse.rows == found.height > 0
    pages = [browse.page(first, MOST_PAGE_ROWS, ["outputs.score"]) for first in range(0, browse.rows, MOST_PAGE_ROWS)]
    shown = pl.concat(pages)
    assert shown["outputs.score"].is_sorted()
    assert sorted(shown["place"]) == sorted(found["place"])


def test_a_polars_expression_a_range_of_time_and_a_model_filter_too(opened):
    browse = opened.browse(pl.col("decision") == "late", since="2015-02-01", until="2015-03-01", model="delay-risk")
    found = opened.find("decision = 'late'", since="2015-02-01", until="2015-03-01", model="delay-risk")
    assert browse.rows == found.height > 0
    assert browse.page(0, 1)["place"][0] in set(found["place"])


@pytest.mark.parametrize("expression", ["outputs.score > 0.5", "decision = 'late'", "occurred_at < '2015-02-10'", None])
def test_a_range_of_time_within_a_filter_leaves_what_a_search_finds(opened, expression):
    asked = {"since": "2015-02-01", "until": "2015-03-01"}
    found = opened.find(expression, **asked) if expression else opened.find(**asked)
    browse = opened.browse(sort="outputs.score").where(expression)
    assert browse.rows > found.height > 0
    narrowed = opened.browse(expression, **asked, sort="prediction_id", descending=False)
    assert narrowed.rows == found.height
    assert narrowed.page(5, 40)["place"].to_list() == sorted(found["place"])[5:45]
    before = opened.browse(expression, until="2014-01-01")
    assert (before.rows, before.page().height) == (0, 0)


def test_rows_without_a_time_are_in_no_range_of_time(make_log):
    def gaps(frame):
        at = pl.col("occurred_at")
        return frame.with_columns(
            pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise(at).alias("occurred_at")
        )

    log = al.open(make_log(predictions=gaps))
    for asked in ({"since": "2000-01-01"}, {"until": "2100-01-01"}, {"since": "2000-01-01", "until": "2100-01-01"}):
        assert log.browse(**asked).rows == log.find(**asked).height < log.browse().rows


def test_a_column_that_was_read_answers_filters_from_memory(opened, monkeypatch):
    browse = opened.browse(sort="outputs.score")
    browse.page(0, 1)
    expected = opened.find("outputs.score > 0.4").height
    monkeypatch.setattr("audit_lab.face.browse.matching", lambda *_: pytest.fail("the log was searched"))
    monkeypatch.setattr("audit_lab.log.browse.column_values.ColumnValues._batches", lambda _: pytest.fail("read again"))
    assert browse.where("outputs.score > 0.4").rows == expected


def test_another_order_of_the_same_table_reads_no_column_again(opened, monkeypatch):
    browse = opened.browse(sort="outputs.score")
    browse.page(0, 1)
    steps = []
    again = browse.watched(lambda _, rows: steps.append(rows)).sorted_by("outputs.score", descending=True)
    again.page(10, 1)
    assert not steps
    again.sorted_by("latency_ms").page(0, 1)
    assert sum(steps) == browse.rows


def test_what_progress_raises_ends_the_reading_and_the_next_question_is_answered(opened):
    browse = opened.browse(sort="inputs.departure_hour")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        browse.watched(stop).page()
    assert browse.watched(None).page(0, 3).height == 3


def test_a_histogram_counts_each_value_once(opened, whole):
    counted = opened.browse().histogram("outputs.score")
    score = whole["outputs.score"].drop_nulls()
    assert counted["count"].sum() == score.len()
    assert (counted["low"][0], counted["high"][-1]) == (score.min(), score.max())
    inner = score.filter((score >= counted["low"][7]) & (score < counted["high"][7]))
    assert counted["count"][7] == inner.len()


def test_a_histogram_of_text_names_the_most_frequent(opened, whole):
    counted = opened.browse().histogram("inputs.carrier")
    expected = whole["inputs.carrier"].value_counts(sort=True)
    assert counted["value"].to_list()[:3] == expected["inputs.carrier"].to_list()[:3]
    assert counted["count"].sum() == whole["inputs.carrier"].drop_nulls().len()
    assert opened.browse().histogram("prediction_id").is_empty()


def test_a_histogram_of_times_has_times_at_its_edges(opened, whole):
    counted = opened.browse().histogram("occurred_at")
    assert counted["low"][0] == whole["occurred_at"].min()
    assert counted["count"].sum() == whole.height


def test_the_timeline_counts_what_the_filter_leaves(opened, whole):
    counted, step = opened.browse("decision = 'late'").timeline()
    assert step == "1w"
    assert counted["decision"].unique().to_list() == ["late"]
    expected = whole.filter(pl.col("decision") == "late")
    assert counted["count"].sum() == expected.height
    assert counted["start"][0] == expected["occurred_at"].min().replace(hour=0, minute=0, second=0, microsecond=0) - (
        dt.timedelta(days=expected["occurred_at"].min().weekday())
    )


def test_inputs_that_stand_twice_are_not_shown(make_log):
    log = al.open(make_log(inputs_loans=lambda frame: pl.concat([frame[1:], frame[3:4]])))
    page = log.browse(sort="prediction_id", descending=False).page(0, 5, ["prediction_id", "inputs.city"])
    assert page["prediction_id"].to_list() == [f"p-{row:03d}" for row in range(5)]
    assert page["inputs.city"].is_null().to_list() == [True, False, False, True, False]
    by_input = log.browse(sort="inputs.years", descending=False)
    assert set(by_input.page(38, 5)["prediction_id"]) == {"p-000", "p-003"}


def test_a_log_without_predictions_or_inputs_has_empty_pages(make_log):
    log = al.open(make_log(predictions=lambda frame: frame[:0], inputs_loans=None))
    browse = log.browse()
    assert (browse.rows, browse.page().height) == (0, 0)
    assert browse.histogram("outputs.score").is_empty()
    assert browse.timeline()[0].is_empty()
    assert browse.summary() == ["0 predictions, by occurred_at, the greatest first."]


def test_what_cannot_be_shown_is_refused(opened):
    browse = opened.browse()
    with pytest.raises(MisuseError, match="there is no column 'colour'"):
        browse.sorted_by("colour")
    with pytest.raises(MisuseError, match="have no order to be sorted by"):
        browse.sorted_by("outputs.probabilities")
    with pytest.raises(MisuseError, match="a page of 1,001 rows"):
        browse.page(0, 1_001)
    with pytest.raises(MisuseError, match="from -1 on"):
        browse.page(-1)


def test_another_engine_filters_to_the_same_rows(flights, opened):
    expression = "inputs.distance_miles > 2000 AND outputs.score > 0.5"
    other = al.open(flights, engine="duckdb").browse(expression, sort="outputs.score")
    assert_frame_equal(other.page(), opened.browse(expression, sort="outputs.score").page())


@pytest.mark.parametrize("sort", ["outputs.score", "inputs.years", "inputs.city", None])
def test_inputs_that_stand_beside_their_predictions_are_the_same_without_an_index(make_log, sort, monkeypatch):
    log = al.open(make_log())
    expected = log.browse(sort=sort).page(5, 40)
    browse = log.browse(sort=sort)
    browse.warm()
    monkeypatch.setattr("audit_lab.face.browse.inputs_by_id", lambda *_: pytest.fail("an index was asked"))
    assert browse.finds_inputs
    assert_frame_equal(browse.page(5, 40), expected)
    assert expected["inputs.years"].null_count() == 0


def test_inputs_in_another_order_are_looked_up(make_log):
    log = al.open(make_log(inputs_loans=lambda frame: frame.reverse()))
    browse = log.browse(sort="prediction_id", descending=False)
    before = browse.page(0, 40)
    browse.warm()
    assert_frame_equal(browse.page(0, 40), before)
    assert before["inputs.years"].null_count() == 0


@pytest.mark.parametrize(
    "expression",
    [
        "inputs.carrier = 'AA'",
        "inputs.carrier <> 'AA' AND inputs.distance_miles > 500 AND decision = 'late'",
        "inputs.departure_hour BETWEEN 6 AND 9 OR outputs.score IS NULL",
        "inputs.carrier IS NULL",
        "decision IN ('late', 'on time') AND prediction_id LIKE '%7'",
        "UPPER(decision) = 'LATE'",
        "decision IS NOT NULL",
    ],
)
def test_a_filter_by_kept_columns_leaves_what_a_search_finds(opened, expression):
    found = opened.find(expression)
    browse = opened.browse(expression, sort=None)
    assert browse.rows == found.height
    chosen = browse._chosen
    rows = browse._shared.rows.read(chosen, [pl.format("{}@{}:{}", "prediction_id", "_segment", "_row").alias("place")])
    assert sorted(rows["place"]) == sorted(found["place"])


def test_a_filter_by_inputs_is_answered_from_what_was_read(opened, monkeypatch):
    browse = opened.browse(sort="inputs.distance_miles")
    browse.page(0, 1)
    expected = opened.find("inputs.distance_miles > 1500").height
    monkeypatch.setattr("audit_lab.face.browse.matching", lambda *_: pytest.fail("the log was searched"))
    monkeypatch.setattr("audit_lab.log.browse.column_values.ColumnValues._batches", lambda _: pytest.fail("read again"))
    assert browse.where("inputs.distance_miles > 1500").rows == expected > 0


def test_a_filter_by_missing_inputs_keeps_what_a_search_keeps(make_log):
    log = al.open(make_log(inputs_loans=lambda frame: pl.concat([frame[1:], frame[3:4]])))
    for expression in ("inputs.years IS NULL", "inputs.years >= 0", "NOT inputs.years > 5", "inputs.city IS NULL"):
        assert log.browse(expression).rows == log.find(expression).height > 0


def test_counts_of_text_are_those_of_the_rows_that_a_filter_leaves(opened, whole):
    left = whole.filter(pl.col("outputs.score") > 0.3)
    counted = opened.browse("outputs.score > 0.3").histogram("decision")
    expected = left.group_by("decision").len().sort("len", "decision", descending=[True, False])
    assert counted["value"].to_list() == expected["decision"].to_list()
    assert counted["count"].to_list() == expected["len"].to_list()
    carriers = opened.browse("outputs.score > 0.3").histogram("inputs.carrier")
    assert carriers["value"].to_list()[-1] is None or carriers.height <= 12
    assert carriers["count"].sum() == left["inputs.carrier"].drop_nulls().len()


def test_the_timeline_tells_decisions_that_are_missing_and_many(make_log):
    def decided(frame):
        rows = pl.int_range(pl.len())
        return frame.with_columns(decision=pl.when(rows % 4 == 0).then(None).otherwise(pl.format("d{}", rows % 3)))

    log = al.open(make_log(predictions=decided))
    every = log._store.placed("predictions").collect()
    counted, step = log.browse().timeline()
    expected = (
        every.group_by(pl.col("occurred_at").dt.truncate(step).alias("start"), "decision")
        .agg(pl.len().alias("count"))
        .sort("start", "decision")
    )
    assert_frame_equal(counted, expected)

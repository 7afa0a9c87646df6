"""Questions over predictions and inputs: what comes back, in which order, and how much of the log is kept in memory."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.search.pairing import Order, order_of, repeated_ids
from audit_lab.log.store import open_store

EVERY = [f"p-{row:03d}" for row in range(40)]


def test_a_search_in_inputs_brings_all_inputs_of_what_it_finds(make_log, small_model):
    found = al.open(make_log()).find("inputs.years = 3 OR prediction_id = 'p-003'")
    rows = [int(name[2:]) for name in found["prediction_id"]]
    assert 3 in rows
    assert found["inputs"].to_list() == small_model.inputs[rows].to_dicts()


def test_predictions_without_inputs_can_be_asked_for(make_log):
    log = al.open(make_log(inputs_loans=lambda frame: frame[2:]))
    assert log.find("inputs IS NULL")["prediction_id"].to_list() == ["p-000", "p-001"]
    assert log.find("inputs IS NOT NULL")["prediction_id"].to_list() == EVERY[2:]
    assert log.find("inputs.income IS NULL")["inputs"].to_list() == [None, None]


def test_a_log_without_inputs_has_none(make_log):
    log = al.open(make_log(inputs_loans=None))
    assert log.find("inputs IS NULL").height == 40
    with pytest.raises(MisuseError, match="there is no column inputs.income"):
        log.find("inputs.income > 0")
    with pytest.raises(NotFoundError, match="holds no inputs of a model named 'cars'"):
        log.find("inputs.income > 0", model="cars")


def test_a_prediction_whose_inputs_stand_twice_has_none(make_log):
    log = al.open(make_log(inputs_loans=lambda frame: pl.concat([frame, frame[5:6]])))
    assert log.find("inputs IS NULL")["prediction_id"].to_list() == ["p-005"]
    since, until = "2024-03-04T12:00", "2024-03-04T16:00"
    assert log.find("inputs IS NULL", since=since, until=until)["prediction_id"].to_list() == ["p-005"]


def test_each_place_of_a_repeated_id_answers_for_itself(make_log):
    twice = lambda frame: pl.concat([frame, frame[7:8].with_columns(decision=pl.lit("later"))])
    log = al.open(make_log(predictions=twice))
    found = log.find("prediction_id = 'p-007' AND inputs.income > 0")
    assert found["place"].to_list() == ["p-007@part-00000:40", "p-007@part-00000:7"]
    assert log.find("decision = 'later' AND inputs.income > 0")["place"].to_list() == ["p-007@part-00000:40"]


def test_answers_are_in_order_of_time_then_id_and_what_has_no_time_comes_first(make_log):
    def mixed(frame):
        same = frame["occurred_at"][3]
        times = pl.when(pl.col("sequence").is_in([9, 4])).then(None).otherwise("occurred_at")
        frame = frame.with_columns(occurred_at=times)
        tied = pl.col("sequence").is_in([3, 11])
        return frame.with_columns(occurred_at=pl.when(tied).then(pl.lit(same)).otherwise("occurred_at")).reverse()

    found = al.open(make_log(predictions=mixed)).find("inputs.income > 0", limit=7)
    expected = ["p-004", "p-009", "p-000", "p-001", "p-002", "p-003", "p-011"]
    assert found["prediction_id"].to_list() == expected
    assert al.open(make_log("again", predictions=mixed)).find(limit=7)["prediction_id"].to_list() == expected


@pytest.mark.parametrize("limit", [0, 1, 39, 1000])
def test_a_limit_keeps_the_first(make_log, limit):
    log = al.open(make_log())
    assert log.find("inputs.income > 0", limit=limit)["prediction_id"].to_list() == EVERY[:limit]
    assert log.find(limit=limit)["prediction_id"].to_list() == EVERY[:limit]


def test_a_polars_expression_may_speak_of_inputs(make_log, small_model):
    log = al.open(make_log(inputs_loans=lambda frame: frame[1:]))
    years = pl.col("inputs").struct.field("years")
    found = log.find(years > 10)
    assert found["prediction_id"].to_list() == log.find("inputs.years > 10")["prediction_id"].to_list()
    assert found["inputs"].to_list() == log.find("inputs.years > 10")["inputs"].to_list()
    assert log.find(pl.col("inputs").is_null())["prediction_id"].to_list() == ["p-000"]
    for wrong, said in ((pl.col("nonsense") > 1, "does not fit this log"), (pl.col("sequence") + 1, "gives Int64")):
        with pytest.raises(MisuseError, match=said):
            log.find(wrong)


def test_a_place_can_be_searched_for(make_log):
    assert al.open(make_log()).find("place LIKE '%@part-00000:7'")["prediction_id"].to_list() == ["p-007"]


def test_ids_that_stand_twice_are_found_whatever_they_are(make_log):
    odd = ["", "a" * 70_000, "é", "e\N{COMBINING ACUTE ACCENT}", "\x00", "p-000", "P-000", " p-000", "\U0001f600", "7"]
    frame = lambda rows: rows[:22].with_columns(prediction_id=pl.Series([*odd, *odd[2:5], *odd[:1], *EVERY[1:9]]))
    store = open_store(make_log(predictions=frame, inputs_loans=frame))
    assert repeated_ids(store, "predictions").to_list() == ["", "\x00", "e\N{COMBINING ACUTE ACCENT}", "é"]
    assert repeated_ids(open_store(make_log("plain")), "predictions").to_list() == []


def test_ids_whose_hashes_agree_are_told_apart(make_log, monkeypatch):
    """Sorting hashes only says whom to compare: here all hashes are the same."""
    from audit_lab.log.search import pairing

    def same(ids, rows, what, unless=None):
        return np.full(rows, 5, dtype=np.uint64)

    monkeypatch.setattr(pairing, "_hashes", same)
    monkeypatch.setattr(pl.Expr, "hash", lambda self, *seeds: pl.lit(5, dtype=pl.UInt64) + self.str.len_bytes() * 0)
    store = open_store(make_log(predictions=lambda frame: pl.concat([frame, frame[3:5]])))
    assert repeated_ids(store, "predictions").to_list() == ["p-003", "p-004"]


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ({}, Order.SAME),
        ({"inputs_loans": lambda frame: frame.reverse()}, Order.APART),
        ({"inputs_loans": lambda frame: frame[1:]}, Order.APART),
        ({"inputs_loans": lambda frame: pl.concat([frame[:39], frame[:1]])}, Order.APART),
        ({"predictions": lambda frame: pl.concat([frame, frame[:1]])}, Order.APART),
        (
            {
                "predictions": lambda frame: pl.concat(
                    [
                        frame[:9],
                        frame[:3].with_columns(prediction_id=pl.col("prediction_id") + "x", model_name=pl.lit("cars")),
                        frame[9:],
                    ]
                )
            },
            Order.WITHOUT_OTHERS,
        ),
    ],
)
def test_the_order_of_predictions_and_inputs_is_found_by_comparing(make_log, change, order):
    store = open_store(make_log(**change))
    assert order_of(store, "loans") is order


def test_what_was_found_by_order_is_found_by_id(make_log, small_model, monkeypatch):
    """The same question, with the tables side by side and joined."""
    log = al.open(make_log())
    question = "inputs.income > 4000 AND inputs.city <> 'Oslo'"
    beside = log.find(question)
    monkeypatch.setattr("audit_lab.log.search.wide.order_of", lambda *_: Order.APART)
    assert beside.height > 3
    assert log.find(question).equals(beside)


def test_a_time_range_narrows_the_inputs_that_are_read(make_log):
    log = al.open(make_log())
    start = log.find(limit=1)["occurred_at"][0]
    found = log.find("inputs.income > 0", since=start + timedelta(hours=3), until=start + timedelta(hours=5))
    assert found["prediction_id"].to_list() == ["p-003", "p-004"]
    assert found["inputs"].struct.field("income").null_count() == 0

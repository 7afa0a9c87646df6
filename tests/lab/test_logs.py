"""Logs are opened once and kept until their manifest changes."""

from __future__ import annotations

import json
import os

import polars as pl
import pytest

import audit_lab
from audit_lab.errors import LogError
from audit_lab.lab.logs import ServedLogs


class Opener:
    """`audit_lab.open` that remembers what it opened."""

    def __init__(self):
        self.opened = []

    def __call__(self, folder):
        self.opened.append(folder.name)
        return audit_lab.open(folder)


def test_a_log_is_opened_once(tmp_path, make_log):
    make_log(tmp_path / "log")
    opener = Opener()
    served = ServedLogs(tmp_path, opener)
    served.list_logs()
    served.newest("log", 50, "")
    served.decide("log", "p-000")
    assert opener.opened == ["log"]


def test_a_log_whose_manifest_changed_is_opened_again(tmp_path, make_log):
    make_log(tmp_path / "log", 3)
    opener = Opener()
    served = ServedLogs(tmp_path, opener)
    assert len(served.newest("log", 50, "")["predictions"]) == 3
    make_log(tmp_path / "log", 4)
    os.utime(tmp_path / "log" / "manifest.json", ns=(1, 1))
    assert len(served.newest("log", 50, "")["predictions"]) == 4
    assert opener.opened == ["log", "log"]


def test_one_broken_log_leaves_the_others_listed(tmp_path, make_log):
    make_log(tmp_path / "bad")
    make_log(tmp_path / "good")

    def open_log(folder):
        if folder.name == "bad":
            raise LogError("The manifest of bad is torn", "Restore it.")
        return audit_lab.open(folder)

    logs = ServedLogs(tmp_path, open_log).list_logs()["logs"]
    assert [(log["path"], log["predictions"]) for log in logs] == [("bad", None), ("good", 3)]
    assert logs[0]["problem"] == {"message": "The manifest of bad is torn", "next_step": "Restore it."}


@pytest.mark.parametrize("score", [float("nan"), float("inf"), None])
def test_a_score_that_json_cannot_carry_is_null(tmp_path, make_log, score):
    make_log(tmp_path / "log")
    log = audit_lab.open(tmp_path / "log")

    class Odd:
        predictions = log.predictions

        def newest(self, count=50):
            return log.newest(1).with_columns(outputs=pl.struct(score=pl.lit(score, dtype=pl.Float64)))

    answer = ServedLogs(tmp_path, lambda folder: Odd()).newest("log", 1, "")
    assert answer["predictions"][0]["score"] is None


def test_whatever_a_cell_holds_no_answer_takes_more_than_a_browser_can_hold(tmp_path, write_small_log):
    long = pl.lit("x" * 10_000_000)
    write_small_log(
        tmp_path / "log",
        predictions=lambda frame: frame.head(2).with_columns(decision=long, decision_rule=long),
        inputs_loans=lambda frame: frame.head(2).with_columns(city=long),
    )
    served = ServedLogs(tmp_path, audit_lab.open)
    answers = [served.newest("log", 50, ""), *(ask("log", "p-001") for ask in (served.decide, served.source))]
    assert [len(json.dumps(answer)) < 1_000_000 for answer in answers] == [True] * 3
    assert "(cut: 2,000 of 10,000,000 characters)" in answers[0]["predictions"][0]["decision"]
    assert "(cut: 2,000 of 10,000,000 characters)" in answers[1]["decision"]["decision"]
    stored = {value["column"]: value["bytes"] for row in answers[2]["source"]["rows"] for value in row["values"]}
    assert stored["prediction_id"] == "s5:p-001"
    assert "(cut: 2,000 of 10,000,0" in stored["city"]


def test_the_stored_rows_of_a_decision_are_those_of_the_library(tmp_path, make_log):
    folder = make_log(tmp_path / "log")
    found = audit_lab.open(folder).decision("p-001").source_rows()
    answer = ServedLogs(tmp_path, audit_lab.open).source("log", "p-001")
    assert answer["summary"] == found.summary()
    assert [row["table"] for row in answer["source"]["rows"]] == ["predictions", "inputs/loan"]
    for row, stated in zip(answer["source"]["rows"], found.to_dict()["rows"], strict=True):
        assert [list(value.values()) for value in row["values"]] == stated["values"]
        assert {**row, "values": None} == {**stated, "values": None}


def test_an_id_of_millions_of_characters_is_cut(tmp_path, write_small_log):
    named = pl.when(pl.col("prediction_id") == "p-000").then(pl.lit("x" * 10_000_000)).otherwise("prediction_id")
    write_small_log(
        tmp_path / "log", predictions=lambda frame: frame.head(2).with_columns(named.alias("prediction_id"))
    )
    answer = ServedLogs(tmp_path, audit_lab.open).newest("log", 50, "")
    assert len(json.dumps(answer)) < 100_000
    ids = sorted(row["prediction_id"] for row in answer["predictions"])
    assert ids[0] == "p-001"
    assert ids[1].endswith("(cut: 8,000 of 10,000,000 characters)")

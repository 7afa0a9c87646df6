"""Logs are opened once and kept until their manifest changes."""

from __future__ import annotations

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

"""The command explore: its exit code says whether anything was found wanting, or whether the call was wrong."""

from __future__ import annotations

import polars as pl
import pytest


@pytest.fixture
def two_versions(make_log):
    return make_log(model_versions=lambda frame: pl.concat([frame, frame.with_columns(model_version=pl.lit("2"))]))


def test_the_same_is_all_well(run, two_versions):
    answer = run("explore", "1", "2", "--log", two_versions)
    assert (answer.code, answer.err) == (0, "")
    assert "40 of 40 outputs have the same bits" in answer.out


def test_decisions_that_differ_are_found_wanting(run, make_log):
    other = {"model_version": "2", "decision_rules": "[]"}
    folder = make_log(
        model_versions=lambda f: pl.concat([f, f.with_columns(**{k: pl.lit(v) for k, v in other.items()})])
    )
    answer = run("explore", "1", "2", "--log", folder)
    assert answer.code == 1
    assert "deny" in answer.out
    told = run("explore", "1", "2", "--log", folder, "--json")
    assert (told.code, {row["decision_b"] for row in told.json["differing"]}) == (1, {"approve"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["9"], "has no version loans 9"),
        (["9", "1"], "has no version loans 9"),
        (["1", "9"], "has no version loans 9"),
        (["1", "2", "--model", "nope"], "has no version nope 1"),
        (["2", "1"], "no prediction of loans 2 with inputs matches"),
        (["1", "2", "--until", "1999-01-01"], "no prediction of loans 1 with inputs matches"),
        (["1", "2", "--where", "inputs.years > 900"], "no prediction of loans 1 with inputs matches"),
        (["1"], "environment"),
    ],
)
def test_where_nothing_could_be_run_the_log_is_found_wanting(run, two_versions, given, said):
    answer = run("explore", *given, "--log", two_versions)
    assert (answer.code, answer.out) == (1, "")
    assert said in answer.err


@pytest.mark.parametrize("given", [["--where", "years >"], ["--where", "inputs.age > 3"], ["--since", "noon"]])
def test_what_cannot_be_meant_is_misuse(run, two_versions, given):
    assert run("explore", "1", "2", *given, "--log", two_versions).code == 2

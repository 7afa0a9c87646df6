"""The completeness statement."""

from __future__ import annotations

import json

import polars as pl
import pytest

import audit_lab as al


def test_reasons_are_counted_with_a_first_id(make_log):
    log = al.open(make_log(inputs_loans=lambda f: f.filter(~pl.col("prediction_id").is_in(["p-007", "p-008"]))))
    covered = log.coverage()
    assert (covered.predictions, covered.replayable, covered.lost) == (40, 38, 0)
    wanting = covered.table.filter(pl.col("code") != "replayable")
    assert wanting.select("code", "predictions", "first_id").rows() == [("inputs-missing", 2, "p-007")]


def test_coverage_counts_what_replay_finds(flights):
    log = al.open(flights)
    counted = {
        (row["model_version"], row["code"]): row["predictions"] for row in log.coverage().table.iter_rows(named=True)
    }
    replayed = log.replay("model_version <> '1.0.0'", since="2015-10-15").rows
    assert replayed.height > 0
    for (version, code), rows in replayed.filter(pl.col("verdict") == "UNREPLAYABLE").group_by("model_version", "code"):
        assert counted[(version, code)] >= rows.height


def test_break_in_a_writers_numbering_is_counted_as_lost(make_log):
    covered = al.open(make_log(predictions=lambda f: f.filter(~pl.col("sequence").is_between(10, 14)))).coverage()
    assert covered.lost == 5
    assert covered.sequence_gaps.select("writer_id", "after", "before", "lost").rows() == [("writer", 9, 15, 5)]
    assert any("5 predictions of writer are lost" in text for text in covered.summary())


def test_writers_are_counted_apart(make_log):
    halves = lambda f: f.with_columns(
        writer_id=pl.when(pl.col("sequence") < 20).then(pl.lit("a")).otherwise(pl.lit("b")),
        sequence=pl.col("sequence") % 20,
    )
    assert al.open(make_log(predictions=halves)).coverage().lost == 0


def test_log_without_numbers_says_that_losses_cannot_be_seen(make_log):
    covered = al.open(make_log(predictions=lambda f: f.drop("sequence"))).coverage()
    assert any("no writer numbered them" in text for text in covered.not_checked)


def test_to_dict_is_json(flights):
    document = al.open(flights).coverage().to_dict()
    assert json.loads(json.dumps(document)) == document


def test_empty_log(make_log):
    covered = al.open(make_log(predictions=lambda f: f.clear())).coverage()
    assert (covered.predictions, covered.lost) == (0, 0)


ODD = {
    "column-missing": {"inputs_loans": lambda f: f.drop("years")},
    "column-mistyped": {"inputs_loans": lambda f: f.with_columns(pl.col("income").cast(pl.String))},
    "inputs-twice": {"inputs_loans": lambda f: pl.concat([f, f.head(3)])},
    "inputs-absent": {"inputs_loans": None},
    "rules-broken": {"model_versions": lambda f: f.with_columns(decision_rules=pl.lit("nonsense"))},
    "threshold-nowhere": {
        "predictions": lambda f: f.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
        "model_versions": lambda f: f.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
    },
    "no-model": {"predictions": lambda f: f.with_columns(model_name=pl.lit(None, dtype=pl.String))},
    "no-version": {"predictions": lambda f: f.with_columns(model_version=pl.lit(None, dtype=pl.String))},
    "some-failed": {
        "predictions": lambda f: f.with_columns(error=pl.when(pl.col("sequence") < 5).then(pl.lit("backend down")))
    },
    "artifact-swapped": {"artifact": b"other"},
}


@pytest.mark.parametrize("odd", ODD)
def test_coverage_and_replay_never_disagree(make_log, odd):
    log = al.open(make_log(**ODD[odd]))
    counted = {row["code"]: row["predictions"] for row in log.coverage().table.iter_rows(named=True)}
    replayed = dict(
        log.replay()
        .rows.with_columns(code=pl.when(pl.col("verdict") == "EXACT").then(pl.lit("replayable")).otherwise("code"))[
            "code"
        ]
        .value_counts()
        .rows()
    )
    assert counted == replayed
    assert counted != {"replayable": 40}

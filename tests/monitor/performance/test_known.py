"""Outcomes and overrides as they were known: corrections, contradictions, strangers, and what was erased or doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab.face.windowed_rows import windowed_rows

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
SCORES, LABELS = [0.9, 0.8, 0.2, 0.1], ["bad", "bad", "good", "good"]


def later(table, name, label, **more):
    """Return the outcomes with a further row about a prediction, recorded ten days after the others."""
    row = table.filter(prediction_id=name).with_columns(
        pl.lit(label).alias("label"),
        pl.col("recorded_at") + timedelta(days=10),
        **{key: pl.lit(value) for key, value in more.items()},
    )
    return pl.concat([table, row], how="diagonal")


def fact(found, beginning):
    return [each for each in found.facts if each.startswith(beginning)]


def test_a_corrected_outcome_counts_as_corrected(judged_log, value_of):
    correction = "p-0000@part-00000:0"
    log = judged_log(SCORES, LABELS, outcomes=lambda t: later(t, "p-0000", "good", supersedes=correction))
    found = log.performance(every=None)
    assert value_of(found, "label", "accuracy") == 0.75
    assert log.decision("p-0000").outcome["label"] == "good"
    assert fact(found, "predictions with an outcome that a later") == [
        "predictions with an outcome that a later row corrects, which counts: 1 (p-0000)"
    ]
    assert fact(found, "predictions with several") == []


def test_onsets_and_drift_take_the_outcome_that_performance_takes(judged_log):
    scores = [0.9, 0.8, 0.2, 0.1] * 60

    def corrected(table):
        # Both recorded in one go; what is corrected was observed later than what corrects it.
        row = table.filter(prediction_id="p-0000").with_columns(
            pl.col("observed_at") - timedelta(hours=5),
            label=pl.lit("good"),
            supersedes=pl.lit("p-0000@part-00000:0"),
        )
        return pl.concat([table, row], how="diagonal")

    log = judged_log(scores, ["bad", "bad", "good", "good"] * 60, outcomes=corrected)
    assert log.decision("p-0000").outcome["label"] == "good"
    drift = log.drift(["outcome"], every="1d", reference=("2024-03-06", "2024-03-09"))
    held = drift.bins("outcome", drift.cut.starts[0])
    assert dict(held.select("bin", "window_rows").rows())["good"] == 8  # of 15, and 7 without the correction
    rows = windowed_rows(log._store, None, None, None).reader(["outcome", "outcome_value"])
    assert rows(START, START + timedelta(hours=2)).select("outcome", "outcome_value").rows() == [
        ("good", None),
        ("bad", None),
    ]


def test_outcomes_that_contradict_each_other_are_stated_and_the_last_counts(judged_log, value_of):
    log = judged_log(SCORES, LABELS, outcomes=lambda t: later(t, "p-0003", "bad"))
    found = log.performance(every=None)
    assert value_of(found, "label", "accuracy") == 0.75
    assert log.decision("p-0003").outcome["label"] == "bad"
    assert fact(found, "predictions with several") == [
        "predictions with several outcomes that differ, none of them a correction; the last recorded counts: 1 (p-0003)"
    ]


def test_the_same_outcome_twice_is_no_contradiction_and_counts_once(judged_log):
    log = judged_log(SCORES, LABELS, outcomes=lambda t: later(t, "p-0003", "good"))
    found = log.performance(every=None)
    assert found.windows.select("rows", "labelled").row(0) == (4, 4)
    assert fact(found, "predictions with several") == []


def test_outcomes_of_unknown_ids_are_counted_and_named(judged_log):
    def strangers(table):
        more = [table.with_columns(prediction_id=pl.lit(f"x-{place}")) for place in range(2)]
        return pl.concat([table, *more])

    found = judged_log(SCORES, LABELS, outcomes=strangers).performance(every=None)
    assert fact(found, "outcomes of ids") == ["outcomes of ids that no prediction has: 2 (x-0, x-1)"]
    assert found.windows["labelled"][0] == 4


def test_outcomes_without_label_or_value_are_missing(judged_log):
    blank = pl.when(pl.col("prediction_id") == "p-0001").then(None).otherwise("label").alias("label")
    found = judged_log(SCORES, LABELS, outcomes=lambda t: t.with_columns(blank)).performance(every=None)
    assert found.windows.select("rows", "labelled").row(0) == (4, 3)
    assert fact(found, "outcomes that state") == ["outcomes that state neither label nor value: 1"]


def test_a_label_that_the_model_does_not_know_is_missing_and_stated(judged_log):
    found = judged_log(SCORES, ["bad", "worse", "good", "good"]).performance(every=None)
    assert found.windows["labelled"][0] == 3
    assert fact(found, "outcomes that are not") == ["outcomes that are not 'bad' or 'good', which count as missing: 1"]


def test_an_id_of_two_predictions_is_left_out_and_a_corrected_prediction_counts_once(judged_log, value_of):
    def doubled(table):
        twice = table.filter(prediction_id="p-0000")
        fixed = table.filter(prediction_id="p-0001").with_columns(
            supersedes=pl.lit("p-0001@part-00000:1"), outputs=pl.struct(score=pl.lit(0.3), label=pl.lit("good"))
        )
        return pl.concat([table, twice, fixed], how="diagonal")

    found = judged_log(SCORES, LABELS, predictions=doubled).performance(every=None)
    assert found.windows["rows"][0] == 3
    assert value_of(found, "label", "accuracy") == pytest.approx(2 / 3)
    assert fact(found, "ids of several") == [
        "ids of several predictions, which are left out because it is unclear whose outcome is whose: 1 (p-0000)"
    ]
    assert fact(found, "predictions that a later") == [
        "predictions that a later row corrects, which counts: 1 (p-0001)"
    ]


def override(recorded_at, **changed):
    row = {"prediction_id": "p-0000", "kind": "override", "decision_before": "deny", "decision_after": "approve"}
    return {**row, "recorded_at": recorded_at, "actor": "n", **changed}


def test_label_and_decision_and_final_decision_are_different_questions(judged_log, value_of):
    log = judged_log(SCORES, LABELS, overrides=[override(START + timedelta(days=2))])
    found = log.performance(every=None)
    assert [value_of(found, of, "accuracy") for of in ("label", "decision", "final decision")] == [1.0, 1.0, 0.75]
    assert found.overridden == {"now": 1}


def test_as_of_knows_neither_later_outcomes_nor_later_overrides(judged_log, value_of):
    correction = "p-0000@part-00000:0"
    log = judged_log(
        SCORES,
        LABELS,
        outcomes=lambda t: later(t, "p-0000", "good", supersedes=correction),
        overrides=[override(START + timedelta(days=5))],
    )
    found = log.performance(every=None, as_of=START + timedelta(hours=25, minutes=30))
    assert found.windows.select("known", "rows", "labelled").rows() == [("then", 4, 2), ("now", 4, 4)]
    assert value_of(found, "label", "accuracy", known="then") == 1.0
    assert value_of(found, "label", "accuracy", known="now") == 0.75
    assert value_of(found, "final decision", "accuracy", known="now") == 1.0  # approved, and it was good
    assert found.overridden == {"then": 0, "now": 1}
    said = " ".join(found.summary())
    assert "2 of 4 predictions had an outcome, and 1 of 1 windows were not mature; 4 of 4 have one by now" in said

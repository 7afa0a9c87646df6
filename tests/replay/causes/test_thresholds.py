"""A threshold is an explanation where many decisions, diverged or not, leave nothing else; a few labels are none."""

from __future__ import annotations

import json
from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.replay.causes.steps import explain_step
from audit_lab.replay.causes.trial import Setting
from audit_lab.replay.decision_rules import FEATURE, MODEL_LABEL
from audit_lab.replay.signature import Signature
from audit_lab.replay.tolerance import DEFAULT_TOLERANCES

SIGNATURE = Signature.parse(
    json.dumps(
        {
            "features": [{"name": "x", "dtype": "float"}],
            "output": {"kind": "probability", "positive": "bad", "negative": "good"},
        }
    )
)


def explained(labels, *, other=None, deployed=(), scores=None):
    """Look into labels of decisions whose scores are 0.00, 0.01, ...; the stated threshold is 0.50."""
    scores = [place / 100 for place in range(len(labels))] if scores is None else scores
    nothing = pl.lit(None, dtype=pl.String)
    rows = pl.DataFrame({"score": scores, "recorded_label": labels}).with_columns(
        nothing.alias(MODEL_LABEL),
        nothing.alias("recorded_rule"),
        nothing.alias("recorded_decision"),
        pl.lit(0.0).alias("distance"),
        pl.lit(1.0).alias(FEATURE + "x"),
        recorded_score=pl.col("score"),
        threshold=pl.lit(0.5),
    )
    stated = pl.when(pl.col("score") >= 0.5).then(pl.lit("bad")).otherwise(pl.lit("good"))
    apart = pl.col("recorded_label") != stated
    version = lambda name, threshold, artifact: SimpleNamespace(
        name=f"m {name}",
        version={"model_version": name, "threshold": threshold},
        artifact=SimpleNamespace(sha256=artifact),
        signature=SIGNATURE,
        rules=(),
    )
    others = () if other is None else (version("2", other, "b"),)
    setting = Setting(version("1", 0.5, "a"), others, DEFAULT_TOLERANCES["probability"], lambda _: None)
    return explain_step("label", setting, rows.filter(apart), rows.filter(~apart), deployed)


def by(threshold, count=100):
    return ["bad" if place / 100 >= threshold else "good" for place in range(count)]


def written_over(*places):
    return [("good" if label == "bad" else "bad") if place in places else label for place, label in enumerate(by(0.5))]


def test_bounds_of_a_threshold_that_nobody_wrote_down():
    found = explained(by(0.42))
    assert (found.causes[0].kind, found.causes[0].value) == ("another-threshold", "above 0.41, at most 0.42")
    assert "all 100 decisions examined, of which 92 did not part from the record" in found.statement


def test_bounds_of_a_threshold_above_the_stated_one():
    assert explained(by(0.61)).causes[0].value == "above 0.6, at most 0.61"


def test_a_threshold_on_record_comes_before_bounds():
    assert explained(by(0.42), other=0.42).causes[0].value == "0.42"
    assert explained(by(0.42), deployed=[0.42]).causes[0].value == "0.42"


def test_a_threshold_on_record_that_gives_a_part_hides_no_bounds():
    """That of version 2 gives two of the eight labels, and contradicts none."""
    assert explained(by(0.42), other=0.48).causes[0].value == "above 0.41, at most 0.42"


@pytest.mark.parametrize(
    "labels",
    [
        written_over(49),
        written_over(48, 49),
        written_over(44, 46, 48),
        written_over(49, 48, 47, 50),
        written_over(10, 20, 30, 40, 60, 70),
        ["bad"] * 100,
        by(0.5)[::-1],
    ],
    ids=["one", "two", "every-other", "both-sides", "anywhere", "all-refused", "the-other-way-round"],
)
def test_labels_that_no_threshold_gives_are_not_explained(labels):
    found = explained(labels)
    assert not found.causes
    assert found.statement.startswith("Not explained")


@pytest.mark.parametrize("how", [{"other": 0.485}, {"deployed": [0.485]}])
def test_one_label_next_to_the_threshold_is_no_threshold_on_record(how):
    found = explained(written_over(49), **how)
    assert not found.causes
    assert [each.kind for each in found.rivals] == ["another-threshold"]
    assert "somebody had written over a few labels" in found.statement


def test_two_labels_of_many_show_a_threshold_on_record():
    """Two of fifty are those next to the threshold once in 1,225 times; two thresholds were tried."""
    assert explained(written_over(48, 49), other=0.475).causes[0].value == "0.475"


def test_a_threshold_beyond_all_decisions_is_not_inferred():
    """On the side that it moved into hardly any decision kept its label, so that its place is not known."""
    scores = [0.49 - place / 1000 for place in range(10)] + [0.1, 0.11] + [0.6 + place / 1000 for place in range(20)]
    found = explained(["bad"] * 10 + ["good"] * 2 + ["bad"] * 20, scores=scores)
    assert not found.causes
    assert explained(["bad"] * 10 + ["good"] * 3 + ["bad"] * 19, scores=[*scores[:12], 0.12, *scores[13:]]).causes

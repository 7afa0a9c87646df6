"""Inputs that count only together: neither is named, both are told, and what has no influence is neither."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.explain.reasons import ReasonCodes

NAMES = ["arrears", "arrears_copy", "echo", "echo_yes"]
CODES = {
    "format": "audit_lab.reason-codes",
    "format_version": 1,
    "version": "t",
    "model": "loans",
    "adverse_decisions": ["deny"],
    "features": [{"feature": name, "code": name.upper(), "reason": f"Reason {name}"} for name in NAMES],
}
ROWS = 40


@pytest.fixture
def joint(make_log):
    """A log whose model denies whoever has arrears in either of two columns, which in this log are always equal.

    `echo` and its one-hot twin `echo_yes` follow them, and no tree looks at either.
    """
    import xgboost

    generator = np.random.default_rng(3)
    trained = generator.integers(0, 2, (400, 2)).astype(np.float32)
    matrix = np.column_stack([trained, np.zeros((400, 2), dtype=np.float32)])
    data = xgboost.DMatrix(matrix, label=trained.max(axis=1), feature_names=NAMES)
    # One tree without a penalty: its leaves for "either" and for "both" hold exactly the same.
    settings = {"objective": "binary:logistic", "max_depth": 2, "eta": 1, "lambda": 0, "base_score": 0.5, "nthread": 1}
    booster = xgboost.train(settings, data, num_boost_round=1)
    own = np.array([row % 3 == 0 for row in range(ROWS)], dtype=np.float32)
    scores = booster.predict(xgboost.DMatrix(np.column_stack([own] * 4), feature_names=NAMES))
    bad = [bool(score >= 0.5) for score in scores]
    assert bad == [bool(each) for each in own]
    artifact = bytes(booster.save_raw("ubj"))
    output = {"kind": "probability", "positive": "bad", "negative": "good"}
    output["decisions"] = {"bad": "deny", "good": "approve"}
    signature = {"features": [{"name": name, "dtype": "float"} for name in NAMES], "output": output}
    folder = make_log(
        artifact=artifact,
        inputs_loans=lambda frame: frame.select(
            "prediction_id", "recorded_at", *(pl.Series(name, own.astype(float)) for name in NAMES)
        ),
        predictions=lambda frame: frame.with_columns(
            outputs=pl.Series(
                [{"score": float(s), "label": "bad" if b else "good"} for s, b in zip(scores, bad, strict=True)]
            ),
            decision=pl.Series(["deny" if each else "approve" for each in bad]),
            decision_rule=pl.lit("threshold"),
        ),
        model_versions=lambda frame: frame.with_columns(
            signature=pl.lit(json.dumps(signature)),
            artifact_sha256=pl.lit(hashlib.sha256(artifact).hexdigest()),
            decision_rules=pl.lit(None, dtype=pl.String),
        ),
    )
    return al.open(folder)


def test_two_copies_that_the_model_reads_both_are_told_together_and_neither_is_named(joint):
    found = joint.decision("p-039").reasons(ReasonCodes.parse(json.dumps(CODES).encode()))

    assert found.basis == "score"
    assert (found.reasons, found.further) == ((), ())
    assert found.joint == ("arrears", "arrears_copy")
    assert found.joint_effect == pytest.approx(26 / 39 * (0.880797 - 0.119203), abs=1e-5)
    assert not found.is_complete
    assert "No reason of the score can be named: no input moved it to the adverse side by itself." in found.notice()
    assert (
        "Not named: 2 more inputs are adverse in the comparison, but only together with other inputs, since the "
        "reference's values in the place of one alone do not move the score back (arrears, arrears_copy). Put in the "
        "place of all of these at once, they move it back by 50.8 percentage points on average." in found.notice()
    )
    assert "echo" not in found.notice()


def test_against_approved_applicants_the_twins_that_nothing_looks_at_are_not_named_either(joint):
    found = joint.decision("p-039").reasons(ReasonCodes.parse(json.dumps(CODES).encode()), reference="approved")

    assert found.joint == ("arrears", "arrears_copy")
    assert found.joint_effect == pytest.approx(0.880797 - 0.119203, abs=1e-5)
    assert "echo" not in json.dumps([found.to_dict()[name] for name in ("reasons", "further", "joint", "notice")])

"""The same bad input, put to each question about a decision's reasons: a refusal in words, or a stated limit."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError, ModelError
from audit_lab.explain.reasons import ReasonCodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 40
HEAD = {"format": "audit_lab.reason-codes", "format_version": 1, "version": "t", "model": "loans"}


def codes(*features: str) -> ReasonCodes:
    entries = [{"feature": name, "code": name, "reason": f"Reason {name}"} for name in features]
    return ReasonCodes.parse(json.dumps({**HEAD, "adverse_decisions": ["deny"], "features": entries}).encode())


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "shap": lambda decision: decision.explain("shap"),
    "lime": lambda decision: decision.explain("lime"),
    "agreement": lambda decision: decision.agreement(),
    "reasons": lambda decision: decision.reasons(codes("income")),
    "counterfactual": lambda decision: decision.counterfactual(1),
}


@pytest.fixture(params=QUESTIONS)
def ask(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return QUESTIONS[request.param]


def denied(log: Any) -> str:
    """Return the id of the last decision that the score denied."""
    rows = log.predictions.filter((pl.col("decision") == "deny") & (pl.col("decision_rule") == "threshold")).collect()
    return str(rows["prediction_id"][-1])


def only(name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda frame: frame.filter(pl.col("prediction_id") == name)


def test_a_log_with_no_other_decision_has_nothing_to_compare_with(make_log, ask) -> None:
    name = denied(al.open(make_log("whole")))
    log = al.open(make_log("alone", inputs_loans=only(name), predictions=only(name), outcomes=None))
    with pytest.raises(AuditLabError, match="no other decision") as refused:
        ask(log.decision(name))
    assert refused.value.next_step


def test_a_decision_without_inputs_is_refused_with_the_reason(make_log, ask) -> None:
    name = denied(al.open(make_log("whole")))
    log = al.open(make_log(inputs_loans=lambda frame: frame.filter(pl.col("prediction_id") != name)))
    with pytest.raises(ModelError) as refused:
        ask(log.decision(name))
    assert refused.value.code == "inputs-missing"


def test_a_model_that_only_gives_labels_has_no_reasons_of_its_score(make_log) -> None:
    output = {"kind": "label", "classes": ["good", "bad"], "decisions": {"bad": "deny", "good": "approve"}}
    whole = al.open(make_log("whole"))
    signature = json.loads(whole.model_versions.collect()["signature"][0])
    folder = make_log(
        "labels",
        model_versions=lambda frame: frame.with_columns(
            signature=pl.lit(json.dumps({**signature, "output": output})),
            output_kind=pl.lit("label"),
            threshold=pl.lit(None, dtype=pl.Float64),
        ),
    )
    decision = al.open(folder).decision(denied(whole))
    for question in ("shap", "lime", "agreement"):
        with pytest.raises(ModelError) as refused:
            QUESTIONS[question](decision)
        assert refused.value.code == "score-missing"


def wide(make_log: Any, columns: dict[str, np.ndarray], score: str) -> Path:
    """Return a log of a booster over number columns, trained to deny where the column `score` is above nought."""
    import xgboost

    names = list(columns)
    matrix = np.column_stack(list(columns.values())).astype(np.float32)
    label = np.nan_to_num(columns[score]) > 0
    data = xgboost.DMatrix(matrix, label=label.astype(float), feature_names=names)
    settings = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1, "base_score": 0.5}
    booster = xgboost.train(settings, data, num_boost_round=5)
    scores = [float(each) for each in booster.predict(data)]
    artifact = bytes(booster.save_raw("ubj"))
    output = {"kind": "probability", "positive": "bad", "negative": "good"}
    output["decisions"] = {"bad": "deny", "good": "approve"}
    signature = {"features": [{"name": name, "dtype": "float"} for name in names], "output": output}
    inputs = pl.DataFrame({name: values.tolist() for name, values in columns.items()}).fill_nan(None)
    return make_log(
        "wide",
        artifact=artifact,
        inputs_loans=lambda old: old.select("prediction_id", "recorded_at").hstack(inputs),
        predictions=lambda old: old.with_columns(
            outputs=pl.Series([{"score": each, "label": "bad" if each >= 0.5 else "good"} for each in scores]),
            decision=pl.Series(["deny" if each >= 0.5 else "approve" for each in scores]),
            decision_rule=pl.lit("threshold"),
        ),
        model_versions=lambda old: old.with_columns(
            signature=pl.lit(json.dumps(signature)),
            artifact_sha256=pl.lit(hashlib.sha256(artifact).hexdigest()),
            decision_rules=pl.lit(None, dtype=pl.String),
        ),
    )


def test_what_never_varies_is_no_reason_and_no_change(make_log) -> None:
    generator = np.random.default_rng(0)
    columns = {"moves": generator.choice([-1.0, 1.0], ROWS), "still": np.full(ROWS, 3.0)}
    log = al.open(wide(make_log, columns, "moves"))
    decision = log.decision(denied(log))

    explained = {each.feature: each.contribution for each in decision.explain().contributions}
    assert explained["still"] == 0.0
    found = decision.reasons(codes("moves", "still"))
    assert [reason.code for reason in found.reasons] == ["moves"]
    assert found.joint == ()
    flips = decision.counterfactual(3)
    assert flips.tried.fixed == {"still": "without another value that was seen and is allowed"}
    assert [[change.feature for change in each.changes] for each in flips.found] == [["moves"]]
    both = decision.agreement()
    assert "still" not in both.methods.first_largest
    assert both.methods.verdict in {"agree", "agree on the main features"}


def test_a_row_that_is_all_missing_is_answered_and_its_limits_are_told(make_log) -> None:
    generator = np.random.default_rng(0)
    columns = {name: generator.choice([-1.0, 1.0], ROWS) for name in ("a", "b")}
    columns["a"][-1] = columns["b"][-1] = np.nan
    log = al.open(wide(make_log, {**columns, "never": np.full(ROWS, np.nan)}, "b"))
    decision = log.decision(f"p-{ROWS - 1:03d}")
    assert set(decision.inputs.values()) == {None}

    explained = decision.explain()
    assert [each.value for each in explained.contributions] == [None, None, None]
    assert next(check for check in explained.checks if check.name == "additivity").passed
    assert not next(check for check in explained.checks if check.name == "familiarity").passed
    assert "= missing" in " ".join(explained.describe())
    (flip,) = decision.counterfactual(1).found
    (change,) = flip.changes
    assert (change.feature, change.before, change.part) == ("b", None, 1.0)
    assert flip.words() in {"b -1 instead of nothing", "b 1 instead of nothing"}


def test_a_category_that_the_comparison_does_not_know_is_told_by_each(make_log) -> None:
    whole = al.open(make_log("whole"))
    name = denied(whole)
    others = whole.inputs("loans").collect()
    city = others.filter(pl.col("prediction_id") == name)["city"].item()
    elsewhere = next(each for each in ("Bern", "Oslo", "Rome") if each != city)
    strange = pl.when(pl.col("prediction_id") != name).then(pl.lit(elsewhere)).otherwise("city").alias("city")
    decision = al.open(make_log(inputs_loans=lambda frame: frame.with_columns(strange))).decision(name)

    both = decision.agreement()
    for one in (both.shap, both.lime):
        check = next(check for check in one.checks if check.name == "familiarity")
        assert (check.passed, f"city = {city}" in check.detail) == (False, True)
        assert one.describe()[0].startswith("Read this with caution: ")
    assert any("did not pass: " in line and "familiarity" in line for line in both.summary())
    found = decision.reasons(codes("income", "city", "years"))
    assert not found.is_complete
    assert "some recorded values of this decision lie outside those of the reference" in found.notice()


def test_of_five_hundred_features_each_question_is_answered_and_sampling_is_told(make_log) -> None:
    generator = np.random.default_rng(1)
    columns = {f"f{place:03}": generator.normal(size=ROWS) for place in range(500)}
    log = al.open(wide(make_log, columns, "f123"))
    decision = log.decision(denied(log))

    explained = decision.explain()
    assert len(explained.contributions) == 500
    assert explained.ranked()[0].feature == "f123"
    assert next(check for check in explained.checks if check.name == "additivity").passed
    said = explained.describe()
    assert len(said) <= 5
    assert max(map(len, said)) < 1200
    assert "and 49" in said[-2]
    found = decision.reasons(codes("f123"))
    assert [push.feature for reason in found.reasons for push in reason.pushes] == ["f123"]
    flips = decision.counterfactual(1, most_changes=1)
    assert [change.feature for change in flips.found[0].changes] == ["f123"]

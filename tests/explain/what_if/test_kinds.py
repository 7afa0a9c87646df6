"""Models that are no two classes with a threshold, and one that takes no category that it does not know."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import audit_lab as al

CITIES = ["Bern", "Oslo", "Rome"]
FEATURES = [
    {"name": "income", "dtype": "float", "unit": "EUR"},
    {"name": "city", "dtype": "str", "categories": CITIES},
    {"name": "years", "dtype": "int", "unit": "year"},
]


def registered(artifact, output, **changed):
    """Return a change of the registry's row to another artifact and kind of output, without rules."""
    columns = {
        "signature": json.dumps({"features": FEATURES, "output": output}),
        "output_kind": output["kind"],
        "artifact_sha256": hashlib.sha256(artifact).hexdigest(),
        "threshold": None,
        "decision_rules": None,
        **changed,
    }
    return lambda frame: frame.with_columns(
        pl.lit(value, dtype=frame.schema.get(name, pl.String)).alias(name) for name, value in columns.items()
    )


def recorded(outputs, decisions, rule):
    return lambda frame: frame.with_columns(
        outputs=pl.Series(outputs),
        decision=pl.Series(decisions, dtype=pl.String),
        decision_rule=pl.lit(rule, dtype=pl.String),
        threshold=pl.lit(None, dtype=pl.Float64),
    )


@pytest.fixture
def classes(make_log, small_model):
    """A log decided by a model of three classes of income, and the numbers of a row of each."""
    import xgboost

    codes = [CITIES.index(city) for city in small_model.inputs["city"]]
    matrix = np.column_stack([small_model.inputs["income"], codes, small_model.inputs["years"]]).astype(np.float32)
    data = xgboost.DMatrix(
        matrix,
        label=np.digitize(small_model.inputs["income"].to_numpy(), [3_500, 6_500]),
        feature_names=["income", "city", "years"],
    )
    parameters = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "nthread": 1}
    booster = xgboost.train(parameters, data, num_boost_round=6)
    artifact = bytes(booster.save_raw("ubj"))
    probabilities = booster.predict(data).astype(float)
    labels = [("low", "mid", "high")[code] for code in probabilities.argmax(axis=1)]
    outputs = [
        {"score": float(row.max()), "label": label, "probabilities": row.tolist()}
        for row, label in zip(probabilities, labels, strict=True)
    ]
    output = {"kind": "multiclass", "classes": ["low", "mid", "high"]}
    folder = make_log(
        artifact=artifact,
        predictions=recorded(outputs, labels, "label"),
        model_versions=registered(artifact, output),
    )
    return folder, labels


def test_of_several_classes_contributions_to_two_of_them_are_not_subtracted(classes):
    folder, labels = classes
    number = next(each for each in range(39, 20, -1) if labels[each] == "low")
    found = al.open(folder).decision(f"p-{number:03d}").what_if({"income": 8_500.0})
    assert (found.original.decision, found.changed.decision, found.flips) == ("low", "high", True)
    assert found.changed.score == max(found.changed.probabilities)
    assert found.rows["difference"].to_list() == [None] * 3
    (doubt,) = found.explained.doubts
    assert doubt.startswith("The attributions are not of the same output: the original's is of 'low'")
    assert doubt in found.summary()
    assert not any("The score moves by" in line for line in found.summary())


def test_a_version_that_only_gives_a_score_has_no_decision_to_flip(make_log, small_model):
    outputs = [{"score": score, "label": None} for score in small_model.scores]
    folder = make_log(
        predictions=recorded(outputs, [None] * 40, None),
        model_versions=registered(small_model.artifact, {"kind": "margin"}),
    )
    found = al.open(folder).decision("p-030").what_if({"income": 1_200.0}, explain=None)
    assert found.flips is None
    assert (found.score_range, found.score_title) == (None, "Score: margin")
    assert found.headline.startswith("1 input changed: score ")
    assert "There is no decision to compare." in " ".join(found.summary())


@pytest.fixture
def strict(make_log, small_model):
    """A log decided by a pipeline that takes no missing value and no category that it was not fitted with."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["income", "years"])),
        LogisticRegression(),
    )
    columns = {name: small_model.inputs[name].to_list() for name in ("income", "city", "years")}
    frame = pd.DataFrame({**columns, "city": pd.Series(columns["city"], dtype=object)})
    pipeline.fit(frame, (small_model.inputs["income"].to_numpy() < 4_000).astype(int))
    artifact = skops.io.dumps(pipeline)
    scores = pipeline.predict_proba(frame)[:, 1].tolist()
    labels = [str(int(score >= 0.5)) for score in scores]
    output = {"kind": "probability", "positive": "1", "negative": "0"}
    outputs = [{"score": score, "label": label} for score, label in zip(scores, labels, strict=True)]
    return make_log(
        artifact=artifact,
        predictions=recorded(outputs, labels, "threshold"),
        model_versions=registered(artifact, output, artifact_format="skops", threshold=0.5),
    )


def test_what_a_model_refuses_is_a_state_too(strict):
    found = al.open(strict).decision("p-030").what_if({"city": "Atlantis"})
    assert (found.is_answered, found.flips, found.replays) == (False, None, True)
    assert found.changed.code in {"model-error", "inputs-refused"}
    assert found.headline == f"1 input changed: the model gives no answer ({found.changed.code})"
    assert found.changed_attribution is None
    assert found.original_attribution is not None
    (remark,) = [each for each in found.remarks if each.code == "unknown-category"]
    assert remark.sentence.endswith("(Bern, Oslo, Rome). The model takes no such input.")
    assert found.reset().change({"city": "Rome"}).is_answered


def test_a_refused_state_is_written_kept_and_shown(strict):
    found = al.open(strict).decision("p-030").what_if({"city": "Atlantis"}, explain=None)
    assert found.to_dict()["changed"]["code"] == found.changed.code
    assert found.sides.filter(side="changed").row(0, named=True)["refused"] == found.changed.code
    assert "no answer" in found._repr_html_()
    assert f"no answer ({found.changed.code})" in al.charts.svg(al.charts.what_if(found))

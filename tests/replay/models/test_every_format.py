"""Every format and kind: what the library answered at the time comes out again, bit for bit."""

from __future__ import annotations

import json
import sys

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from trained import FORMATS, KINDS, UNSAFE, trained

from audit_lab.replay import scoring
from audit_lab.replay.artifacts.mlmodel import read_mlmodel
from audit_lab.replay.scoring import score
from audit_lab.sandbox import run_task
from audit_lab.sandbox.job import Job

IN_SANDBOX = [(artifact_format, KINDS[place % len(KINDS)]) for place, artifact_format in enumerate(FORMATS)]


def handed_over(model):
    """Return bytes and format as the child is given them: of a folder, those of the model in it."""
    if isinstance(model.artifact, bytes):
        return model.artifact, model.artifact_format
    found = read_mlmodel(model.artifact)
    return model.artifact[found.file], found.artifact_format


def assert_same_bits(found, recorded):
    assert_frame_equal(found, recorded.select(found.columns), check_exact=True)
    others = recorded.drop(found.columns)
    assert all(column.null_count() == recorded.height for column in others.iter_columns())
    for name in {"score", "probabilities"} & set(found.columns):
        pairs = [column.explode() if name == "probabilities" else column for column in (found[name], recorded[name])]
        bits = [column.drop_nulls().to_numpy().view(np.uint64).tolist() for column in pairs]
        assert bits[0] == bits[1]


@pytest.fixture
def ask(tmp_path):
    """Return a function that runs the task on a model in this process, or on other inputs, signature or header."""

    def run(model, inputs=None, signature=None, **header):
        content, artifact_format = handed_over(model)
        path = tmp_path / f"{model.artifact_format}-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content)
        signature = json.dumps(signature or model.signature)
        job = Job(
            {"signature": signature, "artifact_format": artifact_format, **header},
            {"inputs": model.inputs if inputs is None else inputs},
            {"artifact": path},
        )
        return score(job)

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("artifact_format", FORMATS)
def test_same_bits_as_the_library_gave(ask, artifact_format, kind):
    for seed in (1, 2):
        model = trained(artifact_format, kind, seed=seed)
        answer = ask(model)
        assert "fault" not in answer.header, answer.header
        assert_same_bits(answer.tables["outputs"], model.outputs)
        assert answer.header["unseen_categories"] == {}


@pytest.mark.parametrize(("artifact_format", "kind"), IN_SANDBOX)
def test_same_bits_in_the_sandbox(artifact_format, kind):
    model = trained(artifact_format, kind, seed=2)
    content, artifact_format = handed_over(model)
    result = run_task(
        "audit_lab.replay.scoring:score",
        header={"signature": model.signature_text, "artifact_format": artifact_format},
        tables={"inputs": model.inputs},
        files={"artifact": content},
    )
    assert "fault" not in result.header, result.header
    assert_same_bits(result.tables["outputs"], model.outputs)


@pytest.mark.parametrize("artifact_format", FORMATS)
def test_one_row_and_none(ask, artifact_format):
    model = trained(artifact_format, "multiclass", seed=1)
    assert ask(model, model.inputs.head(0)).tables["outputs"].height == 0
    one = ask(model, model.inputs[7:8]).tables["outputs"]
    assert one["label"].to_list() == [model.outputs["label"][7]]
    assert one["score"][0] == pytest.approx(model.outputs["score"][7], abs=1e-6)


@pytest.mark.parametrize("artifact_format", [each for each in FORMATS if each not in (*UNSAFE, "mlflow")])
def test_order_of_the_recorded_columns_does_not_matter(ask, artifact_format):
    model = trained(artifact_format, "multiclass", seed=1)
    answer = ask(model, model.inputs.select(reversed(model.inputs.columns)))
    assert_same_bits(answer.tables["outputs"], model.outputs)


@pytest.mark.parametrize("artifact_format", ["xgboost-json", "xgboost-ubj", "lightgbm-text", "catboost-cbm"])
def test_signature_in_another_order_than_a_booster_is_a_fault(ask, artifact_format):
    model = trained(artifact_format, "probability", seed=1)
    reordered = {**model.signature, "features": model.signature["features"][::-1]}
    fault = ask(model, signature=reordered).header["fault"]
    assert fault["code"] == "features-differ"
    assert "its order is another one than the signature's" in fault["message"]


@pytest.mark.parametrize("artifact_format", ["skops", "onnx"])
def test_signature_in_another_order_is_no_matter_where_features_are_taken_by_name(ask, artifact_format):
    model = trained(artifact_format, "multiclass", seed=1)
    reordered = {**model.signature, "features": model.signature["features"][::-1]}
    assert_same_bits(ask(model, signature=reordered).tables["outputs"], model.outputs)


@pytest.mark.parametrize("artifact_format", [each for each in FORMATS if each not in UNSAFE])
def test_missing_and_extra_features_are_named(ask, artifact_format):
    model = trained(artifact_format, "multiclass", seed=1)
    name = model.signature["features"][0]["name"]
    features = [{**each, "name": "tenure"} if each["name"] == name else each for each in model.signature["features"]]
    if artifact_format == "xgboost-raw":  # carries no names, so only the number of features can be told
        features = features[1:]
    answer = ask(model, model.inputs.rename({name: "tenure"}), signature={**model.signature, "features": features})
    fault = answer.header["fault"]
    assert fault["code"] == "features-differ"
    if artifact_format == "xgboost-raw":
        assert f"takes {len(features) + 1} features, the signature has {len(features)}" in fault["message"]
    else:
        assert f"it takes {name}, which the signature does not have" in fault["message"]
        assert "the signature has tenure, which it does not take" in fault["message"]


def test_model_without_names_says_that_they_were_not_checked(ask):
    model = trained("xgboost-raw", "probability", seed=1)
    (note,) = ask(model).header["notes"]
    assert note["code"] == "names-not-checked"
    assert note["message"] == ("the booster carries no feature names: only their number was checked, not their order")


@pytest.mark.parametrize("artifact_format", [each for each in FORMATS if each not in UNSAFE])
def test_unseen_categories_are_counted(ask, artifact_format):
    model = trained(artifact_format, "multiclass", seed=1)
    name = next(each["name"] for each in model.signature["features"] if each["dtype"] == "str")
    changed = model.inputs.with_columns(pl.Series(name, ["zzz", "zzz", "yyy", *model.inputs[name][3:]]))
    answer = ask(model, changed)
    assert answer.header["unseen_categories"] == {name: 3}
    assert answer.tables["outputs"]["score"].null_count() == 0
    assert answer.tables["outputs"].tail(-3).equals(model.outputs.select(answer.tables["outputs"].columns).tail(-3))
    assert ask(model).header["unseen_categories"] == {}


@pytest.mark.parametrize("artifact_format", ["xgboost-json", "lightgbm-text"])
def test_categories_kept_in_the_file_must_be_those_of_the_signature(ask, artifact_format):
    model = trained(artifact_format, "probability", seed=1)
    features = [
        {**each, "categories": each["categories"][::-1]} if each["dtype"] == "str" else each
        for each in model.signature["features"]
    ]
    fault = ask(model, signature={**model.signature, "features": features}).header["fault"]
    assert fault["code"] == "features-differ"
    assert "the categories of" in fault["message"]
    unnamed = [{key: value for key, value in each.items() if key != "categories"} for each in features]
    answer = ask(model, signature={**model.signature, "features": unnamed})
    assert_same_bits(answer.tables["outputs"], model.outputs)


@pytest.mark.parametrize("artifact_format", [each for each in FORMATS if each not in (*UNSAFE, "mlflow")])
@pytest.mark.parametrize(
    ("made", "stated"),
    [
        ("multiclass", {"kind": "probability", "positive": "bad", "negative": "good"}),
        ("probability", {"kind": "multiclass", "classes": ["high", "low", "mid"]}),
        ("probability", {"kind": "regression"}),
        ("multiclass", {"kind": "margin"}),
        ("regression", {"kind": "label", "classes": ["high", "low"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["kind"],
)
def test_another_kind_of_output_than_the_registry_states_is_a_fault(ask, artifact_format, made, stated):
    model = trained(artifact_format, made, seed=1)
    fault = ask(model, signature={**model.signature, "output": stated}).header["fault"]
    assert fault["code"] == "output-kind-differs"
    assert fault["message"].endswith(f"the registry states the kind {stated['kind']}")


def test_positive_label_is_found_by_name_and_not_by_place(ask):
    model = trained("skops", "probability", seed=12)
    turned = {**model.signature, "output": {"kind": "probability", "positive": "good", "negative": "bad"}}
    scores = ask(model, signature=turned).tables["outputs"]["score"]
    assert scores.to_list() == pytest.approx((1 - model.outputs["score"]).to_list())


def test_classes_in_another_order_than_the_model_are_a_fault(ask):
    model = trained("skops", "multiclass", seed=13)
    turned = {**model.signature, "output": {"kind": "multiclass", "classes": ["mid", "low", "high"]}}
    fault = ask(model, signature=turned).header["fault"]
    assert fault["code"] == "output-kind-differs"
    assert "has the classes high, low, mid, not mid, low, high" in fault["message"]


@pytest.mark.parametrize("artifact_format", [each for each in FORMATS if each not in (*UNSAFE, "mlflow")])
def test_corrupt_file_is_a_fault(ask, artifact_format):
    model = trained(artifact_format, "probability", seed=1)
    broken = type(model)(b"\x07nonsense" * 9, artifact_format, model.signature, model.inputs, model.outputs)
    assert ask(broken).header["fault"]["code"] == "artifact-corrupt"


@pytest.mark.parametrize(
    ("artifact_format", "module"),
    [
        ("lightgbm-text", "lightgbm"),
        ("catboost-cbm", "catboost"),
        ("onnx", "onnxruntime"),
        ("skops", "skops.io"),
        ("xgboost-ubj", "xgboost"),
    ],
)
def test_absent_library_is_named_with_what_to_install(ask, monkeypatch, artifact_format, module):
    model = trained(artifact_format, "probability", seed=1)
    monkeypatch.setitem(sys.modules, module, None)
    fault = ask(model).header["fault"]
    assert fault["code"] == "library-missing"
    assert "comes with the extra audit-lab[models]" in fault["message"]


def test_model_is_loaded_once_for_many_jobs(tmp_path, monkeypatch):
    model = trained("xgboost-ubj", "probability", seed=1)
    path = model.write(tmp_path / "model")
    loads = []
    load = scoring.FORMATS["xgboost-ubj"]
    monkeypatch.setitem(scoring.FORMATS, "xgboost-ubj", lambda *given: loads.append(given) or load(*given))
    header = {"signature": model.signature_text, "artifact_format": "xgboost-ubj"}
    for _ in range(3):
        score(Job(header, {"inputs": model.inputs}, {"artifact": path}))
    assert len(loads) == 1
    regression = {**model.signature, "output": {"kind": "margin"}}
    score(Job({**header, "signature": json.dumps(regression)}, {"inputs": model.inputs}, {"artifact": path}))
    assert len(loads) == 2

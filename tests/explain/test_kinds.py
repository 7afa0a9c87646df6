"""Models of every format and kind are explained through their scores; what has no score is refused."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain import BackgroundRows, explain, lime_task, shap_task
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.job import Job

sys.path.insert(0, str(Path(__file__).parents[1] / "replay" / "models"))
from trained import TrainedModel, trained

COMBINATIONS = [
    ("lightgbm-text", "multiclass"),
    ("catboost-cbm", "regression"),
    ("onnx", "probability"),
    ("skops", "margin"),
    ("xgboost-raw", "multiclass"),
    ("joblib", "multiclass"),
]


def job(model: TrainedModel, path: Path, **header: Any) -> Job:
    """Explain the eleventh row against the ten before it."""
    standard = {"artifact_format": model.artifact_format, "output": "score", "samples": 300, "seed": 1}
    tables = {"inputs": model.inputs[10:11], "background": model.inputs[:10]}
    return Job({"signature": model.signature_text, **standard, **header}, tables, {"artifact": model.write(path)})


@pytest.mark.parametrize(("artifact_format", "kind"), COMBINATIONS)
def test_shap_attributes_the_score_that_was_given(tmp_path: Path, artifact_format: str, kind: str) -> None:
    model = trained(artifact_format, kind, seed=1)
    found = shap_task.attribute(job(model, tmp_path / "model")).header
    score = model.outputs["score"][10]
    assert found["prediction_value"] == pytest.approx(score, abs=1e-6)
    assert found["base_value"] + sum(found["contributions"]) == pytest.approx(score, rel=1e-6)
    assert any(abs(value) > 1e-6 for value in found["contributions"])
    if kind == "multiclass":
        assert found["label"] == model.outputs["label"][10]
    elif kind == "regression":
        assert found["label"] is None
        assert found["base_value"] == pytest.approx(model.outputs["score"][:10].mean(), rel=1e-6)
    else:
        assert found["label"] == "bad"


@pytest.mark.parametrize(("artifact_format", "kind"), COMBINATIONS[:4])
def test_lime_attributes_the_score_that_was_given(tmp_path: Path, artifact_format: str, kind: str) -> None:
    model = trained(artifact_format, kind, seed=1)
    first, second = (lime_task.attribute(job(model, tmp_path / name)).header for name in ("a", "b"))
    assert first == second
    assert first["prediction_value"] == pytest.approx(model.outputs["score"][10], abs=1e-6)
    assert len(first["contributions"]) == len(model.signature["features"])


def request(model: TrainedModel) -> dict[str, Any]:
    assert isinstance(model.artifact, bytes)
    ids = tuple(f"b-{row}" for row in range(10))
    return {
        "prediction_id": "p-1",
        "inputs": model.inputs.row(10, named=True),
        "signature": Signature.parse(model.signature_text),
        "artifact": Artifact(hashlib.sha256(model.artifact).hexdigest(), model.artifact_format, model.artifact),
        "background": BackgroundRows(model.inputs[:10], ids, "0" * 64, "test"),
    }


def test_regression_through_the_sandbox_speaks_of_a_value() -> None:
    model = trained("catboost-cbm", "regression", seed=2)
    attribution = explain("shap", **request(model))
    assert (attribution.output_explained, attribution.label) == ("value", "the prediction")
    assert ", which put the predicted value at " in " ".join(attribution.describe())


def test_labels_without_a_score_are_refused() -> None:
    with pytest.raises(ModelError, match="a model of the kind label gives no score") as raised:
        explain("shap", **request(trained("skops", "label", seed=2)))
    assert raised.value.code == "score-missing"


def test_log_odds_of_several_classes_are_not_offered() -> None:
    with pytest.raises(MisuseError, match="log-odds are not offered for shap of a xgboost-ubj artifact of the kind"):
        explain("shap", **request(trained("xgboost-ubj", "multiclass", seed=2)), output="log-odds")


def test_artifact_that_does_not_fit_is_told_by_its_code() -> None:
    asked = request(trained("xgboost-ubj", "probability", seed=2))
    turned = Signature(asked["signature"].features[::-1], asked["signature"].output)
    with pytest.raises(ModelError, match="cannot be explained: the booster and the registry's signature") as raised:
        explain("lime", **{**asked, "signature": turned})
    assert raised.value.code == "features-differ"

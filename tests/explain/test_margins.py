"""Log-odds of models of every library, and what has none."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit_lab.errors import ModelError
from audit_lab.explain import BackgroundRows, explain
from audit_lab.explain.margins import log_odds
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.scoring import ModelFault, load_model
from audit_lab.replay.signature import Signature

sys.path.insert(0, str(Path(__file__).parents[1] / "replay" / "models"))
from trained import TrainedModel, trained


def scorer(model: TrainedModel, path: Path) -> Any:
    return load_model(model.write(path), model.artifact_format, Signature.parse(model.signature_text))


@pytest.mark.parametrize("artifact_format", ["xgboost-ubj", "lightgbm-text", "catboost-cbm", "skops", "joblib"])
def test_they_are_those_of_the_probability(tmp_path: Path, artifact_format: str) -> None:
    model = trained(artifact_format, "probability", seed=1)
    loaded = scorer(model, tmp_path / "model")
    found = log_odds(loaded, model.inputs)(model.inputs)
    assert 1 / (1 + np.exp(-found)) == pytest.approx(loaded.scores(model.inputs), abs=1e-6)
    assert loaded.signature.output.kind == "probability"


def test_where_the_positive_label_is_the_models_first_they_turn_round(tmp_path: Path) -> None:
    model = trained("skops", "probability", seed=1)
    signature = Signature.parse(model.signature_text)
    turned = Signature.parse(
        model.signature_text.replace('"positive": "bad"', '"positive": "x"')
        .replace('"negative": "good"', '"negative": "bad"')
        .replace('"positive": "x"', '"positive": "good"')
    )
    assert (turned.output.positive, signature.output.positive) == ("good", "bad")
    path = model.write(tmp_path / "model")
    there, back = (load_model(path, "skops", each) for each in (signature, turned))
    first, second = (log_odds(each, model.inputs)(model.inputs) for each in (there, back))
    assert second.tolist() == (-first).tolist()


def test_a_model_without_a_margin_is_refused(tmp_path: Path) -> None:
    model = trained("onnx", "probability", seed=1)
    with pytest.raises(ModelFault, match="log-odds are those of models whose probability") as raised:
        log_odds(scorer(model, tmp_path / "model"), model.inputs)
    assert raised.value.code == "explanation-not-offered"


def test_a_refusal_of_the_child_reaches_the_caller() -> None:
    model = trained("onnx", "probability", seed=2)
    assert isinstance(model.artifact, bytes)
    with pytest.raises(ModelError, match="cannot be explained: log-odds are those of") as raised:
        explain(
            "shap",
            prediction_id="p-1",
            inputs=model.inputs.row(10, named=True),
            signature=Signature.parse(model.signature_text),
            artifact=Artifact(hashlib.sha256(model.artifact).hexdigest(), "onnx", model.artifact),
            background=BackgroundRows(model.inputs[:10], tuple(f"b-{row}" for row in range(10)), "0" * 64, "test"),
            output="log-odds",
        )
    assert raised.value.code == "explanation-not-offered"

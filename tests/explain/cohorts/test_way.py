"""In which way a version is explained, and which are not offered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.cohorts.way import way_for
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.registered import Model
from audit_lab.replay.signature import Signature


def model(artifact_format: str, kind: str = "probability") -> Model:
    output: dict[str, Any] = {"kind": kind}
    if kind == "probability":
        output |= {"positive": "bad", "negative": "good"}
    text = json.dumps({"features": [{"name": "a", "dtype": "float"}], "output": output})
    version = {"model_name": "m", "model_version": "1"}
    return Model(version, Signature.parse(text), (), Artifact("0" * 64, artifact_format, b""))


@pytest.mark.parametrize(
    ("artifact_format", "kind", "asked", "found"),
    [
        ("xgboost-ubj", "probability", (None, None), ("path-dependent", "log-odds", None)),
        ("lightgbm-text", "regression", (None, None), ("path-dependent", "value", None)),
        ("xgboost-json", "margin", ("path-dependent", None), ("path-dependent", "margin", None)),
        ("xgboost-ubj", "probability", ("interventional", None), ("interventional", "log-odds", None)),
        ("xgboost-ubj", "probability", (None, "probability"), ("interventional", "probability", 200)),
        ("skops", "probability", (None, None), ("interventional", "probability", 200)),
        ("skops", "regression", (None, None), ("interventional", "value", 200)),
    ],
)
def test_the_quickest_exact_way_is_taken_unless_another_is_asked_for(
    artifact_format: str, kind: str, asked: tuple[str | None, str | None], found: tuple[str, str, int | None]
) -> None:
    way = way_for(model(artifact_format, kind), *asked)
    assert (way.perturbation, way.output, way.most) == found


def test_models_without_one_output_for_all_decisions_are_refused() -> None:
    with pytest.raises(ModelError, match="m 1 gives a probability for each of several classes") as error:
        way_for(model("xgboost-ubj", "multiclass"), None, None)
    assert error.value.code == "explanation-not-offered"
    with pytest.raises(ModelError) as error:
        way_for(model("skops", "label"), None, None)
    assert error.value.code == "score-missing"


def test_what_is_not_offered_is_refused() -> None:
    with pytest.raises(MisuseError, match="path-dependent values are not offered"):
        way_for(model("skops"), "path-dependent", None)
    with pytest.raises(MisuseError, match="there is no perturbation 'marginal'"):
        way_for(model("skops"), "marginal", None)

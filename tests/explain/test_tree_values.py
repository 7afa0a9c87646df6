"""SHAP values that boosters compute themselves, against shap's own algorithm; which of the two ways is named."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import xgboost

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain import Background, BackgroundRows, explain
from audit_lab.explain.margins import log_odds
from audit_lab.explain.model_values import model_values
from audit_lab.explain.sampling import Sampling
from audit_lab.explain.shap_task import attribute, attribute_rows
from audit_lab.explain.tree_values import by_trees, import_shap, interventional, path_dependent
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.models.columns import matrix
from audit_lab.replay.scoring import ModelFault, load_model
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from conftest import Model

sys.path.insert(0, str(Path(__file__).parents[1] / "replay" / "models"))
from trained import trained


def by_shap(booster: Any, numbers: Any) -> Any:
    """Return values by shap's own code, which by itself asks the library as we do, and the base that it gives then."""
    numbers = np.asarray(numbers, dtype=np.float64)
    explainer = import_shap().TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    base = float(np.ravel(explainer(numbers, check_additivity=False).base_values)[0])
    explainer.model.model_type = "internal"
    return explainer.shap_values(numbers, check_additivity=False), base


def test_xgboosts_own_values_are_those_of_shaps_algorithm(booster: Model) -> None:
    scorer = booster.scorer()
    found = path_dependent(scorer, booster.background)
    values, base = by_shap(scorer.native, scorer.encoded(booster.background))
    assert found.values == pytest.approx(values, abs=1e-5)
    assert found.base == pytest.approx(base, abs=1e-5)
    assert found.values.sum(axis=1) + found.base == pytest.approx(scorer.margins(booster.background), abs=1e-5)
    assert found.margins.tolist() == scorer.margins(booster.background).tolist()
    assert (found.algorithm, found.library) == ("tree, path-dependent, by xgboost itself", "xgboost")
    assert found.library_version == xgboost.__version__


def test_lightgbms_own_values_are_those_of_shaps_algorithm(tmp_path: Path) -> None:
    import lightgbm

    frame = pl.DataFrame(np.random.default_rng(0).normal(size=(300, 4)), schema=list("abcd"), orient="row")
    label = (frame["a"] + frame["b"] * frame["c"] > 0).to_numpy()
    parameters = {"objective": "binary", "num_leaves": 6, "verbose": -1, "num_threads": 1, "seed": 0}
    data = lightgbm.Dataset(frame.to_numpy(), label=label, feature_name=list("abcd"))
    lightgbm.train(parameters, data, 20).save_model(tmp_path / "model.txt")
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in "abcd")
    signature = Signature.parse(
        f'{{"features":[{features}],"output":{{"kind":"probability","positive":"y","negative":"n"}}}}'
    )
    scorer = load_model(tmp_path / "model.txt", "lightgbm-text", signature)

    found = path_dependent(scorer, frame[:50])

    values, base = by_shap(scorer.native, matrix(scorer, frame[:50], np.float64))
    assert found.values == pytest.approx(values, abs=1e-9)
    assert found.base == pytest.approx(base, abs=1e-9)
    assert found.values.sum(axis=1) + found.base == pytest.approx(found.margins, abs=1e-9)


def lightgbm_model(folder: Path, objective: str = "binary") -> tuple[Any, pl.DataFrame]:
    """Return a scorer of a LightGBM booster of four numbers, some missing, and rows."""
    import lightgbm

    numbers = np.random.default_rng(0).normal(size=(300, 4))
    numbers[::9, 1] = np.nan
    label = numbers[:, 0] + np.nan_to_num(numbers[:, 1]) * numbers[:, 2] > 0
    parameters = {"objective": objective, "num_leaves": 6, "verbose": -1, "num_threads": 1, "seed": 0}
    data = lightgbm.Dataset(numbers, label=label.astype(float), feature_name=list("abcd"))
    lightgbm.train(parameters, data, 20).save_model(folder / "model.txt")
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in "abcd")
    output = '{"kind":"probability","positive":"y","negative":"n"}'
    signature = Signature.parse(f'{{"features":[{features}],"output":{output}}}')
    frame = pl.DataFrame(numbers, schema=list("abcd"), orient="row").fill_nan(None)
    return load_model(folder / "model.txt", "lightgbm-text", signature), frame


def test_lightgbms_log_odds_against_a_background_equal_an_enumeration(tmp_path: Path) -> None:
    scorer, frame = lightgbm_model(tmp_path)
    row, background = frame[9:10], frame[20:60]
    assert row["b"].null_count() == 1

    found = interventional(scorer, row, background)

    players = {name: (name,) for name in "abcd"}
    margin = log_odds(scorer, frame)
    exact = model_values(margin, row, background, players, sampling=Sampling(), additive=False, probabilities=False)
    assert by_trees(scorer)
    assert (found.algorithm, found.library) == ("tree, interventional", "shap")
    assert found.values[0] == pytest.approx(exact.values, abs=1e-7)
    assert found.base == pytest.approx(exact.base, abs=1e-7)
    assert found.margins.tolist() == margin(row).tolist()


def test_lightgbms_log_odds_against_a_background_equal_shap_called_directly(tmp_path: Path) -> None:
    scorer, frame = lightgbm_model(tmp_path)
    own, reference = (matrix(scorer, rows, np.float64) for rows in (frame[:5], frame[20:60]))
    shap = import_shap()
    explainer = shap.TreeExplainer(scorer.native, shap.maskers.Independent(reference), model_output="raw")

    found = interventional(scorer, frame[:5], frame[20:60])

    assert found.values.tolist() == explainer.shap_values(own, check_additivity=False).tolist()
    assert found.base == float(np.ravel(explainer.expected_value)[0])


def test_a_lightgbm_probability_of_another_link_is_refused(tmp_path: Path) -> None:
    scorer, frame = lightgbm_model(tmp_path, "cross_entropy_lambda")
    scorer._objective = "binary"
    with pytest.raises(ModelFault, match="score is not what its margin says"):
        interventional(scorer, frame[:1], frame[20:60])


def test_a_model_that_was_read_before_gives_the_bits_of_one_read_anew(booster: Model) -> None:
    scorer, other = booster.scorer(), booster.background.reverse()[:25]
    interventional(scorer, booster.row, booster.background)

    again = interventional(scorer, booster.background[:3], other)

    anew = interventional(booster.scorer(), booster.background[:3], other)
    assert again.values.tolist() == anew.values.tolist()
    assert again.base == anew.base


@pytest.mark.parametrize(("artifact_format", "trees"), [("xgboost-ubj", True), ("catboost-cbm", False)])
def test_which_models_shaps_tree_algorithm_takes(tmp_path: Path, artifact_format: str, *, trees: bool) -> None:
    model = trained(artifact_format, "probability", seed=1)
    path = model.write(tmp_path / "model")
    scorer = load_model(path, artifact_format, Signature.parse(model.signature_text))
    assert by_trees(scorer) is trees


@pytest.mark.parametrize("artifact_format", ["lightgbm-text", "catboost-cbm", "skops"])
def test_log_odds_of_any_library_add_up_in_the_sandbox(artifact_format: str) -> None:
    found = explain("shap", **request(artifact_format, "probability"), output="log-odds")
    assert found.output_explained == "log-odds"
    assert found.checks[0].passed
    assert any(abs(each.contribution) > 1e-6 for each in found.contributions)


def test_one_decision_by_paths_names_what_it_is_against(booster: Model) -> None:
    found = explain("shap", **booster.request(), perturbation="path-dependent")

    assert found.output_explained == "log-odds"
    assert found.algorithm == "tree, path-dependent, by xgboost itself"
    assert found.background == Background(
        "the model's training data, as its trees counted it", (), hashlib.sha256().hexdigest()
    )
    assert [(check.name, check.passed) for check in found.checks] == [("additivity", True), ("determinism", True)]
    assert "that it gives on average to the model's training data, as its trees counted it." in found.describe()[0]
    assert found.contributions != explain("shap", **booster.request(), output="log-odds").contributions


@pytest.mark.parametrize("perturbation", ["interventional", "path-dependent"])
def test_many_rows_have_the_values_that_each_has_alone(booster: Model, perturbation: str) -> None:
    rows = booster.background[:5]
    header = {"output": "log-odds", "perturbation": perturbation}

    table = attribute_rows(booster.job(rows, **header)).tables["contributions"]

    alone = [attribute(booster.job(rows[place : place + 1], **header)).header for place in range(5)]
    names = list(booster.signature.names)
    for row, one in zip(table.rows(), alone, strict=True):
        assert list(row) == pytest.approx(
            [*one["contributions"], one["base_value"], one["prediction_value"]], abs=1e-12
        )
    assert table.columns == [*names, "_0", "_1"]


def request(artifact_format: str, kind: str) -> dict[str, Any]:
    model = trained(artifact_format, kind, seed=1)
    assert isinstance(model.artifact, bytes)
    return {
        "prediction_id": "p-1",
        "inputs": model.inputs.row(10, named=True),
        "signature": Signature.parse(model.signature_text),
        "artifact": Artifact(hashlib.sha256(model.artifact).hexdigest(), model.artifact_format, model.artifact),
        "background": BackgroundRows(model.inputs[:10], tuple(f"b-{row}" for row in range(10)), "0" * 64, "test"),
    }


@pytest.mark.parametrize(
    ("artifact_format", "kind", "output"),
    [("lightgbm-text", "probability", "log-odds"), ("lightgbm-text", "regression", "value")],
)
def test_values_by_paths_add_up(artifact_format: str, kind: str, output: str) -> None:
    found = explain("shap", **request(artifact_format, kind), perturbation="path-dependent")
    assert (found.output_explained, found.library) == (output, "lightgbm")
    assert found.checks[0].passed
    assert any(abs(each.contribution) > 1e-6 for each in found.contributions)


@pytest.mark.parametrize(
    ("method", "artifact_format", "kind", "more"),
    [
        ("lime", "xgboost-ubj", "probability", {}),
        ("shap", "catboost-cbm", "regression", {}),
        ("shap", "xgboost-ubj", "multiclass", {}),
        ("shap", "xgboost-ubj", "probability", {"output": "probability"}),
    ],
)
def test_values_by_paths_that_are_not_offered_are_misuse(
    method: str, artifact_format: str, kind: str, more: dict[str, Any]
) -> None:
    with pytest.raises(MisuseError, match="path-dependent values"):
        explain(method, **request(artifact_format, kind), **more, perturbation="path-dependent")


def test_a_perturbation_that_is_none_is_misuse(booster: Model) -> None:
    with pytest.raises(MisuseError, match="there is no perturbation 'marginal'"):
        explain("shap", **booster.request(), perturbation="marginal")  # type: ignore[arg-type]


def saved(model: Model, path: Path, **parameters: Any) -> Path:
    numbers = model.scorer().encoded(model.background)
    data = xgboost.DMatrix(numbers, label=np.arange(40) % 7, feature_names=list(model.signature.names))
    xgboost.train({"nthread": 1, **parameters}, data, 3).save_model(path)
    return path


@pytest.mark.parametrize(
    ("kind", "parameters", "why"),
    [
        ("regression", {"objective": "count:poisson"}, "the booster's score is not what its margin says"),
        ("regression", {"objective": "reg:squarederror", "booster": "gblinear"}, "the booster has no plain trees"),
    ],
)
def test_a_margin_that_is_not_the_score_is_refused(
    booster: Model, tmp_path: Path, kind: str, parameters: dict[str, Any], why: str
) -> None:
    features = booster.signature.to_json().split('"output"')[0]
    signature = Signature.parse(f'{features}"output":{{"kind":"{kind}"}}}}')
    scorer = load_model(saved(booster, tmp_path / "model.ubj", **parameters), "xgboost-ubj", signature)
    with pytest.raises(ModelFault, match=why) as raised:
        path_dependent(scorer, booster.background)
    assert raised.value.code == "explanation-not-offered"


def test_a_refusal_of_the_child_says_what_to_ask_for(booster: Model, tmp_path: Path) -> None:
    features = booster.signature.to_json().split('"output"')[0]
    signature = Signature.parse(f'{features}"output":{{"kind":"regression"}}}}')
    content = saved(booster, tmp_path / "model.ubj", objective="count:poisson").read_bytes()
    artifact = Artifact(hashlib.sha256(content).hexdigest(), "xgboost-ubj", content)
    with pytest.raises(ModelError, match="Ask for interventional values") as raised:
        explain("shap", **booster.request(artifact=artifact, signature=signature), perturbation="path-dependent")
    assert raised.value.code == "explanation-not-offered"

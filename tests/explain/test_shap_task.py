"""Shapley values, against brute force over all coalitions and against shap called directly."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import xgboost

import audit_lab
from audit_lab.explain import model_values
from audit_lab.explain.shap_task import attribute
from audit_lab.explain.tree_values import import_shap
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt
    from conftest import Model


@pytest.fixture(scope="module")
def shap() -> Any:
    """The library, imported as the task does: its plots import matplotlib, which warns."""
    return import_shap()


def brute_force(
    score: Callable[[pl.DataFrame], npt.NDArray[np.float64]],
    row: pl.DataFrame,
    background: pl.DataFrame,
    players: list[list[str]] | None = None,
) -> list[float]:
    """Shapley's formula, term by term, with left-out features taken from the background."""

    def worth(coalition: tuple[int, ...]) -> float:
        taken = [name for place in coalition for name in known[place]]
        return float(score(background.with_columns(pl.lit(row[name]).first().alias(name) for name in taken)).mean())

    known = players or [[name] for name in row.columns]
    values = []
    for player in range(len(known)):
        others = [other for other in range(len(known)) if other != player]
        total = 0.0
        for size in range(len(others) + 1):
            for coalition in combinations(others, size):
                gain = worth((*coalition, player)) - worth(coalition)
                total += gain / comb(len(others), size) / len(known)
        values.append(total)
    return values


def check(answer: dict[str, Any], name: str) -> tuple[bool, str]:
    return next((passed, detail) for found, passed, detail in answer["checks"] if found == name)


@pytest.mark.parametrize("name", ["booster", "pipeline"])
def test_probability_contributions_equal_brute_force(name: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(name)

    answer = attribute(model.job()).header

    expected = brute_force(model.scorer().scores, model.row, model.background)
    assert answer["contributions"] == pytest.approx(expected, abs=1e-9)
    assert answer["algorithm"] == "exact enumeration of coalitions, interventional"


def test_log_odds_contributions_equal_brute_force(booster: Model) -> None:
    scorer = booster.scorer()

    def margin(frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        matrix = xgboost.DMatrix(scorer.encoded(frame), feature_names=list(booster.signature.names))
        return scorer.native.predict(matrix, output_margin=True).astype(np.float64)

    answer = attribute(booster.job(output="log-odds")).header

    assert answer["contributions"] == pytest.approx(brute_force(margin, booster.row, booster.background), abs=1e-6)
    assert answer["prediction_value"] == margin(booster.row)[0]


def test_equals_shap_called_directly_on_the_encoded_matrix(booster: Model, shap: Any) -> None:
    scorer = booster.scorer()
    names = list(booster.signature.names)

    def probability(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return scorer.native.predict(xgboost.DMatrix(matrix, feature_names=names)).astype(np.float64)

    masker = shap.maskers.Independent(scorer.encoded(booster.background).astype(np.float64))
    direct = shap.explainers.Exact(probability, masker)(scorer.encoded(booster.row).astype(np.float64))

    answer = attribute(booster.job()).header
    assert answer["contributions"] == pytest.approx(direct.values[0].tolist(), abs=1e-12)
    assert answer["base_value"] == pytest.approx(direct.base_values[0], abs=1e-12)


def test_log_odds_equal_the_tree_explainer_called_directly(booster: Model, shap: Any) -> None:
    scorer = booster.scorer()
    masker = shap.maskers.Independent(scorer.encoded(booster.background).astype(np.float64))
    direct = shap.TreeExplainer(scorer.native, masker, model_output="raw")

    answer = attribute(booster.job(output="log-odds")).header

    assert answer["contributions"] == direct.shap_values(scorer.encoded(booster.row).astype(np.float64))[0].tolist()


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory, make_model: type[Model]) -> Model:
    """A booster of 13 features, one more than are enumerated."""
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(600, 13)).astype(np.float32)
    names = [f"f{place:02}" for place in range(13)]
    label = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.normal(size=600) > 0
    parameters = {"objective": "binary:logistic", "max_depth": 3, "seed": 0, "nthread": 1}
    trained = xgboost.train(parameters, xgboost.DMatrix(matrix, label=label, feature_names=names), 20)
    path: Path = tmp_path_factory.mktemp("wide") / "model.json"
    trained.save_model(path)
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in names)
    output = '{"kind":"probability","positive":"yes","negative":"no"}'
    signature = Signature.parse(f'{{"features":[{features}],"output":{output}}}')
    rows = pl.DataFrame(matrix[:31], schema=names, orient="row")
    return make_model(path, "xgboost-json", signature, rows[:1], rows[1:])


def test_many_features_are_sampled_and_state_their_error(wide: Model) -> None:
    answer = attribute(wide.job()).header

    passed, detail = check(answer, "sampling error")
    assert answer["algorithm"] == "permutation sampling of 14 orders for each background row, interventional"
    assert (answer["library"], answer["library_version"]) == ("audit_lab", audit_lab.__version__)
    assert passed
    assert "means over 14 random orders for each of 30 background rows, walked both ways; the largest " in detail


def test_sampled_values_lie_within_their_error_of_the_exact_ones(wide: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled = attribute(wide.job()).header["contributions"]
    monkeypatch.setattr(model_values, "_MOST_ENUMERATED", 13)
    exact = attribute(wide.job()).header["contributions"]

    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize("output", ["probability", "log-odds"])
def test_contributions_and_base_value_add_up_to_the_prediction(output: str, booster: Model) -> None:
    answer = attribute(booster.job(output=output)).header

    assert answer["base_value"] + sum(answer["contributions"]) == pytest.approx(answer["prediction_value"], abs=1e-6)
    assert check(answer, "additivity")[0]


def test_prediction_value_is_the_models_own_score(booster: Model) -> None:
    assert attribute(booster.job()).header["prediction_value"] == booster.scorer().scores(booster.row)[0]


@pytest.mark.parametrize("name", ["booster", "pipeline"])
def test_a_feature_that_the_model_ignores_contributes_nothing(name: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(name)

    contributions = attribute(model.job()).header["contributions"]

    assert contributions[model.signature.names.index("idle")] == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("name", ["booster", "pipeline"])
def test_a_category_that_nobody_knew_is_explained_and_named(name: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(name)
    row = model.row.with_columns(carrier=pl.lit("ZZ"))

    answer = attribute(model.job(row)).header

    assert answer["contributions"] == pytest.approx(brute_force(model.scorer().scores, row, model.background), abs=1e-9)
    assert check(answer, "familiarity") == (False, "the background holds nothing like carrier = ZZ")


def test_a_missing_number_is_explained_as_the_model_takes_it(booster: Model) -> None:
    row = booster.row.with_columns(distance=pl.lit(None, dtype=pl.Float64))

    answer = attribute(booster.job(row)).header

    expected = brute_force(booster.scorer().scores, row, booster.background)
    assert answer["contributions"] == pytest.approx(expected, abs=1e-9)
    assert answer["contributions"][1] != pytest.approx(attribute(booster.job()).header["contributions"][1], abs=1e-3)


def test_a_number_out_of_the_backgrounds_range_is_named(booster: Model) -> None:
    row = booster.row.with_columns(distance=pl.lit(663_900.0))

    assert check(attribute(booster.job(row)).header, "familiarity") == (
        False,
        "the background holds nothing like distance = 663900.0",
    )


def test_a_number_close_to_a_background_value_is_not_taken_for_it(tmp_path: Path, make_model: type[Model]) -> None:
    # shap's masker takes values within one part in 100,000 for equal; here the model's only split lies between them.
    low, high = 1_000_000.0, 1_000_001.0
    matrix = np.array([[low], [high]] * 50, dtype=np.float32)
    parameters = {"objective": "binary:logistic", "min_child_weight": 0, "eta": 1, "base_score": 0.5}
    trained = xgboost.train(parameters, xgboost.DMatrix(matrix, [0, 1] * 50, feature_names=["amount"]), 5)
    path = tmp_path / "model.ubj"
    trained.save_model(path)
    output = '{"kind":"probability","positive":"yes","negative":"no"}'
    signature = Signature.parse(f'{{"features":[{{"name":"amount","dtype":"float"}}],"output":{output}}}')
    row, background = pl.DataFrame({"amount": [high]}), pl.DataFrame({"amount": [low]})

    answer = attribute(make_model(path, "xgboost-ubj", signature, row, background).job()).header

    assert answer["contributions"][0] > 0.5
    assert check(answer, "additivity")[0]


def log_odds_of(model: Model) -> Callable[[pl.DataFrame], npt.NDArray[np.float64]]:
    """Return the log-odds that a model's probabilities have."""

    def margin(frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        scores = model.scorer().scores(frame)
        return np.log(scores / (1 - scores))

    return margin


def test_log_odds_of_a_linear_model_are_added_up(pipeline: Model) -> None:
    answer = attribute(pipeline.job(output="log-odds")).header

    expected = brute_force(log_odds_of(pipeline), pipeline.row, pipeline.background)
    assert answer["contributions"] == pytest.approx(expected, abs=1e-9)
    assert (answer["algorithm"], answer["label"]) == ("linear, interventional", "late")
    assert check(answer, "additivity")[0]


def test_columns_that_come_and_go_together_equal_brute_force_over_groups(booster: Model) -> None:
    groups = {"route": ["carrier", "distance"], "time": ["hour", "weekend"]}

    for output, score in (("probability", booster.scorer().scores), ("log-odds", log_odds_of(booster))):
        answer = attribute(booster.job(output=output, groups=groups)).header
        members = [["carrier", "distance"], ["hour", "weekend"], ["idle"]]
        expected = brute_force(score, booster.row, booster.background, members)
        assert answer["contributions"] == pytest.approx(expected, abs=1e-6)
        assert answer["algorithm"] == "exact enumeration of coalitions, interventional"


def test_a_model_that_takes_no_missing_values_raises(pipeline: Model) -> None:
    row = pipeline.row.with_columns(distance=pl.lit(None, dtype=pl.Float64))

    with pytest.raises(ValueError, match="NaN"):
        attribute(pipeline.job(row))


def test_a_background_equal_to_the_decision_gives_nothing_to_explain(booster: Model) -> None:
    answer = attribute(booster.job(background=booster.row)).header

    assert answer["contributions"] == [0.0] * 5
    assert answer["base_value"] == answer["prediction_value"]

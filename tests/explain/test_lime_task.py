"""LIME over recorded features, against lime called directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
import xgboost
from lime.lime_tabular import LimeTabularExplainer

from audit_lab.explain import lime_task
from audit_lab.explain.grouping import players_of
from audit_lab.explain.lime_task import attribute

if TYPE_CHECKING:
    import numpy.typing as npt
    from conftest import Model


def check(answer: dict[str, Any], name: str) -> tuple[bool, str]:
    return next((passed, detail) for found, passed, detail in answer["checks"] if found == name)


def test_equals_lime_called_directly_on_the_encoded_matrix(booster: Model, pipeline: Model) -> None:
    scorer = booster.scorer()
    background = pipeline.background  # without missing values, so that distances are numbers for both

    def probabilities(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        whole = matrix.astype(np.float32)
        whole[:, 2] = np.rint(whole[:, 2])
        data = xgboost.DMatrix(whole, feature_names=list(booster.signature.names))
        positive = scorer.native.predict(data).astype(np.float64)
        return np.column_stack([1 - positive, positive])

    explainer = LimeTabularExplainer(
        background.with_columns(
            carrier=pl.Series(scorer.encoded(background)[:, 0]), weekend=pl.col("weekend").cast(pl.Float64)
        )
        .to_numpy()
        .astype(np.float64),
        categorical_features=[0, 3],
        feature_selection="none",
        random_state=11,
    )
    row = np.array([2, 412.5, 19, 0, 0.7])
    direct = explainer.explain_instance(row, probabilities, num_features=5, num_samples=2000)

    answer = attribute(booster.job(background=background, seed=11)).header

    weights = dict(direct.local_exp[1])
    assert answer["contributions"] == pytest.approx([weights[place] for place in range(5)], abs=1e-12)
    assert answer["base_value"] == pytest.approx(direct.intercept[1], abs=1e-12)
    assert f"weighted R2 {direct.score:.3f}" in check(answer, "local fidelity")[1]


@pytest.mark.parametrize("name", ["booster", "pipeline"])
def test_finds_what_pushes_the_decision(name: str, request: pytest.FixtureRequest) -> None:
    model: Model = request.getfixturevalue(name)

    carrier, distance, hour, weekend, idle = attribute(model.job()).header["contributions"]

    assert min(carrier, distance, hour) > 0.1
    assert max(abs(weekend), abs(idle)) < 0.05


def test_prediction_value_is_the_models_own_score(pipeline: Model) -> None:
    assert attribute(pipeline.job()).header["prediction_value"] == pipeline.scorer().scores(pipeline.row)[0]


def test_states_the_number_of_samples(booster: Model) -> None:
    assert attribute(booster.job(samples=300)).header["algorithm"].startswith("local ridge regression on 300 perturbed")


def test_one_explainer_given_a_seed_anew_is_a_fresh_one(booster: Model) -> None:
    explained, _ = booster.scorer().explained(booster.row)
    players = players_of(booster.signature, {})

    def fresh() -> Any:
        return lime_task._Neighbourhood(booster.signature, explained, booster.row, booster.background, players)

    used = fresh()
    assert [used.explain(seed, 200) for seed in (5, 6, 5)] == [fresh().explain(seed, 200) for seed in (5, 6, 5)]


class _Drawing:
    """A model that adds chance to a score."""

    def __init__(self, scorer: Any) -> None:
        self._scorer, self._generator = scorer, np.random.default_rng(0)

    def explained(self, row: pl.DataFrame) -> tuple[Any, str]:
        return lambda frame: self._scorer.scores(frame) + 0.01 * self._generator.random(frame.height), "late"


def test_a_model_that_does_not_repeat_itself_is_reported(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(attribute(booster.job(samples=200)).header, "determinism") == (
        True,
        "asked twice for 41 rows, the model gave the same scores",
    )
    monkeypatch.setattr(lime_task, "loaded_model", lambda _: _Drawing(booster.scorer()))

    passed, detail = check(attribute(booster.job(samples=200)).header, "determinism")

    assert not passed
    assert detail.startswith("the model gave other scores for 41 of 41 rows when it was asked twice")


def test_another_seed_gives_other_numbers(booster: Model) -> None:
    first, other = (attribute(booster.job(seed=seed)).header["contributions"] for seed in (0, 1))

    assert first != other


def test_a_missing_number_is_a_bin_of_its_own(booster: Model) -> None:
    row = booster.row.with_columns(distance=pl.lit(None, dtype=pl.Float64))

    answer = attribute(booster.job(row)).header

    assert np.isfinite(answer["contributions"]).all()
    assert answer["prediction_value"] == booster.scorer().scores(row)[0]
    assert check(answer, "familiarity")[0]


def test_a_missing_number_that_is_never_missing_elsewhere_is_named(booster: Model, pipeline: Model) -> None:
    row = booster.row.with_columns(distance=pl.lit(None, dtype=pl.Float64))

    answer = attribute(booster.job(row, background=pipeline.background)).header

    assert check(answer, "familiarity") == (False, "the background holds nothing like distance = missing")


def test_a_category_that_nobody_knew_is_explained_and_named(pipeline: Model) -> None:
    row = pipeline.row.with_columns(carrier=pl.lit("ZZ"))

    answer = attribute(pipeline.job(row)).header

    assert np.isfinite(answer["contributions"]).all()
    assert check(answer, "familiarity") == (False, "the background holds nothing like carrier = ZZ")


def test_a_number_that_never_varies_is_taken(booster: Model) -> None:
    background = booster.background.with_columns(hour=pl.lit(12, dtype=pl.Int64))

    assert np.isfinite(attribute(booster.job(background=background)).header["contributions"]).all()


def test_stable_features_pass_the_stability_check(booster: Model) -> None:
    passed, detail = check(attribute(booster.job()).header, "stability")

    assert passed
    assert detail.startswith("over 5 further seeds (1, 2, 3, 4, 5) the largest features stay carrier (+)")


def test_features_that_change_with_the_seed_fail_the_stability_check_in_words(booster: Model) -> None:
    passed, detail = check(attribute(booster.job(samples=12)).header, "stability")

    assert not passed
    assert "largest features change with the seed" in detail


def test_a_poor_fit_fails_the_fidelity_check(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lime_task, "_FIDELITY", 0.99)

    assert not check(attribute(booster.job()).header, "local fidelity")[0]

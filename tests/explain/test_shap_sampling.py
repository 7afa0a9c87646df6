"""Values that shap's permutation explainer samples: those of a direct call, and ours beside them and the exact ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from wide_models import FAMILIES

from audit_lab.errors import MisuseError
from audit_lab.explain import explain, model_values
from audit_lab.explain.permutation_values import sample
from audit_lab.explain.sampling import Sampling
from audit_lab.explain.shap_sampling import sample_by_shap
from audit_lab.explain.shap_task import attribute
from audit_lab.explain.tree_values import import_shap

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Model
    from wide_models import Wide

#: Scores of some models are in single precision.
ROUNDING = 1e-7
TRUSTED = ["sklearn.tree._tree.Tree"]
Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def asked(model: Wide, path: Path, make_model: type[Model], **header: Any) -> dict[str, Any]:
    named = make_model(path, model.artifact_format, model.signature, model.row, model.background)
    return dict(attribute(named.job(output=model.output, trusted_types=TRUSTED, **header)).header)


def check(answer: dict[str, Any], name: str) -> tuple[bool, str]:
    return next((passed, detail) for found, passed, detail in answer["checks"] if found == name)


@pytest.mark.parametrize(("artifact_format", "kind"), FAMILIES)
def test_values_are_those_of_shap_called_directly(
    artifact_format: str, kind: str, family: Any, make_model: type[Model]
) -> None:
    model, path = family(artifact_format, kind)
    explainer = import_shap().PermutationExplainer(model.asked, model.matrix(model.background), seed=11)
    direct = explainer(model.matrix(model.row), max_evals=290, silent=True)

    found = asked(model, path, make_model, sampling="shap", max_evals=290, seed=11)

    assert found["contributions"] == pytest.approx(direct.values[0].tolist(), abs=1e-12)
    assert found["base_value"] == pytest.approx(float(direct.base_values[0]), abs=1e-12)
    assert max(map(abs, found["contributions"])) > 0.01
    assert (found["library"], found["library_version"]) == ("shap", import_shap().__version__)
    assert found["algorithm"] == "permutation explainer of shap, 290 evaluations, interventional"


def test_the_standard_number_of_evaluations_is_shaps_own(family: Any, make_model: type[Model]) -> None:
    model, path = family("xgboost-ubj", "probability")
    explainer = import_shap().Explainer(model.asked, model.matrix(model.background), algorithm="permutation", seed=0)
    direct = explainer(model.matrix(model.row), silent=True)

    found = asked(model, path, make_model, sampling="shap")

    assert found["contributions"] == direct.values[0].tolist()
    assert found["algorithm"] == "permutation explainer of shap, 500 evaluations, interventional"


def test_log_odds_that_no_trees_give_are_those_of_shap_called_directly(family: Any, make_model: type[Model]) -> None:
    model, path = family("catboost-cbm", "probability")

    def margin(rows: Numbers) -> Numbers:
        from wide_models import texts

        return np.asarray(model.native.predict(texts(rows), prediction_type="RawFormulaVal"))

    explainer = import_shap().PermutationExplainer(margin, model.matrix(model.background), seed=2)
    direct = explainer(model.matrix(model.row), silent=True)

    named = make_model(path, model.artifact_format, model.signature, model.row, model.background)
    found = attribute(named.job(sampling="shap", seed=2, output="log-odds")).header

    assert found["contributions"] == pytest.approx(direct.values[0].tolist(), abs=1e-12)


@pytest.mark.parametrize(("artifact_format", "kind"), FAMILIES)
def test_ours_lie_within_their_stated_error_of_exact_values_and_of_shaps(
    artifact_format: str, kind: str, family: Any, make_model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = family(artifact_format, kind)
    found: dict[str, Any] = {}
    for name, function in (("sample", sample), ("sample_by_shap", sample_by_shap)):

        def kept(*args: Any, name: str = name, function: Any = function, **more: Any) -> Any:
            found[name] = function(*args, **more)
            return found[name]

        monkeypatch.setattr(model_values, name, kept)
    ours, shaps = (asked(model, path, make_model, sampling=way) for way in ("by-row", "shap"))
    monkeypatch.setattr(model_values, "_MOST_ENUMERATED", 14)
    exact = asked(model, path, make_model)
    assert exact["algorithm"] == "exact enumeration of coalitions, interventional"

    mine, theirs = found["sample"], found["sample_by_shap"]
    assert ours["contributions"] == mine.values.tolist()
    assert shaps["contributions"] == theirs.values.tolist()
    away = np.abs(mine.values - exact["contributions"])
    stated = 4 * mine.errors + ROUNDING
    assert (away <= stated).all()
    assert f"so that each value lies within {4 * mine.errors.max():.4f}" in check(ours, "sampling error")[1]
    apart = np.abs(mine.values - theirs.values)
    assert (apart <= np.hypot(stated, 4 * theirs.errors)).all()


@pytest.mark.parametrize(("artifact_format", "kind"), FAMILIES[:3])
def test_ours_are_nearer_to_the_exact_values_for_as_many_questions(
    artifact_format: str, kind: str, family: Any
) -> None:
    model, _ = family(artifact_format, kind)
    reference, own = model.matrix(model.background), model.matrix(model.row)[0]
    asked_for: list[int] = []

    def scores(rows: Numbers) -> Numbers:
        asked_for.append(len(rows))
        return model.asked(rows)

    exact = model_values._enumerated(scores, reference, own).values
    costs = []
    for way in (
        lambda seed: sample(scores, reference, own, seed, 0.005),
        lambda seed: sample_by_shap(scores, reference, own, Sampling(seed, "shap", 500), 0.005),
    ):
        asked_for.clear()
        away = [way(seed).values - exact for seed in range(8)]
        costs.append(np.mean(np.square(away)) * sum(asked_for))
    # Variance falls with the number of questions, so their product is what a given precision costs.
    assert costs[0] < 0.6 * costs[1]


def bent(codes: Numbers) -> Numbers:
    """A score in which all features have to do with one another."""
    features = codes.shape[1]
    return np.tanh((codes - 1) @ np.arange(1, features + 1) * 2 / features**1.5)


def drawn(count: int, features: int, seed: int) -> tuple[Numbers, Numbers]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 3, (count, features)).astype(float), generator.integers(0, 3, features).astype(float)


def test_the_error_of_shaps_values_is_an_upper_bound_of_what_other_seeds_differ_by() -> None:
    reference, own = drawn(20, 15, seed=3)
    found = [sample_by_shap(bent, reference, own, Sampling(seed, "shap", 310), 1.0) for seed in range(25)]
    spread = np.std([each.values for each in found], axis=0, ddof=1)
    bound = np.mean([each.errors for each in found], axis=0)
    assert found[0].orders == 10
    assert spread.max() <= bound.max() <= 5 * spread.max()


def test_the_generator_of_the_process_is_left_as_it_was() -> None:
    reference, own = drawn(3, 13, seed=1)
    np.random.seed(5)  # noqa: NPY002 - the one that shap seeds
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    sample_by_shap(bent, reference, own, Sampling(0, "shap", 500), 1.0)
    assert np.random.random() == expected  # noqa: NPY002


def test_too_rough_a_sample_fails_its_check_and_says_so(family: Any, make_model: type[Model]) -> None:
    model, path = family("xgboost-ubj", "probability")
    passed, detail = check(asked(model, path, make_model, sampling="shap", max_evals=58), "sampling error")
    assert not passed
    assert detail.startswith("the values are means over 2 random orders, each walked both ways with all 30 background")
    assert "the largest standard error is at most 0." in detail


def test_a_background_equal_to_the_decision_gives_nothing_to_sample(family: Any, make_model: type[Model]) -> None:
    model, path = family("xgboost-ubj", "probability")
    named = make_model(path, model.artifact_format, model.signature, model.row, model.row)
    found = attribute(named.job(sampling="shap", max_evals=500)).header
    assert found["contributions"] == [0.0] * 14


def test_values_that_are_exact_stay_so(booster: Model) -> None:
    ours, shaps = (attribute(booster.job(sampling=way)).header for way in ("by-row", "shap"))
    assert ours == shaps
    assert ours["algorithm"] == "exact enumeration of coalitions, interventional"


@pytest.mark.parametrize(
    ("method", "more", "what"),
    [
        ("shap", {"sampling": "kernel"}, "there is no sampling 'kernel'"),
        ("lime", {"sampling": "shap"}, "sampling='shap' is not offered for lime"),
        ("shap", {"max_evals": 500}, "max_evals is an argument of shap's permutation explainer, which was not asked"),
        ("shap", {"sampling": "shap", "max_evals": 10}, "10 evaluations do not suffice for one order of 5 features"),
    ],
)
def test_what_is_not_offered_is_misuse(booster: Model, method: str, more: dict[str, Any], what: str) -> None:
    with pytest.raises(MisuseError, match=what):
        explain(method, **booster.request(), **more)


def test_the_way_of_sampling_is_part_of_the_question_and_of_the_digest(family: Any, make_model: type[Model]) -> None:
    model, path = family("xgboost-ubj", "probability")
    request = make_model(path, model.artifact_format, model.signature, model.row, model.background).request()
    ours = explain("shap", **request)
    first = explain("shap", **request, sampling="shap", max_evals=290)
    more = explain("shap", **request, sampling="shap", max_evals=580)
    assert len({ours.digest, first.digest, more.digest}) == 3
    assert explain("shap", **request, sampling="shap", max_evals=290) == first
    assert first.algorithm == "permutation explainer of shap, 290 evaluations, interventional"
    assert ours.repeated_by(first).verdict == "another question"

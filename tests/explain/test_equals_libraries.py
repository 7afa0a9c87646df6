"""Each way of explaining beside shap or lime called directly: exact, by paths, linear, and LIME, for each library.

What is sampled is in `test_shap_sampling`; the page on explanations has a table of all ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from lime.lime_tabular import LimeTabularExplainer
from wide_models import FAMILIES, NAMES, categories

from audit_lab.explain import lime_task, model_values, shap_task
from audit_lab.explain.tree_values import import_shap, path_dependent
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Model

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
TRUSTED = ["sklearn.tree._tree.Tree"]


@pytest.mark.parametrize(("artifact_format", "kind"), FAMILIES)
def test_enumerated_values_are_those_of_shaps_exact_explainer(
    artifact_format: str, kind: str, family: Any, make_model: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = family(artifact_format, kind)
    # Seven features differ from the background, which is what is enumerated.
    same = [pl.lit(model.row[name].item()).alias(name) for name in NAMES[6:13]]
    background = model.background.with_columns(same)
    explainer = import_shap().explainers.Exact(model.asked, model.matrix(background))
    direct = explainer(model.matrix(model.row), silent=True)
    monkeypatch.setattr(model_values, "_MOST_ENUMERATED", 14)

    named = make_model(path, model.artifact_format, model.signature, model.row, background)
    found = shap_task.attribute(named.job(output=model.output, trusted_types=TRUSTED)).header

    assert found["algorithm"] == "exact enumeration of coalitions, interventional"
    assert found["contributions"] == pytest.approx(direct.values[0].tolist(), abs=1e-12)
    assert found["base_value"] == pytest.approx(float(direct.base_values[0]), abs=1e-12)
    assert max(map(abs, found["contributions"])) > 0.01


@pytest.mark.parametrize(("artifact_format", "kind"), FAMILIES)
def test_lime_with_a_category_is_that_of_lime_called_directly(
    artifact_format: str, kind: str, family: Any, make_model: type[Model]
) -> None:
    model, path = family(artifact_format, kind)
    of_classes = kind not in {"regression", "margin"}
    direct = LimeTabularExplainer(
        model.matrix(model.background),
        mode="classification" if of_classes else "regression",
        categorical_features=[13],
        feature_selection="none",
        random_state=5,
    ).explain_instance(
        model.matrix(model.row)[0],
        (lambda rows: np.column_stack([1 - model.asked(rows), model.asked(rows)])) if of_classes else model.asked,
        num_features=14,
        num_samples=600,
    )

    named = make_model(path, model.artifact_format, model.signature, model.row, model.background)
    header = {"output": model.output, "seed": 5, "samples": 600, "further_seeds": 0, "trusted_types": TRUSTED}
    found = lime_task.attribute(named.job(**header)).header

    weights = dict(direct.local_exp[1])
    assert found["contributions"] == pytest.approx([weights[place] for place in range(14)], abs=1e-12)
    assert found["base_value"] == pytest.approx(direct.intercept[1], abs=1e-12)
    assert max(map(abs, weights.values())) > 0.001


def test_lime_with_missing_numbers_is_that_of_lime_called_with_bins(booster: Model) -> None:
    background, scorer = booster.background, booster.scorer()
    assert background["distance"].null_count() > 0
    present = sorted(background["distance"].drop_nulls())
    edges = [float(pl.Series(present).quantile(share, "lower")) for share in (0.25, 0.5, 0.75)]
    place = lambda value: 0 if value is None else 1 + sum(value > edge for edge in edges)
    middles = {}
    for code in range(1, 5):
        members = [value for value in present if place(value) == code]
        middles[code] = members[(len(members) - 1) // 2]
    own = booster.row["distance"].item()
    middles |= {0: None, place(own): own}
    carriers = sorted({*background["carrier"], *booster.row["carrier"]})

    def coded(frame: pl.DataFrame) -> Numbers:
        texts = [carriers.index(carrier) for carrier in frame["carrier"]]
        bins = [place(value) for value in frame["distance"]]
        weekends = [int(value) for value in frame["weekend"]]
        return np.column_stack([texts, bins, frame["hour"], weekends, frame["idle"]]).astype(np.float64)

    def probabilities(matrix: Numbers) -> Numbers:
        frame = pl.DataFrame(
            {
                "carrier": [carriers[int(code)] for code in matrix[:, 0]],
                "distance": pl.Series([middles[int(code)] for code in matrix[:, 1]], dtype=pl.Float64),
                "hour": pl.Series(np.rint(matrix[:, 2])).cast(pl.Int64),
                "weekend": matrix[:, 3] == 1,
                "idle": matrix[:, 4],
            }
        )
        positive = scorer.scores(frame)
        return np.column_stack([1 - positive, positive])

    direct = LimeTabularExplainer(
        coded(background), categorical_features=[0, 1, 3], feature_selection="none", random_state=8
    ).explain_instance(coded(booster.row)[0], probabilities, num_features=5, num_samples=600)

    found = lime_task.attribute(booster.job(seed=8, samples=600, further_seeds=0)).header

    weights = dict(direct.local_exp[1])
    assert found["contributions"] == pytest.approx([weights[place] for place in range(5)], abs=1e-12)


@pytest.mark.parametrize(
    ("artifact_format", "kind", "distance"),
    [
        ("xgboost-ubj", "probability", 1e-6),
        ("xgboost-ubj", "margin", 1e-6),
        ("xgboost-ubj", "regression", 1e-6),
        ("lightgbm-text", "probability", 1e-12),
        ("lightgbm-text", "regression", 1e-12),
    ],
)
def test_values_by_paths_are_those_of_shaps_tree_explainer(
    artifact_format: str, kind: str, distance: float, family: Any
) -> None:
    model, path = family(artifact_format, kind)
    encoded = categories if artifact_format == "lightgbm-text" else (lambda matrix: matrix)
    direct = import_shap().TreeExplainer(model.native)(encoded(model.matrix(model.background)), check_additivity=False)

    found = path_dependent(load_model(path, artifact_format, model.signature), model.background)

    assert found.values == pytest.approx(np.asarray(direct.values), abs=distance)
    assert found.base == pytest.approx(float(np.ravel(direct.base_values)[0]), abs=distance)


@pytest.mark.parametrize("artifact_format", ["xgboost-ubj", "lightgbm-text"])
def test_trees_of_fourteen_numbers_are_those_of_shaps_tree_explainer_to_the_bit(
    artifact_format: str, tmp_path: Path, make_model: type[Model]
) -> None:
    numbers = np.random.default_rng(3).normal(size=(300, 14))
    label = (numbers[:, 0] + numbers[:, 1] * numbers[:, 2] > 0).astype(float)
    names = [f"f{place}" for place in range(14)]
    if artifact_format == "xgboost-ubj":
        import xgboost

        data = xgboost.DMatrix(numbers.astype(np.float32), label=label, feature_names=names)
        native = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, data, 20)
        content = bytes(native.save_raw("ubj"))
    else:
        import lightgbm

        parameters = {"objective": "binary", "num_leaves": 7, "verbose": -1, "num_threads": 1}
        native = lightgbm.train(parameters, lightgbm.Dataset(numbers, label=label, feature_name=names), 20)
        content = native.model_to_string().encode()
    (tmp_path / "model").write_bytes(content)
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in names)
    output = '{"kind":"probability","positive":"yes","negative":"no"}'
    signature = Signature.parse(f'{{"features":[{features}],"output":{output}}}')
    frame = pl.DataFrame(numbers[:31], schema=names, orient="row")
    # XGBoost takes float32, so that is what the direct call is given.
    given = numbers.astype(np.float32).astype(np.float64) if artifact_format == "xgboost-ubj" else numbers
    explainer = import_shap().TreeExplainer(native, given[1:31], feature_perturbation="interventional")

    named = make_model(tmp_path / "model", artifact_format, signature, frame[:1], frame[1:])
    found = shap_task.attribute(named.job(output="log-odds")).header

    assert found["algorithm"] == "tree, interventional"
    assert found["contributions"] == explainer.shap_values(given[:1], check_additivity=False)[0].tolist()


def test_a_linear_value_is_that_of_shaps_linear_explainer(tmp_path: Path, make_model: type[Model]) -> None:
    import skops.io
    from sklearn.linear_model import Ridge

    values = np.random.default_rng(1).normal(size=(80, 14))
    fitted = Ridge().fit(values, values @ np.arange(14))
    skops.io.dump(fitted, tmp_path / "model.skops")
    features = ",".join(f'{{"name":"f{place}","dtype":"float"}}' for place in range(14))
    signature = Signature.parse(f'{{"features":[{features}],"output":{{"kind":"regression"}}}}')
    frame = pl.DataFrame(values[:31], schema=[f"f{place}" for place in range(14)], orient="row")
    shap = import_shap()
    direct = shap.LinearExplainer(fitted, shap.maskers.Independent(values[1:31], max_samples=30))

    named = make_model(tmp_path / "model.skops", "skops", signature, frame[:1], frame[1:])
    found = shap_task.attribute(named.job(output="value")).header

    assert found["algorithm"] == "linear, interventional"
    assert found["contributions"] == pytest.approx(direct.shap_values(values[:1])[0].tolist(), abs=1e-9)
    assert found["base_value"] == pytest.approx(float(direct.expected_value), abs=1e-9)

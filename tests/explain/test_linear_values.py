"""Models that add their features up: against shap's linear explainer on encoded columns, and which models those are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler

from audit_lab.explain.linear_values import additive_values, adds_up
from audit_lab.explain.shap_task import attribute
from audit_lab.explain.tree_values import import_shap

if TYPE_CHECKING:
    from conftest import Model

NUMBERS = np.random.default_rng(0).normal(size=(60, 4))
CLASSES, THREE = NUMBERS[:, 0] > 0, np.arange(60) % 3


class Ridge2(Ridge):
    """A linear model of somebody's own, which may predict as it likes."""


@pytest.mark.parametrize(
    ("estimator", "label", "expected"),
    [
        (LinearRegression(), NUMBERS[:, 1], True),
        (make_pipeline(StandardScaler(), LogisticRegression()), CLASSES, True),
        (
            make_pipeline(ColumnTransformer([("s", StandardScaler(), [0, 2])], remainder="passthrough"), Ridge()),
            CLASSES,
            True,
        ),
        (make_pipeline(FeatureUnion([("s", StandardScaler()), ("t", "passthrough")]), Ridge()), CLASSES, True),
        (make_pipeline(PolynomialFeatures(), Ridge()), CLASSES, False),
        (make_pipeline(PCA(2), Ridge()), CLASSES, False),
        (make_pipeline(FunctionTransformer(np.sort), Ridge()), CLASSES, False),
        (LogisticRegression(), THREE, False),
        (PoissonRegressor(), THREE, False),
        (RandomForestClassifier(2), CLASSES, False),
        (Ridge2(), CLASSES, False),
    ],
)
def test_only_linear_models_behind_steps_of_single_columns_add_up(
    estimator: Any, label: Any, *, expected: bool
) -> None:
    assert adds_up(estimator.fit(NUMBERS, label)) is expected


def test_what_is_no_estimator_does_not_add_up() -> None:
    assert not adds_up(object())
    assert not adds_up(LinearRegression())


def test_it_equals_shaps_linear_explainer_folded_back_to_recorded_features(pipeline: Model) -> None:
    import pandas as pd

    encode, model = pipeline.scorer().native[:-1], pipeline.scorer().native[-1]
    encoded = [encode.transform(pd.DataFrame(frame.to_dict())) for frame in (pipeline.row, pipeline.background)]
    own, background = (each.toarray() if hasattr(each, "toarray") else np.asarray(each) for each in encoded)
    shap = import_shap()
    direct = shap.LinearExplainer(model, shap.maskers.Independent(background, max_samples=len(background)))
    values, base = direct.shap_values(own)[0], float(direct.expected_value)

    answer = attribute(pipeline.job(output="log-odds")).header

    carrier, distance, hour, weekend = values[:4].sum(), *values[4:]
    assert answer["contributions"] == pytest.approx([carrier, distance, hour, weekend, 0.0], abs=1e-9)
    assert answer["base_value"] == pytest.approx(base, abs=1e-9)
    assert answer["library"] == "audit_lab"


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 99))
def test_of_a_sum_each_term_is_the_value(features: int, rows: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights, reference = generator.normal(size=features), generator.integers(0, 3, (rows, features)).astype(float)
    own = generator.integers(0, 3, features).astype(float)
    found = additive_values(lambda codes: np.exp(codes) @ weights, reference, own)
    assert found is not None
    assert found[0] == pytest.approx(weights * (np.exp(own) - np.exp(reference)).mean(axis=0), abs=1e-9)
    assert found[1] == pytest.approx((np.exp(reference) @ weights).mean())


def test_outputs_that_do_not_add_up_are_not_taken_for_a_sum() -> None:
    assert additive_values(lambda codes: codes[:, 0] * codes[:, 1], np.zeros((2, 2)), np.ones(2)) is None


def test_the_model_is_asked_once_for_each_feature_and_row_that_differ() -> None:
    asked: list[int] = []

    def scores(codes: Any) -> Any:
        asked.append(len(codes))
        return codes.sum(axis=1)

    additive_values(scores, np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 2.0]]), np.array([0.0, 1.0, 3.0]))
    assert asked == [2, 1, 3]


def test_a_linear_value_of_many_features_is_not_sampled(tmp_path: Any, make_model: type[Model]) -> None:
    import skops.io

    from audit_lab.replay.signature import Signature

    names = [f"f{place:02}" for place in range(20)]
    values = np.random.default_rng(1).normal(size=(80, 20))
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(values, values @ np.arange(20))
    skops.io.dump(fitted, tmp_path / "model.skops")
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in names)
    signature = Signature.parse(f'{{"features":[{features}],"output":{{"kind":"regression"}}}}')
    frame = pl.DataFrame(values[:11], schema=names, orient="row")
    job = make_model(tmp_path / "model.skops", "skops", signature, frame[:1], frame[1:]).job(output="value")

    found = attribute(job).header

    weights = fitted[-1].coef_ / fitted[0].scale_
    assert found["algorithm"] == "linear, interventional"
    assert found["contributions"] == pytest.approx(list(weights * (values[0] - values[1:11].mean(axis=0))), abs=1e-9)
    assert [name for name, *_ in found["checks"]] == ["additivity", "determinism", "familiarity"]


def test_one_hot_encoding_takes_categories_that_nobody_knew(pipeline: Model) -> None:
    row = pipeline.row.with_columns(carrier=pl.lit("ZZ"))
    found = attribute(pipeline.job(row, output="log-odds")).header
    assert found["algorithm"] == "linear, interventional"
    assert found["checks"][0][1]


def test_a_pipeline_of_columns_by_name_adds_up() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": pd.Series(["x", "y", "z"] * 4, dtype=object), "b": np.arange(12.0)})
    steps = make_column_transformer((OneHotEncoder(), ["a"]), (StandardScaler(), ["b"]), ("drop", []))
    assert adds_up(make_pipeline(steps, LogisticRegression()).fit(frame, np.arange(12) % 2))

"""Artifacts that run code when they are opened: explained when they are trusted by digest, as they are replayed."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def pickled() -> bytes:
    """A pipeline in a joblib file, over the features of the small log."""
    import joblib
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = pd.DataFrame(
        {
            "income": [float(1000 + 200 * row) for row in range(40)],
            "city": pd.Series(["Bern", "Oslo", "Rome", "Oslo"] * 10, dtype=object),
            "years": [row % 7 for row in range(40)],
        }
    )
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), (StandardScaler(), ["income", "years"])
    )
    fitted = make_pipeline(encode, LogisticRegression()).fit(frame, ["bad"] * 20 + ["good"] * 20)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    return buffer.getvalue()


@pytest.fixture
def log(make_log: Callable[..., Path], pickled: bytes) -> Path:
    def registered(versions: pl.DataFrame) -> pl.DataFrame:
        digest = hashlib.sha256(pickled).hexdigest()
        return versions.with_columns(artifact_sha256=pl.lit(digest), artifact_format=pl.lit("joblib"))

    return make_log(artifact=pickled, model_versions=registered)


def test_a_trusted_pickle_is_explained_and_any_other_is_refused(log: Path, pickled: bytes) -> None:
    decision, trust = al.open(log).decision("p-030"), [f"sha256:{hashlib.sha256(pickled).hexdigest()}"]

    for asked in (decision.explain, decision.agreement):
        with pytest.raises(ModelError, match="runs code when it is opened"):
            asked()
    with pytest.raises(ModelError, match="runs code when it is opened"):
        decision.explain(trust=["sha256:" + "0" * 64])

    shap, both = decision.explain(trust=trust), decision.agreement(trust=trust)

    assert shap.artifact_sha256 == hashlib.sha256(pickled).hexdigest()
    assert shap.contributions[0].feature == "income"
    assert abs(shap.contributions[0].contribution) > 0.01
    assert (both.shap, both.lime) == (shap, decision.explain("lime", trust=trust))


def test_types_of_a_skops_file_are_trusted_by_name(make_log: Callable[..., Path]) -> None:
    import numpy as np
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"income": np.arange(40.0) * 200, "city": ["Oslo"] * 40, "years": np.arange(40) % 7})
    encode = make_column_transformer(("passthrough", ["income", "years"]))
    fitted = make_pipeline(encode, DecisionTreeClassifier(max_depth=2)).fit(frame, ["bad"] * 20 + ["good"] * 20)
    content = skops.io.dumps(fitted)

    def registered(versions: pl.DataFrame) -> pl.DataFrame:
        digest = hashlib.sha256(content).hexdigest()
        return versions.with_columns(artifact_sha256=pl.lit(digest), artifact_format=pl.lit("skops"))

    decision = al.open(make_log(artifact=content, model_versions=registered)).decision("p-030")
    with pytest.raises(ModelError, match=r"sklearn\.tree\._tree\.Tree"):
        decision.explain()
    assert decision.explain(trusted_types=["sklearn.tree._tree.Tree"]).contributions[1].contribution == pytest.approx(
        0.0, abs=1e-15
    )

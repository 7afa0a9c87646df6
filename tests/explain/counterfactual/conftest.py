"""Two small logs with real models, and the decision of each model worked out apart from the package."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
CITIES = ("Bern", "Oslo", "Rome")


@dataclass(frozen=True)
class Case:
    """A log, its inputs, and what its model, threshold and rules decide of a row by the library's own call."""

    folder: Path
    inputs: pl.DataFrame
    decide: Callable[[dict[str, Any]], str]

    def ask(self, number: int, **asked: Any) -> Any:
        return al.open(self.folder).decision(f"p-{number:03d}").counterfactual(**asked)

    def row(self, number: int) -> dict[str, Any]:
        return self.inputs.drop("prediction_id", "recorded_at").row(number, named=True)


@pytest.fixture
def trees(make_log, small_model) -> Case:
    """Forty loans decided by boosted trees over income (float), city (text) and years (int), and one rule."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(small_model.artifact))

    def decide(row: dict[str, Any]) -> str:
        values = np.array([[row["income"], CITIES.index(row["city"]), row["years"]]], dtype=np.float32)
        score = booster.predict(xgboost.DMatrix(values, feature_names=["income", "city", "years"]))[0]
        return "deny" if row["years"] < 2 or score >= 0.5 else "approve"

    folder = make_log()
    return Case(folder, al.open(folder).inputs("loans").collect(), decide)


@pytest.fixture(scope="session")
def fitted() -> tuple[bytes, pl.DataFrame, Any]:
    """A logistic pipeline with text, number, whole number and truth value, its bytes and its rows."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    generator = np.random.default_rng(11)
    rows = 60
    frame = pl.DataFrame(
        {
            "income": generator.uniform(1_000, 9_000, rows).round(1),
            "city": [CITIES[code] for code in generator.integers(0, 3, rows)],
            "years": generator.integers(0, 20, rows),
            "owner": generator.integers(0, 2, rows).astype(bool),
        }
    )
    risk = -frame["income"].to_numpy() / 2_000 - frame["owner"].to_numpy() - frame["years"].to_numpy() / 10 + 4
    pipeline = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(categories=[list(CITIES)]), ["city"]),
            (StandardScaler(), ["income", "years"]),
            remainder="passthrough",
        ),
        LogisticRegression(),
    )
    pipeline.fit(pd.DataFrame(frame.to_dict(as_series=False)), (risk > 0).astype(int))
    return skops.io.dumps(pipeline), frame, pipeline


@pytest.fixture
def linear(fitted, tmp_path) -> Case:
    """Sixty loans decided by a logistic regression; nobody without a home of their own gets one under two years."""
    import pandas as pd

    artifact, frame, pipeline = fitted

    def rule(row: dict[str, Any]) -> bool:
        return row["years"] < 2 and not row["owner"]

    def decide(row: dict[str, Any]) -> str:
        return "deny" if rule(row) or pipeline.predict_proba(pd.DataFrame([row]))[0, 1] >= 0.5 else "approve"

    rows = frame.to_dicts()
    scores = [float(each) for each in pipeline.predict_proba(pd.DataFrame(rows))[:, 1]]
    ids = [f"p-{number:03d}" for number in range(len(rows))]
    times = [START + timedelta(hours=number) for number in range(len(rows))]
    inputs = frame.select(pl.Series("prediction_id", ids), pl.Series("recorded_at", times), pl.all())
    signature = {
        "features": [
            {"name": "income", "dtype": "float", "unit": "EUR"},
            {"name": "city", "dtype": "str", "categories": list(CITIES)},
            {"name": "years", "dtype": "int", "unit": "year"},
            {"name": "owner", "dtype": "bool"},
        ],
        "output": {
            "kind": "probability",
            "positive": "1",
            "negative": "0",
            "decisions": {"1": "deny", "0": "approve"},
        },
    }
    tables = {
        "predictions": pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": "loans",
                "model_version": "1",
                "outputs": [{"score": each, "label": str(int(each >= 0.5))} for each in scores],
                "threshold": 0.5,
                "decision": [
                    "deny" if rule(row) or each >= 0.5 else "approve" for row, each in zip(rows, scores, strict=True)
                ],
                "decision_rule": ["newcomer" if rule(row) else "threshold" for row in rows],
            }
        ),
        "inputs/loans": inputs,
        "model_versions": pl.DataFrame(
            {
                "model_name": ["loans"],
                "model_version": ["1"],
                "recorded_at": [START - timedelta(days=1)],
                "artifact_uri": ["artifacts/loans-1.skops"],
                "artifact_sha256": [hashlib.sha256(artifact).hexdigest()],
                "artifact_format": ["skops"],
                "signature": [json.dumps(signature)],
                "output_kind": ["probability"],
                "threshold": [0.5],
                "decision_rules": [
                    json.dumps(
                        [{"name": "newcomer", "when": "inputs.years < 2 and not inputs.owner", "decision": "deny"}]
                    )
                ],
            }
        ),
    }
    folder = tmp_path / "linear"
    write_log(folder, tables, {"origin": "tests/linear", "description": "Sixty loans", "notes": ["Invented."]})
    (folder / "artifacts").mkdir(exist_ok=True)
    (folder / "artifacts" / "loans-1.skops").write_bytes(artifact)
    return Case(folder, inputs, decide)


@pytest.fixture(params=["trees", "linear"])
def case(request) -> Case:
    return request.getfixturevalue(request.param)

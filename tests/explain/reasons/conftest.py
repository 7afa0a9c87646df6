"""A log whose model ignores the twins of its true causes, and what its reasons are made of."""

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
from audit_lab.explain.reasons import ReasonCodes, reasons_of_decision
from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit_lab.explain.reasons import Reasons

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
CITIES = ("Bern", "Oslo", "Rome")
NAMES = ("income", "income_copy", "city", "in_rome", "grade", "years")
ROWS = 60
RULE = {"name": "newcomer", "when": "inputs.years < 2", "decision": "deny"}
OUTPUTS: dict[str, dict[str, Any]] = {
    "bad": {"kind": "probability", "positive": "bad", "negative": "good"},
    "good": {"kind": "probability", "positive": "good", "negative": "bad"},
    "classes": {"kind": "multiclass", "classes": ["good", "slow", "bad"]},
}
CODES = {
    "format": "audit_lab.reason-codes",
    "format_version": 1,
    "version": "test-1",
    "model": "loans",
    "adverse_decisions": ["deny"],
    "features": [
        {"feature": "income", "code": "I1", "reason": "Income too low", "direction": "lower"},
        {"feature": "income", "code": "I2", "reason": "Income too high", "direction": "higher"},
        {"feature": "income_copy", "code": "X1", "reason": "Twin of income"},
        {"feature": "city", "code": "P1", "reason": "Place"},
        {"feature": "in_rome", "code": "X2", "reason": "Twin of place"},
        {"feature": "grade", "code": "X3", "reason": "Grade"},
    ],
}


def features(rows: int, seed: int, *, grades: bool) -> pl.DataFrame:
    """Inputs: a copy of income, a one-hot twin of city, and grades that vary in training only."""
    generator = np.random.default_rng(seed)
    income = generator.uniform(1_000, 9_000, rows).round(2)
    city = [CITIES[code] for code in generator.integers(0, 3, rows)]
    return pl.DataFrame(
        {
            "income": income,
            "income_copy": income,
            "city": city,
            "in_rome": [each == "Rome" for each in city],
            "grade": generator.integers(1, 10, rows) if grades else np.full(rows, 7),
            "years": generator.integers(0, 20, rows),
        }
    )


def matrix(frame: pl.DataFrame) -> Any:
    import xgboost

    columns = [frame[name] for name in NAMES]
    columns[2] = pl.Series([CITIES.index(city) for city in frame["city"]])
    numbers = np.column_stack([column.cast(pl.Float64) for column in columns]).astype(np.float32)
    return xgboost.DMatrix(numbers, feature_names=list(NAMES))


def train(output: str) -> Any:
    import xgboost

    frame = features(800, seed=1, grades=True)
    worse = 2.0 * (frame["income"] < 4_000) + 2.0 * frame["in_rome"] + (frame["grade"] < 4) + (frame["years"] < 6)
    label = {"bad": worse > 2, "good": worse <= 2, "classes": (worse > 1).cast(pl.Int8) + (worse > 2)}[output]
    objective = {"objective": "binary:logistic"}
    if output == "classes":
        objective = {"objective": "multi:softprob", "num_class": 3}
    data = matrix(frame)
    data.set_label(label.to_numpy().astype(float))
    return xgboost.train({**objective, "max_depth": 4, "nthread": 1, "seed": 1}, data, num_boost_round=20)


@dataclass
class Twins:
    """The log, its booster, its inputs with ids, and its predictions."""

    log: al.AuditLog
    booster: Any
    inputs: pl.DataFrame
    predictions: pl.DataFrame

    def scores(self, frame: pl.DataFrame) -> np.ndarray:
        """Score rows with the booster itself, in this process."""
        return np.asarray(self.booster.predict(matrix(frame)), dtype=float)

    def ids(self, decision: str, rule: str | None = None, *, rows: int = 20) -> list[str]:
        """Ids by decision and rule that have at least so many decisions before them."""
        found = self.predictions.slice(rows).filter(pl.col("decision") == decision)
        return found.filter(pl.col("decision_rule") == rule if rule else True)["prediction_id"].to_list()

    def reasons(self, prediction_id: str, codes: dict[str, Any] | None = None) -> Reasons:
        """Ask for the reasons of a decision."""
        decision = self.log.decision(prediction_id)
        named = ReasonCodes.parse(json.dumps(codes or CODES).encode())
        return reasons_of_decision(decision._store, decision._parts, named)


def make_twins(folder: Path, output: str) -> Twins:
    booster, frame = train(output), features(ROWS, seed=2, grades=False)
    found = np.asarray(booster.predict(matrix(frame)), dtype=float)
    ids, times = [f"p-{row:03d}" for row in range(ROWS)], [START + timedelta(hours=row) for row in range(ROWS)]
    stated = OUTPUTS[output]
    if output == "classes":
        labels = [stated["classes"][place] for place in found.argmax(axis=1)]
        by_threshold, scores = "label", found.max(axis=1)
    else:
        labels = [stated["positive"] if score >= 0.5 else stated["negative"] for score in found]
        by_threshold, scores = "threshold", found
    ruled = [years < 2 for years in frame["years"]]
    decided = ["deny" if label == "bad" or rule else "approve" for label, rule in zip(labels, ruled, strict=True)]
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": times,
            "recorded_at": times,
            "model_name": ["loans"] * ROWS,
            "model_version": ["1"] * ROWS,
            "outputs": [{"score": float(score), "label": label} for score, label in zip(scores, labels, strict=True)],
            "threshold": [0.5] * ROWS,
            "decision": decided,
            "decision_rule": ["newcomer" if rule else by_threshold for rule in ruled],
            "sequence": list(range(ROWS)),
            "writer_id": ["writer"] * ROWS,
        }
    )
    # The first decision is on record otherwise than the model gives it.
    wrong = pl.Series(["approve" if decided[0] == "deny" else "deny", *decided[1:]])
    predictions = predictions.with_columns(decision=wrong)
    denied = predictions.filter(pl.col("decision") == "deny")["prediction_id"].to_list()
    approved = predictions.filter(pl.col("decision") == "approve")["prediction_id"].to_list()
    artifact = bytes(booster.save_raw("ubj"))
    dtypes = {"city": "str", "in_rome": "bool", "grade": "int", "years": "int"}
    signature = {
        "features": [{"name": name, "dtype": dtypes.get(name, "float")} for name in NAMES],
        "output": {**stated, "decisions": {"bad": "deny", "good": "approve", "slow": "approve"}},
    }
    signature["features"][2]["categories"] = list(CITIES)
    signature["features"][0]["unit"] = "EUR"
    times_after = [START + timedelta(days=30)] * 2
    tables = {
        "predictions": predictions,
        "inputs/loans": frame.select(pl.Series("prediction_id", ids), pl.Series("recorded_at", times), pl.all()),
        "model_versions": pl.DataFrame(
            {
                "model_name": ["loans"],
                "model_version": ["1"],
                "recorded_at": [START - timedelta(days=1)],
                "artifact_uri": ["artifacts/loans-1.ubj"],
                "artifact_sha256": [hashlib.sha256(artifact).hexdigest()],
                "artifact_format": ["xgboost-ubj"],
                "signature": [json.dumps(signature)],
                "output_kind": [stated["kind"]],
                "threshold": [0.5],
                "decision_rules": [json.dumps([RULE])],
            }
        ),
        "overrides": pl.DataFrame(
            {
                "prediction_id": [denied[-1], approved[-1]],
                "kind": ["override"] * 2,
                "actor": ["a.person"] * 2,
                "role": ["officer"] * 2,
                "reason": ["income shown", "papers missing"],
                "decision_before": ["deny", "approve"],
                "decision_after": ["approve", "deny"],
                "recorded_at": times_after,
            }
        ),
    }
    write_log(folder, tables, {"origin": "tests/twins", "description": "Sixty loans", "notes": ["Invented."]})
    (folder / "artifacts").mkdir(exist_ok=True)
    (folder / "artifacts" / "loans-1.ubj").write_bytes(artifact)
    return Twins(al.open(folder), booster, frame.select(pl.Series("prediction_id", ids), pl.all()), predictions)


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Twins]:
    """Return a function that makes the log with one of `OUTPUTS`, once each."""
    made: dict[str, Twins] = {}

    def make(output: str = "bad") -> Twins:
        if output not in made:
            made[output] = make_twins(tmp_path_factory.mktemp(output) / "log", output)
        return made[output]

    return make

"""Generated logs of two versions, and what a test needs to take the same decisions by hand, with the library itself."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2024, 3, 4, tzinfo=UTC)
CITIES = ("Bern", "Oslo", "Rome")
FEATURES = ("income", "city", "years")
RULES = {
    "1": [{"name": "newcomer", "when": "inputs.years < 2", "decision": "deny"}],
    "2": [{"name": "rich", "when": "inputs.income > 8000 AND score < 0.9", "decision": "approve"}],
}
THRESHOLDS = {"1": 0.5, "2": 0.45}
SIGNATURE = {
    "features": [
        {"name": "income", "dtype": "float", "unit": "EUR"},
        {"name": "city", "dtype": "str", "categories": list(CITIES)},
        {"name": "years", "dtype": "int", "unit": "year"},
    ],
    "output": {
        "kind": "probability",
        "positive": "bad",
        "negative": "good",
        "decisions": {"bad": "deny", "good": "approve"},
    },
}
ROWS = 160
#: What the rules of the tests say, in Python; a comparison with a missing value does not hold.
CONDITIONS = {
    "newcomer": lambda row, score: row["years"] is not None and row["years"] < 2,
    "rich": lambda row, score: row["income"] is not None and row["income"] > 8000 and score < 0.9,
    "roman": lambda row, score: row["city"] == "Rome",
}


@dataclass
class Version:
    """A version as the test itself runs it."""

    booster: Any
    artifact: bytes
    threshold: float
    rules: list[dict[str, str]]

    def scores(self, rows: list[dict[str, Any]]) -> list[float]:
        import xgboost

        nan = float("nan")
        matrix = [
            [
                nan if row["income"] is None else row["income"],
                CITIES.index(row["city"]) if row["city"] in CITIES else nan,
                nan if row["years"] is None else row["years"],
            ]
            for row in rows
        ]
        data = xgboost.DMatrix(np.array(matrix, dtype=np.float32), feature_names=list(FEATURES))
        return [float(score) for score in self.booster.predict(data)]

    def decide(self, row: dict[str, Any], score: float, threshold: float | None, rules: list[Any]) -> tuple[str, str]:
        """Return rule and decision."""
        for rule in rules:
            if CONDITIONS[rule["name"]](row, score):
                return rule["name"], rule["decision"]
        return "threshold", "deny" if score >= (self.threshold if threshold is None else threshold) else "approve"


@dataclass
class Generated:
    """A log, what it holds, and which of its predictions cannot be decided and why."""

    folder: Path
    rows: list[dict[str, Any]]
    versions: dict[str, Version]
    fallen: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Any:
        return al.open(self.folder)


@pytest.fixture(scope="session")
def versions() -> dict[str, Version]:
    import xgboost

    generator = np.random.default_rng(3)
    codes = generator.integers(0, len(CITIES), 400)
    income, years = generator.uniform(1_000, 9_000, 400), generator.integers(0, 20, 400)
    matrix = np.column_stack([income, codes, years]).astype(np.float32)
    made = {}
    for version, labels in (("1", income + 200 * years < 5_500), ("2", income - 900 * codes + 150 * years < 4_500)):
        data = xgboost.DMatrix(matrix, label=labels.astype(int), feature_names=list(FEATURES))
        parameters = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1}
        booster = xgboost.train(parameters, data, num_boost_round=6)
        made[version] = Version(booster, bytes(booster.save_raw("ubj")), THRESHOLDS[version], RULES[version])
    return made


@pytest.fixture
def generate(tmp_path, versions):
    """Return a function that writes a log from a seed: two versions, gaps, faults and overrides among its rows."""

    def make(seed: int) -> Generated:
        draw = random.Random(seed)
        rows = [_drawn(draw, number) for number in range(ROWS)]
        for version, runs in versions.items():
            mine = [row for row in rows if row["version"] == version]
            for row, score in zip(mine, runs.scores(mine), strict=True):
                row["score"] = score
                row["rule"], row["decision"] = runs.decide(row, score, row["threshold"], runs.rules)
        made = Generated(tmp_path / f"log-{seed}", rows, versions)
        _spoil(draw, made)
        _write(made, draw)
        return made

    return make


def _drawn(draw: random.Random, number: int) -> dict[str, Any]:
    return {
        "prediction_id": f"p-{number:03d}",
        "occurred_at": START + timedelta(hours=number),
        "version": draw.choice("12"),
        "subject_id": None if draw.random() < 0.1 else f"s-{draw.randrange(40):02d}",
        "income": None if draw.random() < 0.1 else round(draw.uniform(1_000, 9_500), 2),
        "city": draw.choice([*CITIES, "Roma", None]),
        "years": None if draw.random() < 0.1 else draw.randrange(20),
        "threshold": draw.choice([None, 0.3, 0.5, 0.7]),
        "recorded_score": None,
    }


def _spoil(draw: random.Random, made: Generated) -> None:
    """Make some predictions such that they cannot be replayed, or are not what was recorded."""
    chosen = draw.sample(range(ROWS), 8)
    for number in chosen[:3]:
        made.rows[number]["recorded_score"] = made.rows[number]["score"] / 2 + 0.1
        made.fallen[made.rows[number]["prediction_id"]] = "score-differs"
    for number in chosen[3:6]:
        made.fallen[made.rows[number]["prediction_id"]] = "inputs-missing"
    for number in chosen[6:]:
        made.rows[number]["decision"] = {"deny": "approve", "approve": "deny"}[made.rows[number]["decision"]]
        made.fallen[made.rows[number]["prediction_id"]] = "decision-differs"


def _write(made: Generated, draw: random.Random) -> None:
    rows = made.rows
    recorded = [row["score"] if row["recorded_score"] is None else row["recorded_score"] for row in rows]
    predictions = pl.DataFrame(
        {
            "prediction_id": [row["prediction_id"] for row in rows],
            "occurred_at": [row["occurred_at"] for row in rows],
            "recorded_at": [row["occurred_at"] for row in rows],
            "model_name": ["loans"] * len(rows),
            "model_version": [row["version"] for row in rows],
            "subject_id": [row["subject_id"] for row in rows],
            "outputs": [{"score": score} for score in recorded],
            "threshold": pl.Series([row["threshold"] for row in rows], dtype=pl.Float64),
            "decision": [row["decision"] for row in rows],
            "decision_rule": [row["rule"] for row in rows],
            "environment": [draw.choice(["production", "canary"]) for _ in rows],
        }
    )
    for row, environment in zip(rows, predictions["environment"], strict=True):
        row["environment"] = environment
    there = [row for row in rows if made.fallen.get(row["prediction_id"]) != "inputs-missing"]
    inputs = pl.DataFrame(
        {name: [row[name] for row in there] for name in ("prediction_id", *FEATURES)},
        schema={"prediction_id": pl.String, "income": pl.Float64, "city": pl.String, "years": pl.Int64},
    ).with_columns(recorded_at=pl.lit(START))
    digests = {name: hashlib.sha256(each.artifact).hexdigest() for name, each in made.versions.items()}
    registry = pl.DataFrame(
        {
            "model_name": ["loans"] * 2,
            "model_version": list(made.versions),
            "recorded_at": [START - timedelta(days=1)] * 2,
            "artifact_uri": [f"artifacts/{name}.ubj" for name in made.versions],
            "artifact_sha256": list(digests.values()),
            "artifact_format": ["xgboost-ubj"] * 2,
            "signature": [json.dumps(SIGNATURE)] * 2,
            "output_kind": ["probability"] * 2,
            "threshold": [each.threshold for each in made.versions.values()],
            "decision_rules": [json.dumps(each.rules) for each in made.versions.values()],
        }
    )
    overridden = draw.sample(range(ROWS), 60)
    overrides = pl.DataFrame(
        {
            "prediction_id": [rows[number]["prediction_id"] for number in overridden],
            "recorded_at": [START + timedelta(days=40)] * len(overridden),
            "decision_before": [rows[number]["decision"] for number in overridden],
            "decision_after": ["approve"] * len(overridden),
        }
    )
    for number in overridden:
        rows[number]["overridden_to"] = "approve"
    tables = {
        "predictions": predictions,
        "inputs/loans": inputs,
        "model_versions": registry,
        "overrides": overrides,
    }
    write_log(made.folder, tables, {"origin": "tests/generated", "description": "Generated", "notes": ["Invented."]})
    (made.folder / "artifacts").mkdir()
    for name, each in made.versions.items():
        (made.folder / "artifacts" / f"{name}.ubj").write_bytes(each.artifact)

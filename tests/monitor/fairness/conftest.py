"""A log whose groups, decisions and outcomes a test states itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
SIGNATURE = {
    "features": [{"name": "sex", "dtype": "str"}, {"name": "age", "dtype": "float"}],
    "output": {
        "kind": "probability",
        "positive": "bad",
        "negative": "good",
        "decisions": {"bad": "deny", "good": "approve"},
    },
}


@pytest.fixture
def grouped_log(tmp_path):
    """Return a function that writes and opens a log of decisions an hour apart.

    Each row is (sex, age, is approved, what came true or None); inputs may be changed.
    """

    def make(rows, *, inputs=None, predictions=None, signature=SIGNATURE, overrides=None):
        sexes, ages, approved, true = (list(side) for side in zip(*rows, strict=True))
        ids = [f"p-{place:05d}" for place in range(len(rows))]
        times = [START + timedelta(hours=place) for place in range(len(rows))]
        own = pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": "loans",
                "model_version": "1",
                "outputs": [
                    {"score": 0.2 if yes else 0.8, "label": "good" if yes else "bad", "probabilities": None}
                    for yes in approved
                ],
                "decision": ["approve" if yes else "deny" for yes in approved],
            }
        )
        features = pl.DataFrame(
            {"prediction_id": ids, "recorded_at": times, "sex": sexes, "age": ages},
            schema_overrides={"sex": pl.String, "age": pl.Float64},
        )
        outcomes = pl.DataFrame(
            {"prediction_id": ids, "observed_at": times, "recorded_at": times, "label": true},
            schema_overrides={"label": pl.String},
        ).drop_nulls("label")
        registry = pl.DataFrame(
            {
                "model_name": ["loans"],
                "model_version": ["1"],
                "recorded_at": [START - timedelta(days=1)],
                "signature": [None if signature is None else json.dumps(signature)],
            },
            schema_overrides={"signature": pl.String},
        )
        tables = {
            "predictions": own if predictions is None else predictions(own),
            "inputs/loans": features if inputs is None else inputs(features),
            "outcomes": outcomes,
            "model_versions": registry,
        }
        if overrides is not None:
            tables["overrides"] = pl.DataFrame(overrides)
        folder = tmp_path / f"log-{len(list(tmp_path.iterdir()))}"
        write_log(folder, tables, {"origin": "tests/grouped", "description": "Grouped", "notes": []})
        return al.open(folder)

    return make

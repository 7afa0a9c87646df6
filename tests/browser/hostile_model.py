"""A log of a model that runs: what its features and their values are called, and all that it says, is hostile."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from hostile_columns import RUNS

from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AFTER", "BEFORE", "CHANGED", "FEATURES", "write_hostile_model"]

#: The two weeks that it decided in, between which its inputs move.
BEFORE, AFTER = ("2026-01-05", "2026-01-12"), ("2026-02-02", "2026-02-09")
_WEEKS = (datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 2, 2, 12, tzinfo=UTC))
_ROWS = 80
_NAME, _VERSION = (f"model.{name} {RUNS}" for name in ("name", "version"))
_LABELS = [f"label.{name} {RUNS}" for name in ("good", "bad")]
_DECISIONS = [f"decision.{name} {RUNS}" for name in ("approve", "deny")]
_TEXTS = [f"value.{number} {RUNS}" for number in range(3)]
#: A number and a text that the model takes.
FEATURES = (f"feature.number {RUNS}", f"feature.text {RUNS}")
#: Another value of one of them, to ask the model with.
CHANGED = {FEATURES[1]: _TEXTS[2]}


def write_hostile_model(folder: Path) -> None:
    """Write the log, with the artifact of its model, into a folder."""
    import xgboost

    generator = np.random.default_rng(3)
    codes = generator.integers(0, len(_TEXTS), 2 * _ROWS)
    numbers = np.concatenate([generator.uniform(0, 6, _ROWS), generator.uniform(4, 10, _ROWS)]).round(2)
    matrix = np.column_stack([numbers, codes]).astype(np.float32)
    answers = (numbers + codes > 6).astype(int)
    data = xgboost.DMatrix(matrix, label=answers)  # the library takes no such names
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1, "seed": 1}, data, 8)
    scores = booster.predict(data)
    artifact = bytes(booster.save_raw("ubj"))
    ids = [f"id {row:03d} {RUNS}" for row in range(2 * _ROWS)]
    times = [start + timedelta(hours=2 * row) for start in _WEEKS for row in range(_ROWS)]
    labels = [_LABELS[int(score >= 0.5)] for score in scores]
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": times,
            "recorded_at": times,
            "model_name": _NAME,
            "model_version": _VERSION,
            "outputs": [{"score": float(one), "label": label} for one, label in zip(scores, labels, strict=True)],
            "threshold": 0.5,
            "decision": [_DECISIONS[_LABELS.index(label)] for label in labels],
            "decision_rule": "threshold",
        }
    )
    signature = {
        "features": [
            {"name": FEATURES[0], "dtype": "float", "unit": f"unit {RUNS}"},
            {"name": FEATURES[1], "dtype": "str", "categories": _TEXTS},
        ],
        "output": {
            "kind": "probability",
            "negative": _LABELS[0],
            "positive": _LABELS[1],
            "decisions": dict(zip(_LABELS, _DECISIONS, strict=True)),
        },
    }
    version = pl.DataFrame(
        {
            "model_name": [_NAME],
            "model_version": [_VERSION],
            "recorded_at": [_WEEKS[0] - timedelta(days=1)],
            "artifact_uri": ["model.ubj"],
            "artifact_sha256": [hashlib.sha256(artifact).hexdigest()],
            "artifact_format": ["xgboost-ubj"],
            "signature": [json.dumps(signature)],
            "output_kind": ["probability"],
            "threshold": [0.5],
        }
    )
    texts = [_TEXTS[code] for code in codes]
    inputs = pl.DataFrame({"prediction_id": ids, "recorded_at": times, FEATURES[0]: numbers, FEATURES[1]: texts})
    tables = {"predictions": predictions, f"inputs/{_NAME}": inputs, "model_versions": version}
    write_log(folder, tables, {"origin": f"origin {RUNS}", "description": RUNS, "notes": [RUNS]})
    (folder / "model.ubj").write_bytes(artifact)

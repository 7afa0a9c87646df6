"""Logs whose scores, outcomes and overrides a test states itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
BINARY = {
    "kind": "probability",
    "positive": "bad",
    "negative": "good",
    "decisions": {"bad": "deny", "good": "approve"},
}


def registered(output, version="1"):
    signature = {"features": [{"name": "x", "dtype": "float"}], "output": output}
    return {
        "model_name": "loans",
        "model_version": version,
        "recorded_at": START - timedelta(days=1),
        "signature": json.dumps(signature),
        "output_kind": output["kind"],
    }


@pytest.fixture
def judged_log(tmp_path):
    """Return a function that writes and opens a log of predictions, an hour apart, with their outcomes a day later.

    An outcome is a label or None for none; `predictions`, `outcomes` and `overrides` change or replace the tables.
    """

    def make(
        scores, labels, *, output=BINARY, threshold=0.5, predictions=None, outcomes=None, overrides=None, versions=None
    ):
        rows = len(scores)
        times = [START + timedelta(hours=row) for row in range(rows)]
        ids = [f"p-{row:04d}" for row in range(rows)]
        said = [None if score is None else "bad" if score >= threshold else "good" for score in scores]
        own = pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": ["loans"] * rows,
                "model_version": ["1"] * rows,
                "outputs": [{"score": score, "label": label} for score, label in zip(scores, said, strict=True)],
                "threshold": [threshold] * rows,
                "decision": [None if label is None else {"bad": "deny", "good": "approve"}[label] for label in said],
            },
            schema_overrides={
                "outputs": pl.Struct({"score": pl.Float64, "label": pl.String}),
                "decision": pl.String,
            },
        )
        seen = [time + timedelta(days=1) for time in times]
        true = pl.DataFrame(
            {"prediction_id": ids, "observed_at": seen, "recorded_at": seen, "label": labels},
            schema_overrides={"label": pl.String},
        ).drop_nulls("label")
        tables = {
            "predictions": own if predictions is None else predictions(own),
            "outcomes": true if outcomes is None else outcomes(true),
            "model_versions": pl.DataFrame(versions or [registered(output)]),
        }
        if overrides is not None:
            tables["overrides"] = pl.DataFrame(overrides)
        folder = tmp_path / f"log-{len(list(tmp_path.iterdir()))}"
        write_log(folder, tables, {"origin": "tests/judged", "description": "Judged", "notes": []})
        return al.open(folder)

    return make


@pytest.fixture
def value_of():
    """Return a function that finds the value of one measure of the only window, now."""

    def find(found, of, measure, *, known="now", estimated=False):
        rows = found.table.filter(of=of, measure=measure, known=known, estimated=estimated)
        assert rows.height == 1
        return rows["value"][0]

    return find

"""Groups of a batch's verdicts, held against the same counted row by row."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab.replay.batch_replay import BatchReplay
from audit_lab.replay.runner import RESULT_SCHEMA

COLUMNS = (*("prediction_id", "occurred_at", "model_name"), *("model_version", "verdict", "code", "distance", "ulps"))
KEYS = ("model_name", "model_version", "verdict", "code")
START = datetime(2025, 1, 1, tzinfo=UTC)


def drawn(seed):
    lot = random.Random(seed)
    return [
        {
            "prediction_id": lot.choice([None, *"abcdef"]),
            "occurred_at": lot.choice([None, *(START + timedelta(day) for day in range(4))]),
            "model_name": lot.choice([None, "m"]),
            "model_version": lot.choice([None, "1"]),
            "verdict": lot.choice(["EXACT", "DIVERGED"]),
            "code": lot.choice(["exact", None]),
            "distance": lot.choice([None, 0.1, 0.2]),
            "ulps": lot.choice([None, 1, 2]),
        }
        for _ in range(lot.choice([0, 1, 5, 60]))
    ]


def most(values):
    return max((value for value in values if value is not None), default=None)


@pytest.mark.parametrize("seed", range(40))
def test_each_group_names_its_earliest_prediction_whatever_is_missing(seed):
    rows = drawn(seed)
    frame = pl.DataFrame(rows, schema={name: RESULT_SCHEMA[name] for name in COLUMNS})
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in KEYS), []).append(row)

    def order(row):  # what is missing comes first
        at, ident = row["occurred_at"], row["prediction_id"]
        return (at is not None, at or START, ident is not None, ident or "")

    expected = {
        key: (len(own), most(r["distance"] for r in own), most(r["ulps"] for r in own), min(own, key=order))
        for key, own in groups.items()
    }
    found = BatchReplay(frame.lazy(), {}).groups
    assert found.columns == [*KEYS, "predictions", "largest_distance", "most_ulps", "first_id"]
    assert {tuple(row[:4]): tuple(row[4:]) for row in found.iter_rows()} == {
        key: (count, distance, ulps, first["prediction_id"]) for key, (count, distance, ulps, first) in expected.items()
    }

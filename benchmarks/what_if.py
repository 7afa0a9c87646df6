"""One input of a decision changed, to its picture: the warm child scores, both are explained, chart and SVG are made.

Run: ``.venv/bin/python benchmarks/what_if.py [--changes 25] [--trees 100] [--depth 6]``; the model is XGBoost's, and
the log has 2,000 decisions. Each change is one that was not asked before, of another value of one feature, from an
opened log and a reconstructed decision. Medians and 95th percentiles of all but the first, which starts the child.
``to_specification_ms`` ends with the Vega-Lite specification, which a browser draws; ``to_svg_ms`` with the SVG.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from result import keep

import audit_lab as al
from audit_lab.charts.beside import what_if_specification
from audit_lab.log.files.write import write_log

_ROWS = 2_000
_THRESHOLD = 0.5
_START = datetime(2024, 1, 1, tzinfo=UTC)


def made(folder: Path, features: int, trees: int, depth: int) -> Path:
    """Write a log of decisions over some features, decided by a booster that was trained on them."""
    import xgboost

    generator = np.random.default_rng(features)
    matrix = generator.normal(size=(_ROWS, features)).astype(np.float32)
    label = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.logistic(size=_ROWS) > 0
    names = [f"f{place:02}" for place in range(features)]
    data = xgboost.DMatrix(matrix, label=label, feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "seed": 0}, data, trees)
    content = bytes(booster.save_raw("ubj"))
    scores = [float(score) for score in booster.predict(data)]
    labels = ["yes" if score >= _THRESHOLD else "no" for score in scores]
    ids = [f"p-{place:04}" for place in range(_ROWS)]
    times = [_START + timedelta(minutes=place) for place in range(_ROWS)]
    signature = {
        "features": [{"name": name, "dtype": "float"} for name in names],
        "output": {"kind": "probability", "positive": "yes", "negative": "no"},
    }
    tables = {
        "predictions": pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": "made",
                "model_version": "1",
                "outputs": [{"score": score, "label": side} for score, side in zip(scores, labels, strict=True)],
                "threshold": _THRESHOLD,
                "decision": labels,
                "decision_rule": "threshold",
            }
        ),
        "inputs/made": pl.DataFrame({"prediction_id": ids, "recorded_at": times}).hstack(
            pl.DataFrame(matrix.astype(np.float64), schema=names, orient="row")
        ),
        "model_versions": pl.DataFrame(
            {
                "model_name": ["made"],
                "model_version": ["1"],
                "recorded_at": [_START - timedelta(days=1)],
                "artifact_uri": ["made.ubj"],
                "artifact_sha256": [hashlib.sha256(content).hexdigest()],
                "artifact_format": ["xgboost-ubj"],
                "signature": [json.dumps(signature)],
                "output_kind": ["probability"],
                "threshold": [_THRESHOLD],
            }
        ),
    }
    write_log(folder, tables, {"origin": "benchmarks/what-if", "description": "Made", "notes": ["Invented."]})
    (folder / "made.ubj").write_bytes(content)
    return folder


def measured(folder: Path, changes: int, **asked: Any) -> dict[str, float]:
    """Change one input again and again, and return how long each step took."""
    found = al.open(folder).decision(f"p-{_ROWS - 1:04}").what_if(**asked)
    taken: list[tuple[float, float, float]] = []
    for number in range(changes + 1):
        started = time.perf_counter()
        found = found.change({"f00": -1.5 + 3 * number / changes})
        answered = time.perf_counter()
        specification = what_if_specification(found)
        specified = time.perf_counter()
        al.charts.svg(specification)
        drawn = time.perf_counter()
        taken.append((answered - started, specified - started, drawn - started))
    result = {}
    for name, times in zip(("answer", "to_specification", "to_svg"), zip(*taken[1:], strict=True), strict=True):
        result[f"{name}_ms"] = round(1000 * statistics.median(times), 1)
        result[f"{name}_p95_ms"] = round(1000 * statistics.quantiles(times, n=20)[-1], 1)
    return result


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("changes", 25), ("trees", 100), ("depth", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["XDG_CACHE_HOME"] = f"{place}/cache"
        os.environ["XDG_STATE_HOME"] = f"{place}/state"
        logs = {
            features: made(Path(place) / f"log-{features}", features, arguments.trees, arguments.depth)
            for features in (8, 20)
        }
        ways: dict[str, tuple[int, dict[str, Any]]] = {
            "score_20_features": (20, {"explain": None}),
            "probability_8_features": (8, {}),
            "probability_20_features": (20, {}),
            "log_odds_20_features": (20, {"output": "log-odds"}),
        }
        results = {
            name: measured(logs[features], arguments.changes, **asked) for name, (features, asked) in ways.items()
        }
    for name, found in results.items():
        print(f"{name}: {found}")
    keep(__file__, results, changes=arguments.changes, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

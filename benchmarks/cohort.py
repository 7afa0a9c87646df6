"""SHAP values of 100,000 recorded decisions added up, beside the bare shap library on rows in memory.

Run: ``.venv/bin/python benchmarks/cohort.py [--rows 100000] [--trees 100] [--depth 6] [--rounds 3]``; the model has 20
features and is XGBoost's. Ours reads the decisions from the log, checks what keeps each from being explained, explains
them in the warm child, checks that each adds up and that its score is the recorded one, and folds means, bins, sample
and ends. Beside it shap's TreeExplainer, and XGBoost's own contributions, on a matrix that is in memory already, all
rows at once, and the means of their magnitudes. The ways run by turns, each in a process of its own; the best round of
each counts. Peak memory is that of the process, and of our child.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from made_log import DEFAULT_FOLDER, START, uuids
from result import keep

from audit_lab.log.files.write import write_log

_FEATURES = 20
_THRESHOLD = 0.5
_MODEL = "credit-line"


def made(folder: Path, rows: int, trees: int, depth: int) -> Path:
    """Write a log of decisions of one booster, once."""
    import xgboost

    log = folder / f"cohort-{rows}-{trees}-{depth}"
    if (log / "manifest.json").exists():
        return log
    generator = np.random.default_rng(20)
    numbers = generator.normal(size=(rows, _FEATURES)).astype(np.float32)
    label = numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + generator.logistic(size=rows) > 0
    names = [f"f{place:02}" for place in range(_FEATURES)]
    data = xgboost.DMatrix(numbers[:20_000], label=label[:20_000], feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "seed": 0}, data, trees)
    content = bytes(booster.save_raw("ubj"))
    scores = booster.inplace_predict(numbers).astype(np.float64)
    ids = uuids(generator, rows)
    times = [START + timedelta(minutes=place) for place in range(rows)]
    labels = np.where(scores >= _THRESHOLD, "bad", "good")
    signature = {
        "features": [{"name": name, "dtype": "float"} for name in names],
        "output": {"kind": "probability", "positive": "bad", "negative": "good"},
    }
    own = {"prediction_id": ids, "recorded_at": times}
    predictions = pl.DataFrame(
        {
            **own,
            "occurred_at": times,
            "model_name": [_MODEL] * rows,
            "model_version": ["1"] * rows,
            "outputs": pl.DataFrame({"score": scores, "label": labels}).to_struct(),
            "threshold": [_THRESHOLD] * rows,
            "decision": labels,
        }
    )
    version = pl.DataFrame(
        {
            "model_name": [_MODEL],
            "model_version": ["1"],
            "recorded_at": [START],
            "artifact_uri": ["artifacts/1.ubj"],
            "artifact_sha256": [hashlib.sha256(content).hexdigest()],
            "artifact_format": ["xgboost-ubj"],
            "signature": [json.dumps(signature)],
            "output_kind": ["probability"],
            "threshold": [_THRESHOLD],
        }
    )
    inputs = pl.DataFrame(own).hstack(pl.DataFrame(numbers.astype(np.float64), schema=names, orient="row"))
    tables = {"predictions": predictions, f"inputs/{_MODEL}": inputs, "model_versions": version}
    write_log(log, tables, {"origin": "benchmarks/cohort", "description": "Made for a benchmark", "notes": []})
    (log / "artifacts").mkdir(exist_ok=True)
    (log / "artifacts" / "1.ubj").write_bytes(content)
    return log


def ours(log: Path) -> dict[str, Any]:
    """Ask for the attributions of all decisions of the log."""
    import audit_lab as al

    opened = al.open(log)
    opened.attributions(rows=10)
    before = _peak_mb()
    started = time.perf_counter()
    found = opened.attributions()
    taken = time.perf_counter() - started
    sizes = {each.feature: each.size.mean for each in found.features}
    return {
        "seconds": taken,
        "warm_peak_mb": before,
        "peak_mb": _peak_mb(),
        "child_peak_mb": _peak_below_mb(os.getpid()),
        "digest": found.digest,
        "sizes": sizes,
        "checks": [check.passed for check in found.checks],
    }


def bare(log: Path, way: str) -> dict[str, Any]:
    """Explain the same rows by a library alone."""
    import shap
    import xgboost

    names = [f"f{place:02}" for place in range(_FEATURES)]
    frame = pl.read_parquet(log / "inputs" / "**" / "*.parquet").select(names)
    numbers = frame.to_numpy().astype(np.float32)
    del frame
    booster = xgboost.Booster(model_file=str(log / "artifacts" / "1.ubj"))
    explainer = shap.TreeExplainer(booster)
    before = _peak_mb()
    started = time.perf_counter()
    if way == "shap":
        values = explainer.shap_values(numbers, check_additivity=False)
    else:
        values = booster.predict(xgboost.DMatrix(numbers, feature_names=names), pred_contribs=True)[:, :-1]
    sizes = np.abs(values.astype(np.float64)).mean(axis=0)
    taken = time.perf_counter() - started
    return {
        "seconds": taken,
        "warm_peak_mb": before,
        "peak_mb": _peak_mb(),
        "sizes": dict(zip(names, map(float, sizes), strict=True)),
    }


def _peak_mb() -> int:
    """Return the most memory that this process has had, in megabytes."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


def _peak_below_mb(process: int) -> int:
    """Return the most memory that any process below another has had, in megabytes; by Linux's /proc."""
    parents, peaks = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            number = int(status.parent.name)
            parents[number] = int(fields["PPid"])
            peaks[number] = int(fields.get("VmHWM", "0 kB").split()[0])
    below = {process}
    while more := {number for number, parent in parents.items() if parent in below} - below:
        below |= more
    return round(max((peaks[number] for number in below - {process}), default=0) / 1000)


def in_a_process(log: Path, way: str) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--log", str(log)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 100_000), ("trees", 100), ("depth", 6), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--way", choices=["ours", "shap", "xgboost"])
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    if arguments.way:
        found = ours(arguments.log) if arguments.way == "ours" else bare(arguments.log, arguments.way)
        print(json.dumps(found))
        return
    log = made(arguments.folder, arguments.rows, arguments.trees, arguments.depth)
    results: dict[str, dict[str, Any]] = {}
    for _ in range(arguments.rounds):
        for way in ("ours", "shap", "xgboost"):
            found = in_a_process(log, way)
            print(f"{way}: {found['seconds']:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)
            if way not in results or found["seconds"] < results[way]["seconds"]:
                results[way] = found
    sizes = {way: found.pop("sizes") for way, found in results.items()}
    for way in ("shap", "xgboost"):
        results[way]["ratio"] = round(results["ours"]["seconds"] / results[way]["seconds"], 2)
        results[way]["distance"] = max(abs(sizes["ours"][name] - sizes[way][name]) for name in sizes[way])
    for name, found in results.items():
        found["seconds"] = round(found["seconds"], 3)
        print(f"{name}: {found}")
    keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

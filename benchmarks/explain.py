"""SHAP of 10,000 decisions of a tree model with 20 features, beside the bare shap library; then one decision.

Run: ``.venv/bin/python benchmarks/explain.py [--rows 10000] [--trees 100] [--depth 6]``; the model is XGBoost's.
Many rows are explained in the space of margins: against 100 background rows, and path-dependent by XGBoost itself; each
way beside shap's TreeExplainer called on a matrix in memory. Ours starts from recorded values, runs in the warm child,
and checks that each row adds up. Then one decision: its probability (sampled, with 20 features; enumerated, with 8) and
its log-odds, warm, and the same explanation asked again. Path-dependent the best of three, interventional once, and
medians for one decision.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from result import keep

from audit_lab.explain import BackgroundRows, explain
from audit_lab.explain.of_rows import explain_rows
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKGROUND = 100


def timed(ask: Callable[[], Any], times: int = 1) -> tuple[Any, float]:
    """Return an answer and the seconds of the fastest of several times."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        answer = ask()
        taken.append(time.perf_counter() - started)
    return answer, min(taken)


def model(features: int, trees: int, depth: int, rows: int) -> tuple[Any, pl.DataFrame, dict[str, Any]]:
    """Return a booster, rows to explain, and what `explain` needs to know of it."""
    import xgboost

    generator = np.random.default_rng(features)
    matrix = generator.normal(size=(max(rows, 20_000) + _BACKGROUND, features)).astype(np.float32)
    label = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.logistic(size=len(matrix)) > 0
    names = [f"f{place:02}" for place in range(features)]
    data = xgboost.DMatrix(matrix[:20_000], label=label[:20_000], feature_names=names)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "seed": 0}, data, trees)
    frame = pl.DataFrame(matrix.astype(np.float64), schema=names, orient="row")
    content = bytes(booster.save_raw("ubj"))
    signature = {
        "features": [{"name": name, "dtype": "float"} for name in names],
        "output": {"kind": "probability", "positive": "yes", "negative": "no"},
    }
    ids = tuple(f"b-{place}" for place in range(_BACKGROUND))
    about = {
        "signature": Signature.parse(json.dumps(signature)),
        "artifact": Artifact(hashlib.sha256(content).hexdigest(), "xgboost-ubj", content),
        "background": BackgroundRows(frame.tail(_BACKGROUND), ids, "0" * 64, "made"),
    }
    return booster, frame.head(rows), about


def many(rows: int, trees: int, depth: int) -> dict[str, Any]:
    """Explain many rows in both ways, beside the bare library."""
    import shap

    booster, frame, about = model(20, trees, depth, rows)
    matrix, background = frame.to_numpy(), about["background"].frame.to_numpy()
    results: dict[str, Any] = {}
    bare = {
        "interventional": lambda: shap.TreeExplainer(
            booster, shap.maskers.Independent(background, max_samples=_BACKGROUND)
        ).shap_values(matrix, check_additivity=False),
        "path-dependent": lambda: shap.TreeExplainer(booster).shap_values(matrix, check_additivity=False),
    }
    for name, ask in bare.items():
        explain_rows(frame.head(2), **about, perturbation=name)
        times = 1 if name == "interventional" else 3
        ours, ours_s = timed(lambda name=name: explain_rows(frame, **about, perturbation=name), times)
        values, bare_s = timed(ask, times)
        distance = float(np.abs(ours.contributions.to_numpy() - values).max())
        results[name] = {"ours_s": round(ours_s, 3), "bare_s": round(bare_s, 3), "ratio": round(ours_s / bare_s, 2)}
        results[name] |= {"distance": distance, "adds_up": ours.checks[0].passed}
    native, fastest = results["path-dependent"]["ours_s"], results["interventional"]["bare_s"]
    return results | {"native_against_bare_interventional": round(native / fastest, 4)}


def one(features: int, trees: int, depth: int, **more: Any) -> dict[str, float]:
    """Explain decisions one after the other, each twice: computed by the warm child, then asked again."""
    _, frame, about = model(features, trees, depth, 12)
    computed, again = [], []
    for place in range(frame.height):
        request = {**about, **more, "prediction_id": f"p-{place}", "inputs": frame.row(place, named=True)}
        computed.append(timed(lambda request=request: explain("shap", **request))[1])
        again.append(timed(lambda request=request: explain("shap", **request))[1])
    result = {"first": computed[0], "warm": statistics.median(computed[1:]), "again": statistics.median(again)}
    return {f"{name}_ms": round(1000 * value, 1) for name, value in result.items()}


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 10_000), ("trees", 100), ("depth", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    size = (arguments.trees, arguments.depth)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        results = {
            "many": many(arguments.rows, *size),
            "one_probability_8_features": one(8, *size),
            "one_probability_20_features": one(20, *size),
            "one_log_odds_20_features": one(20, *size, output="log-odds"),
            "one_path_dependent_20_features": one(20, *size, perturbation="path-dependent"),
        }
    for name, found in results.items():
        print(f"{name}: {found}")
    keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

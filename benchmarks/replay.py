"""Replay a million recorded predictions, beside the bare model's predict on the same rows already in memory.

Run: ``.venv/bin/python benchmarks/replay.py [--rows 1000000] [--trees 500] [--depth 8] [--repeats 3]``. Two versions
of one model with 20 features, one text among them: an XGBoost booster, and a scikit-learn pipeline (one-hot coding,
scaling, gradient boosted trees). Both score with all processors. The bare predict begins with the rows in memory as
they were recorded, text and all, so that the booster's first makes its matrix of numbers; from that matrix on it is
measured too. The replay reads the log, checks the artifact's digest, scores, decides again and compares each row to the
bit; the bare predict does nothing of that. It is measured with the log opened and the child started anew (its
interpreter, its libraries, its model), and asked again: with the child and the opened log from before, the rows read
again. Then single decisions: the first replay of a fresh process, and further ones with the child warm.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from made_log import CITIES, DEFAULT_FOLDER, FEATURES, MODEL, START, THRESHOLD, segment
from result import keep

import audit_lab as al
from audit_lab.log.files.write import write_log
from audit_lab.sandbox import kept

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = {FEATURES[0]: "str"}
SIGNATURE: dict[str, Any] = {
    "features": [
        {"name": name, "dtype": DTYPES.get(name, "float"), **({"categories": list(CITIES)} if name in DTYPES else {})}
        for name in FEATURES
    ],
    "output": {"kind": "probability", "positive": "bad", "negative": "good"},
}
VERSIONS = {"xgboost": "xgboost-ubj", "scikit-learn": "skops"}
#: What such a pipeline holds besides numbers, named as the replay's refusal names it.
TRUSTED = [
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


def codes(inputs: pl.DataFrame) -> np.ndarray:
    """Return the features as the booster takes them, float32."""
    coded = inputs[FEATURES[0]].replace_strict(list(CITIES), range(len(CITIES)), return_dtype=pl.Float64)
    return inputs.with_columns(coded).select(FEATURES).to_numpy().astype(np.float32)


def training_target(inputs: pl.DataFrame) -> np.ndarray:
    """Return 0 or 1, by a rule with noise that every feature has a part in."""
    generator = np.random.default_rng(3)
    numbers = inputs.select(FEATURES[1:]).to_numpy()
    standard = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    signal = (standard * generator.normal(size=19)).sum(axis=1) + generator.normal(size=len(numbers)) * 2
    return (signal > 0).astype(int)


def train_xgboost(inputs: pl.DataFrame, trees: int, depth: int) -> Any:
    """Train a booster."""
    import xgboost

    data = xgboost.DMatrix(codes(inputs), label=training_target(inputs), feature_names=FEATURES)
    return xgboost.train({"objective": "binary:logistic", "max_depth": depth, "seed": 1}, data, num_boost_round=trees)


def train_pipeline(inputs: pl.DataFrame) -> Any:
    """Train a pipeline of the kind that most scorecards are."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), [FEATURES[0]]), (StandardScaler(), FEATURES[1:])
    )
    trees = HistGradientBoostingClassifier(max_iter=300, early_stopping=False, random_state=1)
    target = np.where(training_target(inputs) == 1, "bad", "good")
    return make_pipeline(transformer, trees).fit(inputs.select(FEATURES).to_pandas(), target)


def bare(version: str, model: Any, inputs: pl.DataFrame) -> tuple[np.ndarray, dict[str, float]]:
    """Return scores, and the seconds of the library's own predict: ``bare`` on rows as recorded, ``bare_matrix``."""
    if version == "xgboost":
        import xgboost

        started = time.perf_counter()
        matrix = codes(inputs)
        coded = time.perf_counter()
        scores = model.predict(xgboost.DMatrix(matrix, feature_names=FEATURES))
        ended = time.perf_counter()
        return scores.astype(np.float64), {"bare": ended - started, "bare_matrix": ended - coded}
    frame = inputs.select(FEATURES).to_pandas()
    started = time.perf_counter()
    scores = model.predict_proba(frame)[:, list(model.classes_).index("bad")]
    return scores.astype(np.float64), {"bare": time.perf_counter() - started}


def saved(version: str, model: Any) -> bytes:
    """Return the artifact."""
    if version == "xgboost":
        return bytes(model.save_raw("ubj"))
    import skops.io

    return skops.io.dumps(model)


def write(folder: Path, version: str, model: Any, predictions: pl.DataFrame, inputs: pl.DataFrame) -> np.ndarray:
    """Write a log whose scores are the model's own."""
    artifact, (scores, _) = saved(version, model), bare(version, model, inputs)
    labels = pl.Series(np.where(scores >= THRESHOLD, "bad", "good"))
    recorded = predictions.with_columns(
        outputs=pl.struct(score=pl.Series(scores), label=labels, probabilities=pl.lit(None, dtype=pl.List(pl.Float64))),
        decision=labels,
    )
    registry = {
        "model_name": [MODEL],
        "model_version": ["1"],
        "recorded_at": [START],
        "artifact_uri": ["artifacts/1"],
        "artifact_sha256": [hashlib.sha256(artifact).hexdigest()],
        "artifact_format": [VERSIONS[version]],
        "signature": [json.dumps(SIGNATURE)],
        "threshold": [THRESHOLD],
    }
    tables = {"predictions": recorded, f"inputs/{MODEL}": inputs, "model_versions": pl.DataFrame(registry)}
    write_log(folder, tables, {"origin": "benchmark/replay", "description": version, "notes": []})
    (folder / "artifacts").mkdir(exist_ok=True)
    (folder / "artifacts" / "1").write_bytes(artifact)
    return scores


def replayed(folder: Path) -> tuple[Any, dict[str, float]]:
    """Replay all twice: log and child anew, then with those from before."""
    kept._forget()  # noqa: SLF001 - there is no other way to be without it
    started = time.perf_counter()
    log = al.open(folder)
    log.replay(causes=False, trusted_types=TRUSTED)
    first = time.perf_counter()
    batch = log.replay(causes=False, trusted_types=TRUSTED)
    return batch, {"replay": first - started, "replay_warm": time.perf_counter() - first}


def singles(folder: Path) -> dict[str, float]:
    """Return the seconds of a fresh process's first replay, and the median of further ones."""
    script = (
        "import sys, time, json, statistics, audit_lab as al\n"
        "log = al.open(sys.argv[1]); times = []\n"
        "decisions = [log.decision(i) for i in json.loads(sys.argv[2])]; trusted = json.loads(sys.argv[3])\n"
        "for decision in decisions:\n"
        "    started = time.perf_counter(); decision.replay(trusted_types=trusted)\n"
        "    times.append(time.perf_counter() - started)\n"
        "print(json.dumps({'first_s': times[0], 'warm_median_ms': 1e3 * statistics.median(times[1:]),"
        " 'warm_p95_ms': 1e3 * sorted(times[1:])[int(0.95 * len(times[1:]))]}))\n"
    )
    ids = al.open(folder).newest(200)["prediction_id"].to_list()
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", script, str(folder), json.dumps(ids), json.dumps(TRUSTED)],
                check=True,
                capture_output=True,
            ).stdout
        )
        for _ in range(5)
    ]
    return {name: round(statistics.median(each[name] for each in found), 4) for name in found[0]}


def main() -> None:
    """Measure, print a table and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 1_000_000), ("trees", 500), ("depth", 8), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    from datetime import timedelta

    predictions, inputs = segment(0, arguments.rows, timedelta(milliseconds=250))
    training = inputs.head(50_000)
    models = {
        "xgboost": train_xgboost(training, arguments.trees, arguments.depth),
        "scikit-learn": train_pipeline(training),
    }
    results = {}
    for version, model in models.items():
        folder = DEFAULT_FOLDER / f"replay-{version}-{arguments.rows}"
        write(folder, version, model, predictions, inputs)
        times: dict[str, list[float]] = {}
        for _ in range(arguments.repeats):
            seconds = bare(version, model, inputs)[1]
            batch, further = replayed(folder)
            seconds |= further
            for name, each in seconds.items():
                times.setdefault(name, []).append(each)
        best = {name: min(each) for name, each in times.items()}
        results[version] = {
            **{f"{name}_s": round(each, 2) for name, each in best.items()},
            "ratio": round(best["replay"] / best["bare"], 3),
            "ratio_warm": round(best["replay_warm"] / best["bare"], 3),
            **(
                {"ratio_warm_matrix": round(best["replay_warm"] / best["bare_matrix"], 3)}
                if "bare_matrix" in best
                else {}
            ),
            "exact": batch.groups.filter(pl.col("verdict") == "EXACT")["predictions"].sum(),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
            **singles(folder),
        }
        print(version, results[version])
    keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

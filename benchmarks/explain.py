"""SHAP of 10,000 decisions of a tree model with 20 features, beside the bare shap library; then one decision, and LIME.

Run: ``.venv/bin/python benchmarks/explain.py [--rows 10000] [--trees 100] [--depth 6] [--one]``; models of XGBoost,
LightGBM and a scikit-learn pipeline. Many rows are explained in the space of margins: against 100 background rows, and
path-dependent by the booster's own library; each way beside shap's TreeExplainer called on a matrix in memory, in four
slices that take turns. Ours starts from recorded values, runs in the warm child, and checks that each row adds up.

Then one decision after the other, each computed by the warm child, asked again, and asked of the bare library in this
process: probability (enumerated, with 8 features; sampled, with 20: there the bare call is shap's permutation explainer
with 100 orders, whose error is two thirds of ours; and the same explainer asked for by name), log-odds, path-dependent.
LIME once as the library alone gives it, without further seeds, and once with the five that its checks take, beside six
bare calls. Medians of twelve decisions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
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

    Ask = Callable[[np.ndarray[Any, Any], np.ndarray[Any, Any], int], Any]

_BACKGROUND, _SLICES, _DECISIONS, _TRAINED = 100, 4, 12, 20_000
_EVALUATIONS = 100 * 41


def timed(ask: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and its seconds."""
    started = time.perf_counter()
    answer = ask()
    return answer, time.perf_counter() - started


def model(
    features: int, trees: int, depth: int, rows: int, library: str = "xgboost"
) -> tuple[Any, pl.DataFrame, dict[str, Any]]:
    """Return a fitted model, rows to explain, and what `explain` needs to know of it."""
    generator = np.random.default_rng(features)
    matrix = generator.normal(size=(max(rows, _TRAINED) + _BACKGROUND, features)).astype(np.float32)
    label = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + generator.logistic(size=len(matrix)) > 0
    names = [f"f{place:02}" for place in range(features)]
    fit = {"xgboost": _xgboost, "lightgbm": _lightgbm, "linear": _linear}[library]
    fitted, artifact_format, content = fit(matrix[:_TRAINED], label[:_TRAINED], names, trees, depth)
    frame = pl.DataFrame(matrix.astype(np.float64), schema=names, orient="row")
    signature = {
        "features": [{"name": name, "dtype": "float"} for name in names],
        "output": {"kind": "probability", "positive": "True", "negative": "False"},
    }
    ids = tuple(f"b-{place}" for place in range(_BACKGROUND))
    about = {
        "signature": Signature.parse(json.dumps(signature)),
        "artifact": Artifact(hashlib.sha256(content).hexdigest(), artifact_format, content),
        "background": BackgroundRows(frame.tail(_BACKGROUND), ids, "0" * 64, "made"),
    }
    return fitted, frame.head(rows), about


def _xgboost(matrix: Any, label: Any, names: list[str], trees: int, depth: int) -> tuple[Any, str, bytes]:
    import xgboost

    parameters = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "seed": 0}
    booster = xgboost.train(parameters, xgboost.DMatrix(matrix, label=label, feature_names=names), trees)
    return booster, "xgboost-ubj", bytes(booster.save_raw("ubj"))


def _lightgbm(matrix: Any, label: Any, names: list[str], trees: int, depth: int) -> tuple[Any, str, bytes]:
    import lightgbm

    parameters = {"objective": "binary", "max_depth": depth, "num_leaves": 2**depth - 1, "verbose": -1, "seed": 0}
    booster = lightgbm.train(parameters, lightgbm.Dataset(matrix, label=label, feature_name=names), trees)
    return booster, "lightgbm-text", booster.model_to_string().encode()


def _linear(matrix: Any, label: Any, names: list[str], _trees: int, _depth: int) -> tuple[Any, str, bytes]:
    import pandas as pd
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    fitted = pipeline.fit(pd.DataFrame(matrix.astype(np.float64), columns=names), label)
    return fitted, "skops", skops.io.dumps(fitted)


def many(rows: int, trees: int, depth: int, library: str) -> dict[str, Any]:
    """Explain many rows in both ways, beside the bare library, in slices that take turns."""
    import shap

    booster, frame, about = model(20, trees, depth, rows, library)
    background = about["background"].frame.to_numpy()
    against = shap.maskers.Independent(background, max_samples=_BACKGROUND)
    bare = {
        "interventional": lambda matrix: shap.TreeExplainer(booster, against).shap_values(
            matrix, check_additivity=False
        ),
        "path-dependent": lambda matrix: shap.TreeExplainer(booster).shap_values(matrix, check_additivity=False),
    }
    results: dict[str, Any] = {}
    for name, ask in bare.items():
        explain_rows(frame.head(2), **about, perturbation=name)
        ours_s = bare_s = distance = 0.0
        for part in frame.iter_slices(-(-rows // _SLICES)):
            ours, taken = timed(lambda part=part, name=name: explain_rows(part, **about, perturbation=name))
            ours_s += taken
            values, taken = timed(lambda part=part, ask=ask: ask(part.to_numpy()))
            bare_s += taken
            distance = max(distance, float(np.abs(ours.contributions.to_numpy() - values).max()))
        results[name] = {"ours_s": round(ours_s, 3), "bare_s": round(bare_s, 3), "ratio": round(ours_s / bare_s, 2)}
        results[name] |= {"distance": distance, "adds_up": ours.checks[0].passed}
    native, fastest = results["path-dependent"]["ours_s"], results["interventional"]["bare_s"]
    return results | {"native_against_bare_interventional": round(native / fastest, 4)}


def one(found: tuple[Any, pl.DataFrame, dict[str, Any]], method: str, bare: Ask, **more: Any) -> dict[str, float]:
    """Explain decisions one after the other, each computed, asked again, and asked of the bare library."""
    _, frame, about = found
    matrix, background = frame.to_numpy(), about["background"].frame.to_numpy()
    computed, again, alone = [], [], []
    for place in range(frame.height):
        request = {**about, **more, "prediction_id": f"p-{place}", "inputs": frame.row(place, named=True)}
        computed.append(timed(lambda request=request: explain(method, **request))[1])
        again.append(timed(lambda request=request: explain(method, **request))[1])
        alone.append(timed(lambda place=place: bare(matrix[place], background, place))[1])
    result = {
        "first": computed[0],
        "warm": statistics.median(computed[1:]),
        "fastest": min(computed[1:]),
        "again": statistics.median(again),
        "bare": statistics.median(alone[1:]),
    }
    ratio = round(result["warm"] / result["bare"], 2)
    return {f"{name}_ms": round(1000 * value, 1) for name, value in result.items()} | {"ratio": ratio}


def one_by_one(trees: int, depth: int) -> dict[str, Any]:
    """Explain single decisions in every way."""
    import shap
    import xgboost

    few, wide = (model(features, trees, depth, _DECISIONS) for features in (8, 20))
    linear = model(20, trees, depth, _DECISIONS, "linear")

    def masker(background: Any) -> Any:
        return shap.maskers.Independent(background, max_samples=_BACKGROUND)

    def asked(matrix: Any, booster: Any) -> Any:
        return booster.inplace_predict(matrix.astype(np.float32)).astype(np.float64)

    def exact(row: Any, background: Any, _: int) -> Any:
        return shap.explainers.Exact(lambda x: asked(x, few[0]), masker(background))(row[None], silent=True)

    def orders(row: Any, background: Any, _: int) -> Any:
        explainer = shap.explainers.Permutation(lambda x: asked(x, wide[0]), masker(background), seed=0)
        return explainer(row[None], max_evals=_EVALUATIONS, silent=True)

    def trees_of(row: Any, background: Any, _: int) -> Any:
        return shap.TreeExplainer(wide[0], masker(background)).shap_values(row[None], check_additivity=False)

    def paths(row: Any, _background: Any, _: int) -> Any:
        data = xgboost.DMatrix(row[None].astype(np.float32), feature_names=wide[0].feature_names)
        return wide[0].predict(data, pred_contribs=True)

    def weights(row: Any, background: Any, _: int) -> Any:
        scaler, classifier = linear[0][0], linear[0][-1]
        scaled = [(each - scaler.mean_) / scaler.scale_ for each in (background, row[None])]
        return shap.LinearExplainer(classifier, masker(scaled[0])).shap_values(scaled[1])

    return {
        "probability_8_features": one(few, "shap", exact),
        "probability_20_features": one(wide, "shap", orders),
        "probability_20_features_by_shap": one(wide, "shap", orders, sampling="shap", max_evals=_EVALUATIONS),
        "log_odds_20_features": one(wide, "shap", trees_of, output="log-odds"),
        "path_dependent_20_features": one(wide, "shap", paths, perturbation="path-dependent"),
        "linear_log_odds_20_features": one(linear, "shap", weights, output="log-odds"),
        "lime_20_features": one(wide, "lime", _lime(wide[0], 0), further_seeds=0),
        "lime_20_features_6_seeds": one(wide, "lime", _lime(wide[0], 5)),
    }


def _lime(booster: Any, further: int) -> Ask:
    """Return what asks the bare library, with as many fresh explainers as there are seeds."""
    from lime.lime_tabular import LimeTabularExplainer

    def probabilities(matrix: Any) -> Any:
        positive = booster.inplace_predict(matrix.astype(np.float32)).astype(np.float64)
        return np.column_stack([1 - positive, positive])

    def ask(row: Any, background: Any, _: int) -> Any:
        for seed in range(further + 1):
            explainer = LimeTabularExplainer(background, feature_selection="none", random_state=seed)
            explanation = explainer.explain_instance(row, probabilities, num_features=len(row), num_samples=5000)
        return explanation

    return ask


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 10_000), ("trees", 100), ("depth", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--one", action="store_true", help="Only single decisions; nothing is kept.")
    arguments = parser.parse_args()
    size = (arguments.trees, arguments.depth)
    # As the child has it, so that threads which wait for one another take no time from it.
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = str(Path(folder))
        results = {f"one_{name}": found for name, found in one_by_one(*size).items()}
        if not arguments.one:
            results |= {f"many_{library}": many(arguments.rows, *size, library) for library in ("xgboost", "lightgbm")}
    for name, found in results.items():
        print(f"{name}: {found}")
    if not arguments.one:
        keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

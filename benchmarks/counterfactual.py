"""The nearest changes that flip one decision: how long it takes, and how much of that is the model's own predict.

Run: ``.venv/bin/python benchmarks/counterfactual.py [--rows 100000] [--trees 100] [--depth 6] [--decisions 8]``.
The log has an XGBoost model with 20 features, and the values of all earlier decisions count as supported. Each of the
last decisions is asked for three counterfactuals with up to three changes among at most 20,000 candidates, numbers as
they were seen; then the bare booster predicts as many rows as there were candidates, from a matrix in memory.
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import xgboost
from made_log import DEFAULT_FOLDER, FEATURES, segment
from replay import codes, train_xgboost, write
from result import keep

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable


def timed(ask: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and the seconds that it took."""
    started = time.perf_counter()
    answer = ask()
    return answer, time.perf_counter() - started


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 100_000), ("trees", 100), ("depth", 6), ("decisions", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    predictions, inputs = segment(0, arguments.rows, timedelta(milliseconds=250))
    folder = DEFAULT_FOLDER / f"counterfactual-{arguments.rows}"
    model = train_xgboost(inputs.head(50_000), arguments.trees, arguments.depth)
    write(folder, "xgboost", model, predictions, inputs)
    log = al.open(folder)
    decisions = [log.decision(name) for name in log.newest(arguments.decisions)["prediction_id"]]
    answers = [timed(lambda each=each: each.counterfactual(3)) for each in decisions]
    seconds = [taken for _, taken in answers]
    candidates = [found.tried.candidates for found, _ in answers]
    rows = inputs.head(statistics.median_high(candidates))
    matrix = codes(rows)
    bare = [timed(lambda: model.predict(xgboost.DMatrix(matrix, feature_names=FEATURES)))[1] for _ in range(5)]
    results = {
        "first_s": round(seconds[0], 2),
        "median_s": round(statistics.median(seconds[1:]), 2),
        "slowest_s": round(max(seconds[1:]), 2),
        "candidates": candidates,
        "found": [len(found.found) for found, _ in answers],
        "changes": [[len(each.changes) for each in found.found] for found, _ in answers],
        "supported_rows": answers[0][0].data.rows,
        "bare_predict_of_the_median_candidates_s": round(min(bare), 3),
    }
    for name, value in results.items():
        print(f"{name}: {value}")
    keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

"""Decide a million recorded predictions again under corrections, beside a plain replay of the same log.

Run: ``.venv/bin/python benchmarks/impact.py [--rows 1000000] [--trees 100] [--depth 6]``. The log has an XGBoost model
with 20 features. A threshold needs no second score, a factor on one feature of all rows one more of each. Then the ten
nearest comparable cases of the last decision. The child is warm: it has answered for a short window before.
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from made_log import DEFAULT_FOLDER, FEATURES, segment
from replay import train_xgboost, write
from result import keep

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable


def timed(ask: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer and the seconds that it took."""
    started = time.perf_counter()
    answer = ask()
    return answer, round(time.perf_counter() - started, 2)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("rows", 1_000_000), ("trees", 100), ("depth", 6)):
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    predictions, inputs = segment(0, arguments.rows, timedelta(milliseconds=250))
    folder = DEFAULT_FOLDER / f"impact-{arguments.rows}"
    write(folder, "xgboost", train_xgboost(inputs.head(50_000), arguments.trees, arguments.depth), predictions, inputs)
    del predictions, inputs
    log = al.open(folder)
    log.impact(al.Correction.threshold(0.4), until="2024-01-01T00:05")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results: dict[str, Any] = {}
    batch, results["replay_s"] = timed(lambda: log.replay(causes=False))
    results["replayed"] = batch.predictions
    unit = al.Correction.unit(FEATURES[5], factor=1.1)
    for name, change in (("threshold", al.Correction.threshold(0.45)), ("unit", unit)):
        found, seconds = timed(lambda change=change: log.impact(change, groups=("model_version", FEATURES[0])))
        _, digest_s = timed(lambda found=found: found.digest)
        results[name] = {"seconds": seconds, "affected": found.counts.affected, "digest_s": digest_s}
    decision = log.decision(log.newest(1)["prediction_id"][0])
    cases, results["comparable_s"] = timed(decision.comparable)
    results["compared"] = cases.compared
    results["peak_mb_before_and_after"] = [
        round(each / 1e3) for each in (before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    ]
    keep(__file__, results, rows=arguments.rows, trees=arguments.trees, depth=arguments.depth)


if __name__ == "__main__":
    main()

"""What Evidently and NannyML say of two Parquet files, as JSON: run by their own interpreter, not by this project's.

Run: ``build/peers/bin/python benchmarks/peers.py WHAT REFERENCE CURRENT OUT``, after ``make peers``. WHAT is

- ``scores``: every number of theirs that has one of ours beside it, month by month of the column ``at``;
- ``alarms``: what each, as it comes, calls drifted, by ``--rows`` rows of CURRENT at a time;
- ``evidently``, ``evidently-psi``, ``nannyml``, ``nannyml-all``: the same question once, for the time and memory it
  takes. The files are read before the clock starts; how long that took stands beside it.

Columns of text are categories, others numbers; ``at``, ``truth``, ``said``, ``score``, ``amount_true`` and
``amount_said`` are no features. Neither library sends anything: their usage reports are switched off here.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ |= {
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
}

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NO_FEATURES = ("at", "truth", "said", "score", "amount_true", "amount_said")
#: What a decision is worth by (what came true, what was said), in NannyML's order: no before yes.
WORTH = [[0.0, -1.0], [-5.0, 2.0]]
_OF_BOTH = ("psi", "jensenshannon", "hellinger")
_OF_NUMBERS = ("wasserstein", "ks")
_OF_TEXT = ("chisquare",)
_CONTINUOUS = ["jensen_shannon", "hellinger", "wasserstein", "kolmogorov_smirnov"]
_CATEGORICAL = ["jensen_shannon", "hellinger", "chi2", "l_infinity"]


class Side:
    """The rows of one side, with the names of its features."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.features = [name for name in frame.columns if name not in NO_FEATURES]
        self.numbers = [name for name in self.features if pd.api.types.is_numeric_dtype(frame[name])]
        self.texts = [name for name in self.features if name not in self.numbers]

    def months(self) -> Iterator[tuple[str, Side]]:
        """Yield each month's rows, by its name as NannyML writes it."""
        for month, rows in self.frame.groupby(self.frame["at"].dt.strftime("%Y-%m"), sort=True):
            yield str(month), Side(rows.reset_index(drop=True))


def drift_report(
    reference: Side, current: Side, methods: dict[str, str] | None = None, method: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return Evidently's score, threshold and method of each column, of its DataDriftPreset."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = list(methods) if methods else reference.features
    sides = [
        Dataset.from_pandas(
            side.frame[names],
            data_definition=DataDefinition(
                numerical_columns=[name for name in side.numbers if name in names],
                categorical_columns=[name for name in side.texts if name in names],
            ),
        )
        for side in (current, reference)
    ]
    preset = DataDriftPreset(columns=names, per_column_method=methods, method=method)
    told = Report([preset], include_tests=True).run(*sides).dict()
    found = {}
    for metric in told["metrics"]:
        column = metric["config"].get("column")
        if column is not None:
            found[column] = {
                "method": metric["config"]["method"],
                "threshold": metric["config"]["threshold"],
                "score": float(metric["value"]),
            }
    failed = {test["name"] for test in told["tests"] if "FAIL" in str(test["status"]).upper()}
    for column, one in found.items():
        one["drifted"] = f"Value Drift for column {column}" in failed
    return found


def evidently_scores(reference: Side, current: Side) -> dict[str, Any]:
    """Return Evidently's score of each column by each of its tests that has a measure of ours beside it."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.calculations.stattests.tvd_stattest import _total_variation_distance
    from evidently.metrics import DuplicatedRowCount

    by_test: dict[str, dict[str, float]] = {}
    for test in (*_OF_BOTH, *_OF_NUMBERS, *_OF_TEXT):
        names = reference.numbers if test in _OF_NUMBERS else reference.texts
        names = reference.features if test in _OF_BOTH else names
        found = drift_report(reference, current, dict.fromkeys(names, test))
        by_test[test] = {column: one["score"] for column, one in found.items()}
    # Its test of this distance gives the p-value of a thousand permutations; the distance itself is below it.
    by_test["tvd"] = {
        name: float(_total_variation_distance(reference.frame[name], current.frame[name])) for name in reference.texts
    }
    rows = Dataset.from_pandas(
        current.frame[current.features],
        data_definition=DataDefinition(numerical_columns=current.numbers, categorical_columns=current.texts),
    )
    repeated = Report([DuplicatedRowCount()]).run(rows, None).dict()["metrics"][0]["value"]
    return {
        "by_test": by_test,
        "as_it_comes": drift_report(reference, current),
        "duplicated_rows": int(repeated["count"] if isinstance(repeated, dict) else repeated),
    }


def nannyml_scores(reference: Side, current: Side) -> dict[str, Any]:
    """Return NannyML's values by month: univariate, quality, performance, estimated performance, multivariate."""
    import nannyml

    by_month = {"chunk_period": "M", "timestamp_column_name": "at"}
    calculator = nannyml.UnivariateDriftCalculator(
        reference.features, continuous_methods=_CONTINUOUS, categorical_methods=_CATEGORICAL, **by_month
    )
    calculator.fit(reference.frame)
    found = {"univariate": _values(calculator.calculate(current.frame))}
    quality = {
        "missing": nannyml.MissingValuesCalculator(reference.features, normalize=True, **by_month),
        "unseen": nannyml.UnseenValuesCalculator(reference.texts, normalize=True, **by_month),
        "out_of_range": nannyml.NumericalRangeCalculator(reference.numbers, normalize=True, **by_month),
    }
    for name, one in quality.items():
        one.fit(reference.frame)
        found[name] = _values(one.calculate(current.frame))
    binary = {
        "metrics": ["roc_auc", "f1", "precision", "recall", "specificity", "accuracy", "business_value"],
        "y_true": "truth",
        "y_pred": "said",
        "y_pred_proba": "score",
        "problem_type": "classification_binary",
        "business_value_matrix": WORTH,
        **by_month,
    }
    performance = nannyml.PerformanceCalculator(**binary)
    performance.fit(reference.frame)
    found["performance"] = _values(performance.calculate(current.frame))
    numbers = nannyml.PerformanceCalculator(
        metrics=["rmse", "mae"],
        y_true="amount_true",
        y_pred="amount_said",
        problem_type="regression",
        **by_month,
    )
    numbers.fit(reference.frame)
    found["regression"] = _values(numbers.calculate(current.frame))
    estimator = nannyml.CBPE(**binary)
    estimator.fit(reference.frame)
    found["estimated"] = _values(estimator.estimate(current.frame.drop(columns="truth")))
    found["estimated_from_calibrated_scores"] = bool(estimator.needs_calibration)
    whole = [name for name in reference.numbers if not reference.frame[name].isna().any()]
    components = nannyml.DataReconstructionDriftCalculator(whole, **by_month)
    components.fit(reference.frame)
    found["reconstruction"] = _values(components.calculate(current.frame))
    found["reconstruction_columns"] = whole
    classifier = nannyml.DomainClassifierCalculator(reference.features, **by_month)
    classifier.fit(reference.frame)
    found["domain_classifier"] = _values(classifier.calculate(current.frame))
    return found


def _values(result: Any) -> dict[str, dict[str, float | None]]:
    """Return the values of a result of NannyML by month, and within by column and method."""
    table = result.filter(period="analysis").to_df()
    months = table.xs("key", axis=1, level=-1).iloc[:, 0].astype(str)
    found: dict[str, dict[str, float | None]] = {month: {} for month in months}
    for name in table.columns:
        if name[-1] == "value":
            for month, value in zip(months, table[name], strict=True):
                found[month]["/".join(map(str, name[:-1]))] = None if math.isnan(value) else float(value)
    return found


def scores(reference: Side, current: Side) -> dict[str, Any]:
    """Return all that is compared with ours."""
    months = {month: evidently_scores(reference, rows) for month, rows in current.months()}
    return {"evidently": months, "nannyml": nannyml_scores(reference, current)}


def called_drifted(reference: Side, current: Side) -> set[str]:
    """Return what Evidently calls drifted as it comes: by the test it would choose, without its pictures."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    found = set()
    for name in reference.features:
        kind = ColumnType.Numerical if name in reference.numbers else ColumnType.Categorical
        # Some of its tests change the columns that they are given.
        sides = [side.frame[name].copy() for side in (reference, current)]
        if get_stattest(*sides, kind, None)(*sides, kind, None).drifted:
            found.add(name)
    return found


def alarms(reference: Side, current: Side, rows: int) -> dict[str, Any]:
    """Return how many columns, in each piece of so many rows, each library as it comes calls drifted."""
    import nannyml

    pieces = [
        Side(current.frame.iloc[start : start + rows].reset_index(drop=True))
        for start in range(0, len(current.frame) - rows + 1, rows)
    ]
    first = {name for name, one in drift_report(reference, pieces[0]).items() if one["drifted"]}
    if called_drifted(reference, pieces[0]) != first:
        raise SystemExit("Evidently's own report calls other columns drifted than its tests")
    called = []
    for place, piece in enumerate(pieces, 1):
        called.append(len(called_drifted(reference, piece)))
        print(f"\rEvidently: piece {place} of {len(pieces)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    by_nannyml = None
    # Its thresholds are those of the reference's own pieces, of which it needs several.
    if len(reference.frame) > rows:
        calculator = nannyml.UnivariateDriftCalculator(reference.features, chunk_size=rows)
        calculator.fit(reference.frame)
        table = calculator.calculate(current.frame.iloc[: len(pieces) * rows]).filter(period="analysis").to_df()
        by_nannyml = [int(each) for each in table.xs("alert", axis=1, level=-1).sum(axis=1)]
    return {"evidently": called, "nannyml": by_nannyml}


def _timed(ask: Callable[[], Any]) -> dict[str, Any]:
    """Return an answer, the seconds it took, and the most memory this process has had, with the rows it holds."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    answer = ask()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": round(seconds, 2),
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "peak_mb": round(after.ru_maxrss / 1024),
        "mb_before": round(before.ru_maxrss / 1024),
        "answer": answer,
    }


def _nannyml_once(reference: Side, current: Side, **options: Any) -> dict[str, float | None]:
    import nannyml

    calculator = nannyml.UnivariateDriftCalculator(reference.features, chunk_size=len(current.frame), **options)
    calculator.fit(reference.frame)
    table = calculator.calculate(current.frame).filter(period="analysis").to_df()
    return {"/".join(name[:-1]): float(table[name].iloc[0]) for name in table.columns if name[-1] == "value"}


def asked(what: str, reference: Side, current: Side, rows: int) -> dict[str, Any]:
    """Answer one of the questions that the module's docstring names."""
    # Imported before any clock starts.
    import evidently
    import nannyml

    every = {"continuous_methods": _CONTINUOUS, "categorical_methods": _CATEGORICAL}
    questions: dict[str, Callable[[], Any]] = {
        "scores": lambda: scores(reference, current),
        "alarms": lambda: alarms(reference, current, rows),
        "evidently": lambda: _timed(lambda: drift_report(reference, current)),
        "evidently-psi": lambda: _timed(lambda: drift_report(reference, current, method="psi")),
        "nannyml": lambda: _timed(lambda: _nannyml_once(reference, current)),
        "nannyml-all": lambda: _timed(lambda: _nannyml_once(reference, current, **every)),
    }
    modules: Iterable[Any] = (evidently, nannyml, pd)
    versions = {module.__name__: module.__version__ for module in modules}
    return {"versions": versions, "result": questions[what]()}


def main() -> None:
    """Read, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["scores", "alarms", "evidently", "evidently-psi", "nannyml", "nannyml-all"])
    for name in ("reference", "current", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--rows", type=int, default=1_000)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    reference, current = (Side(pd.read_parquet(path)) for path in (given.reference, given.current))
    reading = round(time.perf_counter() - started, 2)
    answer = {**asked(given.what, reference, current, given.rows), "reading_seconds": reading}
    given.out.write_text(json.dumps(answer, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()

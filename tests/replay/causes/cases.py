"""Which models the tests of causes are made with, and by which seeds.

``AUDIT_LAB_CAUSES_SEED`` (a whole number) draws all of them anew: other features, data, models, factors and codings.
"""

from __future__ import annotations

import os

from identifiable import FORMATS, KINDS, PIPELINES

__all__ = ["everyday", "seeded", "soaked"]

#: The kind of output that stands for a format everyday; all of all in the soak.
_EVERYDAY = {
    "skops": "probability",
    "mlflow": "multiclass",
    "pickle": "margin",
    "xgboost-json": "probability",
    "xgboost-ubj": "label",
    "xgboost-raw": "margin",
    "lightgbm-text": "multiclass",
    "catboost-cbm": "regression",
    "onnx": "label",
}


def seeded(number: int) -> int:
    """Return the seed of a case."""
    return 1000 * int(os.environ.get("AUDIT_LAB_CAUSES_SEED", "0")) + number


def everyday(*, pipelines: bool) -> list[tuple[str, str, int]]:
    """Return format, kind and seed of the everyday cases; ONNX stands with the pipelines, to share the work evenly."""
    formats = [each for each in FORMATS if (each in (*PIPELINES, "onnx")) == pipelines]
    cases = [(each, _EVERYDAY[each]) for each in formats if each in _EVERYDAY]
    return [(*case, seeded(number)) for number, case in enumerate(cases, 100 if pipelines else 200)]


def soaked() -> list[tuple[str, str, int]]:
    """Return every format with every kind of output."""
    cells = [(each, kind) for each in FORMATS for kind in KINDS]
    return [(*cell, seeded(number)) for number, cell in enumerate(cells, 300)]

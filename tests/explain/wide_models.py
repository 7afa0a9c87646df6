"""Models of fourteen features, two more than are enumerated: of each library, as it is asked without audit_lab."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

__all__ = ["FAMILIES", "Wide", "wide"]

CITIES = ("bern", "oslo", "rome")
NAMES = (*(f"f{place:02}" for place in range(13)), "city")
_BACKGROUND, _TRAINED = 30, 500


@dataclass(frozen=True)
class Wide:
    """A model as a log would hold it, and as its library answers for a matrix that has each city as its place.

    Parameters
    ----------
    content, artifact_format, signature
        The artifact, and what the registry says of it.
    row, background
        Recorded values.
    native
        The library's own object.
    asked
        The library's answer for a matrix, shape ``(rows, 14)``: the score that is explained, shape ``(rows,)``.
    output
        What the score is called.
    """

    content: bytes
    artifact_format: str
    signature: Signature
    row: pl.DataFrame
    background: pl.DataFrame
    native: Any
    asked: Callable[[Numbers], Numbers]
    output: str

    def matrix(self, frame: pl.DataFrame) -> Numbers:
        """Return recorded values as numbers, each city as its place."""
        return positions(frame)

    def write(self, folder: Path) -> Path:
        """Write the artifact."""
        path = folder / "model"
        path.write_bytes(self.content)
        return path


def positions(frame: pl.DataFrame) -> Numbers:
    """Return recorded values as numbers, each city as its place."""
    places = pl.col("city").replace_strict(list(CITIES), [0.0, 1.0, 2.0], return_dtype=pl.Float64)
    return frame.with_columns(places).to_numpy().astype(np.float64)


def texts(matrix: Numbers) -> Any:
    """Return a matrix as a pandas frame, with cities by name."""
    import pandas as pd

    columns: dict[str, Any] = {name: matrix[:, place] for place, name in enumerate(NAMES[:-1])}
    columns["city"] = pd.Series([CITIES[int(place)] for place in matrix[:, -1]], dtype=object)
    return pd.DataFrame(columns)


def categories(matrix: Numbers) -> Any:
    """Return a matrix as a pandas frame, with cities as categories."""
    import pandas as pd

    frame = texts(matrix)
    frame["city"] = pd.Categorical(frame["city"], list(CITIES))
    return frame


def _xgboost(matrix: Numbers, label: Numbers, objective: dict[str, Any], folder: Path) -> tuple[Any, bytes, Any]:
    import xgboost

    data = xgboost.DMatrix(matrix.astype(np.float32), label=label, feature_names=list(NAMES))
    parameters = {**objective, "max_depth": 4, "eta": 0.3, "seed": 0, "nthread": 1}
    booster = xgboost.train(parameters, data, 20)

    margin = objective["objective"] == "binary:logitraw"

    def asked(rows: Numbers) -> Any:
        found = booster.predict(
            xgboost.DMatrix(rows.astype(np.float32), feature_names=list(NAMES)), output_margin=margin
        )
        return found.astype(np.float64)

    return booster, bytes(booster.save_raw("ubj")), asked


def _lightgbm(matrix: Numbers, label: Numbers, objective: dict[str, Any], folder: Path) -> tuple[Any, bytes, Any]:
    import lightgbm

    parameters = {**objective, "num_leaves": 15, "seed": 0, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(categories(matrix), label=label), 20)
    return booster, booster.model_to_string().encode(), lambda rows: booster.predict(categories(rows))


def _catboost(matrix: Numbers, label: Numbers, _: dict[str, Any], folder: Path) -> tuple[Any, bytes, Any]:
    import catboost

    settings = {"iterations": 20, "depth": 4, "random_seed": 0, "verbose": False, "allow_writing_files": False}
    model = catboost.CatBoostClassifier(cat_features=["city"], thread_count=1, **settings)
    model.fit(texts(matrix), np.where(label > 0, "yes", "no"))
    model.save_model(str(folder / "model.cbm"))
    return model, (folder / "model.cbm").read_bytes(), lambda rows: model.predict_proba(texts(rows))[:, 1]


def _forest(matrix: Numbers, label: Numbers) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    encode = make_column_transformer((OneHotEncoder(), ["city"]), ("passthrough", list(NAMES[:-1])))
    forest = RandomForestClassifier(15, max_depth=5, random_state=0)
    return make_pipeline(encode, forest).fit(texts(matrix), np.where(label > 0, "yes", "no"))


def _sklearn(matrix: Numbers, label: Numbers, _: dict[str, Any], folder: Path) -> tuple[Any, bytes, Any]:
    import skops.io

    fitted = _forest(matrix, label)
    return fitted, skops.io.dumps(fitted), lambda rows: fitted.predict_proba(texts(rows))[:, 1]


def _onnx(matrix: Numbers, label: Numbers, _: dict[str, Any], folder: Path) -> tuple[Any, bytes, Any]:
    import onnxruntime
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [(name, (StringTensorType if name == "city" else FloatTensorType)([None, 1])) for name in NAMES]
    fitted = _forest(matrix, label)
    content = convert_sklearn(fitted, initial_types=types, options={id(fitted): {"zipmap": False}}).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def asked(rows: Numbers) -> Any:
        frame = texts(rows)
        feed = {
            name: frame[name].to_numpy().astype(object if name == "city" else np.float32)[:, None] for name in NAMES
        }
        return session.run(None, feed)[1][:, 1].astype(np.float64)

    return session, content, asked


_OBJECTIVES: dict[tuple[str, str], dict[str, Any]] = {
    ("xgboost-ubj", "probability"): {"objective": "binary:logistic"},
    ("xgboost-ubj", "margin"): {"objective": "binary:logitraw"},
    ("xgboost-ubj", "regression"): {"objective": "reg:squarederror"},
    ("xgboost-ubj", "multiclass"): {"objective": "multi:softprob", "num_class": 3},
    ("lightgbm-text", "probability"): {"objective": "binary"},
    ("lightgbm-text", "regression"): {"objective": "regression"},
}
_TRAINERS = {
    "xgboost-ubj": _xgboost,
    "lightgbm-text": _lightgbm,
    "catboost-cbm": _catboost,
    "skops": _sklearn,
    "onnx": _onnx,
}
#: Each library, and each kind of score.
FAMILIES = (
    ("xgboost-ubj", "probability"),
    ("xgboost-ubj", "multiclass"),
    ("xgboost-ubj", "margin"),
    ("lightgbm-text", "probability"),
    ("lightgbm-text", "regression"),
    ("catboost-cbm", "probability"),
    ("skops", "probability"),
    ("onnx", "probability"),
)


def wide(artifact_format: str, kind: str, folder: Path) -> Wide:
    """Train one small model, of interactions of up to three features."""
    generator = np.random.default_rng(7)
    matrix = np.round(generator.normal(size=(_TRAINED, 14)), 3)
    matrix[:, -1] = generator.integers(0, 3, _TRAINED)
    signal = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + matrix[:, 3] * matrix[:, 4] * (matrix[:, -1] - 1)
    signal = signal + 0.3 * generator.normal(size=_TRAINED)
    label = {
        "probability": signal > 0,
        "margin": signal > 0,
        "multiclass": np.digitize(signal, [-1, 1]),
        "regression": signal,
    }[kind]
    objective = _OBJECTIVES.get((artifact_format, kind), {})
    native, content, asked = _TRAINERS[artifact_format](matrix, label.astype(np.float64), objective, folder)
    features: list[dict[str, Any]] = [{"name": name, "dtype": "float"} for name in NAMES[:-1]]
    features.append({"name": "city", "dtype": "str", "categories": list(CITIES)})
    output: dict[str, Any] = {"kind": kind}
    output |= {"positive": "yes", "negative": "no"} if kind in {"probability", "margin"} else {}
    output |= {"classes": ["low", "mid", "high"]} if kind == "multiclass" else {}
    signature = Signature.parse(json.dumps({"features": features, "output": output}))
    columns = {name: matrix[: _BACKGROUND + 1, place] for place, name in enumerate(NAMES[:-1])}
    frame = pl.DataFrame({**columns, "city": [CITIES[int(place)] for place in matrix[: _BACKGROUND + 1, -1]]})
    score = asked
    if kind == "multiclass":
        chosen = int(asked(matrix[:1])[0].argmax())

        def score(rows: Numbers) -> Any:
            return asked(rows)[:, chosen]

    name = {"regression": "value", "margin": "margin"}.get(kind, "probability")
    return Wide(content, artifact_format, signature, frame[:1], frame[1:], native, score, name)

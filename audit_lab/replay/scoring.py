"""Load an artifact and score frames with it. Runs in the sandbox's child only."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from audit_lab.replay.signature import Feature, Signature
    from audit_lab.sandbox.job import Answer, Job

__all__ = ["FORMATS", "Scorer", "load_model", "score"]

_DTYPES: dict[str, type[pl.DataType]] = {"str": pl.String, "float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean}


class Scorer(ABC):
    """A loaded model: `native` is the library's own object, `scores` runs it on recorded inputs."""

    def __init__(self, native: Any, signature: Signature) -> None:
        self.native = native
        self.signature = signature

    @abstractmethod
    def scores(self, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        """Return the score of each row, shape ``(rows,)``, float64; `frame` has the recorded feature columns."""


class BoosterScorer(Scorer):
    """An XGBoost booster: text features as their position in the signature's categories, the rest as numbers."""

    def encoded(self, frame: pl.DataFrame) -> npt.NDArray[np.float32]:
        """Return the matrix the booster takes, shape ``(rows, features)``, float32; unknown or missing is NaN."""
        columns = [_encode(frame[feature.name], feature) for feature in self.signature.features]
        return np.column_stack(columns).astype(np.float32) if frame.height else np.empty((0, len(columns)), np.float32)

    def scores(self, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        """Return the booster's probability of the positive label; its float32 is widened, not rounded."""
        xgboost = _import_xgboost()
        matrix = xgboost.DMatrix(self.encoded(frame), feature_names=list(self.signature.names), missing=np.nan)
        return np.asarray(self.native.predict(matrix), dtype=np.float64)


class PipelineScorer(Scorer):
    """A scikit-learn pipeline read by skops: takes the recorded columns by name."""

    def scores(self, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
        """Return ``predict_proba`` of the second class, which is the positive label."""
        import pandas as pd

        columns = {
            feature.name: pd.Series(
                frame[feature.name].cast(_DTYPES[feature.dtype]).to_list(),
                dtype=object if feature.dtype == "str" else None,
            )
            for feature in self.signature.features
        }
        return np.asarray(self.native.predict_proba(pd.DataFrame(columns))[:, 1], dtype=np.float64)


def _encode(values: pl.Series, feature: Feature) -> npt.NDArray[np.float64]:
    if feature.dtype != "str":
        return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    categories = feature.categories or ()
    codes = values.cast(pl.String).replace_strict(
        list(categories), [float(code) for code in range(len(categories))], default=None, return_dtype=pl.Float64
    )
    return codes.fill_null(float("nan")).to_numpy()


def _import_xgboost() -> Any:
    """Import xgboost without scikit-learn, which only its wrapper classes need and which takes most of the time."""
    hidden = "sklearn" not in sys.modules
    if hidden:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import xgboost
    finally:
        if hidden:
            del sys.modules["sklearn"]
    return xgboost


def _load_booster(path: Path, signature: Signature) -> Scorer:
    booster = _import_xgboost().Booster()
    booster.load_model(bytearray(path.read_bytes()))
    names = booster.feature_names
    if names is not None and tuple(names) != signature.names:
        raise ValueError(f"the booster's features {names} are not the signature's {list(signature.names)}")
    return BoosterScorer(booster, signature)


def _load_skops(path: Path, signature: Signature) -> Scorer:
    import skops.io

    unknown = skops.io.get_untrusted_types(file=path)
    if unknown:
        raise ValueError(f"the skops file holds types that nobody vouched for: {', '.join(unknown)}")
    pipeline = skops.io.load(path, trusted=[])
    return PipelineScorer(pipeline, signature)


FORMATS = {"skops": _load_skops, "xgboost-json": _load_booster, "xgboost-ubj": _load_booster}


def load_model(path: Path, artifact_format: str, signature: Signature) -> Scorer:
    """Load an artifact whose digest was checked.

    Raises
    ------
    ValueError
        The format is not one of `FORMATS`, or the file does not fit the signature.
    """
    if artifact_format not in FORMATS:
        raise ValueError(f"no reader for artifact format {artifact_format!r}; known are {', '.join(FORMATS)}")
    return FORMATS[artifact_format](path, signature)


def score(job: Job) -> Answer:
    """Task: score table ``inputs`` with file ``artifact``; answers table ``scores`` with one column ``score``."""
    from audit_lab.replay.signature import Signature
    from audit_lab.sandbox.job import Answer

    signature = Signature.parse(job.header["signature"])
    scorer = load_model(job.files["artifact"], job.header["artifact_format"], signature)
    return Answer(tables={"scores": pl.DataFrame({"score": scorer.scores(job.tables["inputs"])})})

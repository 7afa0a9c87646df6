"""Two small models over the same five recorded features, as a log would hold them; makes `attributions` importable."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.explain import BackgroundRows
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.job import Job

if TYPE_CHECKING:
    from wide_models import Wide

    from audit_lab.replay.scoring import Scorer

sys.path.insert(0, str(Path(__file__).parent))

_CARRIERS = ["AA", "B6", "US", "WN"]
_SIGNATURE = {
    "features": [
        {"name": "carrier", "dtype": "str", "categories": _CARRIERS},
        {"name": "distance", "dtype": "float", "unit": "mile"},
        {"name": "hour", "dtype": "int"},
        {"name": "weekend", "dtype": "bool"},
        {"name": "idle", "dtype": "float"},
    ],
    "output": {"kind": "probability", "positive": "late", "negative": "on time"},
}


@dataclass(frozen=True)
class Model:
    """An artifact, what the registry says of it, and the rows to explain it with."""

    path: Path
    artifact_format: str
    signature: Signature
    row: pl.DataFrame
    background: pl.DataFrame

    @property
    def content(self) -> bytes:
        """Bytes of the artifact."""
        return self.path.read_bytes()

    def scorer(self) -> Scorer:
        """Load the artifact in this process."""
        return load_model(self.path, self.artifact_format, self.signature)

    def job(self, row: pl.DataFrame | None = None, background: pl.DataFrame | None = None, **header: Any) -> Job:
        """What a task in the child is given."""
        standard = {"output": "probability", "samples": 2000, "seed": 0}
        fixed = {"signature": self.signature.to_json(), "artifact_format": self.artifact_format}
        tables = {
            "inputs": self.row if row is None else row,
            "background": self.background if background is None else background,
        }
        return Job({**standard, **fixed, **header}, tables, {"artifact": self.path})

    def request(self, **changes: Any) -> dict[str, Any]:
        """Keyword arguments of `explain` for the row and the background."""
        rows = BackgroundRows(self.background, tuple(f"b-{n}" for n in range(self.background.height)), "0" * 64, "test")
        request = {
            "prediction_id": "p-1",
            "inputs": self.row.row(0, named=True),
            "signature": self.signature,
            "artifact": Artifact(hashlib.sha256(self.content).hexdigest(), self.artifact_format, self.content),
            "background": rows,
        }
        return {**request, **changes}


def flights(rows: int, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Recorded inputs with missing distances, and whether the flight was late."""
    generator = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "carrier": generator.choice(_CARRIERS, rows).tolist(),
            "distance": generator.uniform(100, 2500, rows),
            "hour": generator.integers(5, 23, rows),
            "weekend": generator.random(rows) < 0.3,
            "idle": generator.normal(size=rows),
        }
    )
    margin = (
        1.5 * (frame["carrier"] == "US").to_numpy()
        + 0.2 * (frame["hour"].to_numpy() - 14) * ~frame["weekend"].to_numpy()
        - frame["distance"].to_numpy() / 1500
    )
    late = margin + generator.logistic(size=rows) > 0
    gaps = pl.Series(generator.random(rows) < 0.05)
    return frame.with_columns(distance=pl.when(~gaps).then("distance")), late


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of each test's own, so that none is answered by another."""
    home = tmp_path_factory.mktemp("caches")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def make_model() -> type[Model]:
    """The class, for tests that train a model of their own."""
    return Model


@pytest.fixture(scope="session")
def booster(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """An XGBoost booster that never saw the feature `idle` vary."""
    import xgboost

    frame, late = flights(1500, seed=1)
    signature = Signature.parse(json.dumps(_SIGNATURE))
    matrix = np.column_stack(
        [
            [_CARRIERS.index(carrier) for carrier in frame["carrier"]],
            frame["distance"].fill_null(float("nan")),
            frame["hour"],
            frame["weekend"].cast(pl.Float64),
            np.zeros(frame.height),
        ]
    ).astype(np.float32)
    names = list(signature.names)
    parameters = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "seed": 0, "nthread": 1}
    trained = xgboost.train(parameters, xgboost.DMatrix(matrix, label=late, feature_names=names), 30)
    path = tmp_path_factory.mktemp("booster") / "model.ubj"
    trained.save_model(path)
    background, _ = flights(40, seed=2)
    row = pl.DataFrame(
        {"carrier": ["US"], "distance": [412.5], "hour": [19], "weekend": [False], "idle": [0.7]}, schema=frame.schema
    )
    return Model(path, "xgboost-ubj", signature, row, background)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory, booster: Model) -> Model:
    """A scikit-learn pipeline with one-hot encoding that drops the feature `idle` and takes no missing values."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame, late = flights(1500, seed=1)
    frame = frame.with_columns(pl.col("distance").fill_null(1000.0))
    trained = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["carrier"]),
            (StandardScaler(), ["distance", "hour"]),
            ("passthrough", ["weekend"]),
        ),
        LogisticRegression(),
    )
    columns = {name: frame[name].to_list() for name in frame.columns}
    columns["carrier"] = pd.Series(columns["carrier"], dtype=object)
    trained.fit(pd.DataFrame(columns), late)
    path = tmp_path_factory.mktemp("pipeline") / "model.skops"
    skops.io.dump(trained, path)
    background = booster.background.with_columns(pl.col("distance").fill_null(1000.0))
    return Model(path, "skops", booster.signature, booster.row, background)


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function from a library's format and a kind of score to a model of fourteen features and its file."""
    from wide_models import wide

    @cache
    def made(artifact_format: str, kind: str) -> tuple[Wide, Path]:
        folder = tmp_path_factory.mktemp("wide")
        model = wide(artifact_format, kind, folder)
        return model, model.write(folder)

    return made

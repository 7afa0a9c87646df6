"""Logs of two windows whose shift is known: a linear model, and a booster, over rows that a test plants a cause in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEFORE, AFTER = datetime(2024, 3, 4, tzinfo=UTC), datetime(2024, 3, 11, tzinfo=UTC)
WEEK = timedelta(days=7)
CITIES = ("Bern", "Oslo", "Rome")
COEFFICIENTS = (0.5, -2.0, 0.1)


@dataclass(frozen=True)
class Version:
    """An artifact, its format, and what it makes of rows."""

    artifact: bytes
    artifact_format: str
    kind: str
    features: tuple[str, ...]
    score: Callable[[pl.DataFrame], np.ndarray]


def rows(count: int, seed: int, **shifts: float) -> pl.DataFrame:
    """Return rows of three independent numbers and a city, each number shifted by what is named."""
    drawn = np.random.default_rng(seed)
    numbers = {name: drawn.normal(0.0, 1.0, count) + shifts.get(name, 0.0) for name in ("x", "y", "z")}
    return pl.DataFrame({**numbers, "city": [CITIES[code] for code in drawn.integers(0, 3, count)]})


@pytest.fixture(scope="session")
def linear() -> Version:
    """A linear regression: 1 + 0.5 x - 2 y + 0.1 z."""
    import skops.io
    from sklearn.linear_model import LinearRegression

    drawn = np.random.default_rng(1).normal(size=(50, 3))
    model = LinearRegression().fit(drawn, 1.0 + drawn @ np.array(COEFFICIENTS))
    return Version(
        skops.io.dumps(model),
        "skops",
        "regression",
        ("x", "y", "z"),
        lambda frame: model.predict(frame.select("x", "y", "z").to_numpy()),
    )


def boosted(slope: float, constant: float = 0.0, seed: int = 3) -> Version:
    """A booster of probabilities that rise with x and y, and with the city; z is not used."""
    import xgboost

    names = ["x", "y", "z", "city"]

    def matrix(frame: pl.DataFrame) -> Any:
        codes = [CITIES.index(city) if city in CITIES else np.nan for city in frame["city"]]
        columns = [*(frame[name].to_numpy() for name in names[:3]), np.array(codes, float)]
        return np.column_stack(columns).astype(np.float32)

    frame = rows(600, seed)
    drawn = np.random.default_rng(seed)
    city = (frame["city"] == "Oslo").to_numpy()
    margin = slope * frame["x"].to_numpy() + 0.8 * frame["y"].to_numpy() + 1.2 * city + constant
    label = (margin + drawn.logistic(size=600) > 0).astype(int)
    data = matrix(frame)
    data[:, 2] = 0.0  # so that no tree uses z
    parameters = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1, "seed": 1}
    booster = xgboost.train(parameters, xgboost.DMatrix(data, label=label, feature_names=names), num_boost_round=12)
    return Version(
        bytes(booster.save_raw("ubj")),
        "xgboost-ubj",
        "probability",
        tuple(names),
        lambda frame: booster.predict(xgboost.DMatrix(matrix(frame), feature_names=names)).astype(float),
    )


@pytest.fixture(scope="session")
def trees() -> Version:
    return boosted(1.0)


@pytest.fixture(scope="session")
def steeper() -> Version:
    """Another version, which says more of everybody."""
    return boosted(1.0, constant=1.2, seed=4)


@pytest.fixture
def make_windows(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a log of two weeks, each answered by a version of the model `m`."""

    def make(
        before: pl.DataFrame,
        after: pl.DataFrame,
        version: Version,
        later: Version | None = None,
        *,
        name: str = "log",
        without_artifact: bool = False,
        change: Callable[[dict[str, pl.DataFrame]], dict[str, pl.DataFrame]] = lambda tables: tables,
    ) -> Path:
        versions = {"1": version, **({} if later is None else {"2": later})}
        parts = [(before, BEFORE, "1"), (after, AFTER, "1" if later is None else "2")]
        predictions, inputs = [], []
        for frame, start, named in parts:
            count = frame.height
            times = [start + WEEK * place / count for place in range(count)]
            ids = [f"{start:%m%d}-{place:05d}" for place in range(count)]
            scores = versions[named].score(frame)
            is_probability = version.kind == "probability"
            labels = np.where(scores >= 0.5, "bad", "good").tolist() if is_probability else [None] * count
            decisions = [{"bad": "deny", "good": "approve"}.get(label) for label in labels]
            outputs = [{"score": float(s), "label": each} for s, each in zip(scores, labels, strict=True)]
            predictions.append(
                pl.DataFrame(
                    {
                        "prediction_id": ids,
                        "occurred_at": times,
                        "recorded_at": times,
                        "model_name": ["m"] * count,
                        "model_version": [named] * count,
                        "outputs": pl.Series(outputs, dtype=pl.Struct({"score": pl.Float64, "label": pl.String})),
                        "threshold": pl.Series([0.5 if is_probability else None] * count, dtype=pl.Float64),
                        "decision": pl.Series(decisions, dtype=pl.String),
                    }
                )
            )
            inputs.append(pl.DataFrame({"prediction_id": ids, "recorded_at": times}).hstack(frame))
        registry = pl.DataFrame(
            {
                "model_name": ["m"] * len(versions),
                "model_version": list(versions),
                "recorded_at": [BEFORE - WEEK] * len(versions),
                "artifact_uri": [f"artifacts/m-{each}" for each in versions],
                "artifact_sha256": [hashlib.sha256(each.artifact).hexdigest() for each in versions.values()],
                "artifact_format": [each.artifact_format for each in versions.values()],
                "signature": [json.dumps(_signature(each)) for each in versions.values()],
                "output_kind": [each.kind for each in versions.values()],
                "threshold": pl.Series(
                    [0.5 if each.kind == "probability" else None for each in versions.values()], dtype=pl.Float64
                ),
            }
        )
        tables = {"predictions": pl.concat(predictions), "inputs/m": pl.concat(inputs), "model_versions": registry}
        folder = tmp_path / name
        write_log(folder, change(tables), {"origin": "tests/cause", "description": "Two weeks", "notes": ["Invented."]})
        (folder / "artifacts").mkdir(exist_ok=True)
        for each, held in versions.items():
            if not without_artifact:
                (folder / "artifacts" / f"m-{each}").write_bytes(held.artifact)
        return folder

    return make


def _signature(version: Version) -> dict[str, Any]:
    features = [
        {"name": name, "dtype": "str", "categories": list(CITIES)}
        if name == "city"
        else {"name": name, "dtype": "float"}
        for name in version.features
    ]
    output: dict[str, Any] = {"kind": version.kind}
    if version.kind == "probability":
        output |= {"positive": "bad", "negative": "good", "decisions": {"bad": "deny", "good": "approve"}}
    return {"features": features, "output": output}

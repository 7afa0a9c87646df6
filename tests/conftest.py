"""Fixtures that several rooms need: the sample logs, and a small log with a real model that a test may damage."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.log.files.write import write_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[1]
START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
ROWS = 40
CITIES = ("Bern", "Oslo", "Rome")
SIGNATURE = {
    "features": [
        {"name": "income", "dtype": "float", "unit": "EUR"},
        {"name": "city", "dtype": "str", "categories": list(CITIES)},
        {"name": "years", "dtype": "int", "unit": "year"},
    ],
    "output": {
        "kind": "probability",
        "positive": "bad",
        "negative": "good",
        "decisions": {"bad": "deny", "good": "approve"},
    },
}
THRESHOLD = 0.5
RULE = {"name": "newcomer", "when": "inputs.years < 2", "decision": "deny"}


@dataclass(frozen=True)
class SmallModel:
    """A booster trained once for the whole run, its bytes, and the scores it gives to the rows of the small log."""

    artifact: bytes
    inputs: pl.DataFrame
    scores: list[float]


@pytest.fixture(scope="session", autouse=True)
def folders_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what fixtures that outlive a test make for their user, and their child processes, out of it too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STATE", "CACHE", "CONFIG"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(f"{name.lower()}-of-the-run")))
        patch.setenv("AUDIT_LAB_PDF", "none")  # printing takes a second: only the tests of it do
        yield


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what a test makes for its user (vaults, remembered checkpoints, journals, indexes) out of the user's own."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path.with_name(f"{tmp_path.name}.{name.lower()}")))


@pytest.fixture(scope="session")
def flights() -> Path:
    return REPOSITORY / "sample_data" / "flights"


@pytest.fixture(scope="session")
def credit() -> Path:
    return REPOSITORY / "sample_data" / "credit"


@pytest.fixture(scope="session")
def small_model() -> SmallModel:
    import xgboost

    generator = np.random.default_rng(7)
    codes = generator.integers(0, len(CITIES), ROWS)
    inputs = pl.DataFrame(
        {
            "income": generator.uniform(1_000, 9_000, ROWS).round(2),
            "city": [CITIES[code] for code in codes],
            "years": generator.integers(0, 20, ROWS),
        }
    )
    matrix = np.column_stack([inputs["income"], codes, inputs["years"]]).astype(np.float32)
    labels = (inputs["income"].to_numpy() < 4_000).astype(int)
    names = ["income", "city", "years"]
    data = xgboost.DMatrix(matrix, label=labels, feature_names=names)
    parameters = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1, "seed": 1}
    booster = xgboost.train(parameters, data, num_boost_round=8)
    return SmallModel(bytes(booster.save_raw("ubj")), inputs, [float(score) for score in booster.predict(data)])


def small_tables(model: SmallModel) -> dict[str, pl.DataFrame]:
    ids = [f"p-{row:03d}" for row in range(ROWS)]
    times = [START + timedelta(hours=row) for row in range(ROWS)]
    labels = ["bad" if score >= THRESHOLD else "good" for score in model.scores]
    ruled = [years < 2 for years in model.inputs["years"]]
    by_label = {"bad": "deny", "good": "approve"}
    predictions = pl.DataFrame(
        {
            "prediction_id": ids,
            "occurred_at": times,
            "recorded_at": times,
            "model_name": ["loans"] * ROWS,
            "model_version": ["1"] * ROWS,
            "outputs": [{"score": score, "label": label} for score, label in zip(model.scores, labels, strict=True)],
            "threshold": [THRESHOLD] * ROWS,
            "decision": ["deny" if rule else by_label[label] for rule, label in zip(ruled, labels, strict=True)],
            "decision_rule": ["newcomer" if rule else "threshold" for rule in ruled],
            "environment": ["production"] * ROWS,
            "sequence": list(range(ROWS)),
            "writer_id": ["writer"] * ROWS,
        }
    )
    sha256 = hashlib.sha256(model.artifact).hexdigest()
    return {
        "predictions": predictions,
        "inputs/loans": model.inputs.select(pl.Series("prediction_id", ids), pl.Series("recorded_at", times), pl.all()),
        "model_versions": pl.DataFrame(
            {
                "model_name": ["loans"],
                "model_version": ["1"],
                "recorded_at": [START - timedelta(days=1)],
                "artifact_uri": ["artifacts/loans-1.ubj"],
                "artifact_sha256": [sha256],
                "artifact_format": ["xgboost-ubj"],
                "signature": [json.dumps(SIGNATURE)],
                "output_kind": ["probability"],
                "threshold": [THRESHOLD],
                "decision_rules": [json.dumps([RULE])],
            }
        ),
        "deployments": pl.DataFrame(
            {
                "deployment_id": ["primary"],
                "from_time": [START - timedelta(hours=1)],
                "recorded_at": [START - timedelta(hours=1)],
                "model_name": ["loans"],
                "model_version": ["1"],
                "environment": ["production"],
                "traffic_share": [1.0],
            }
        ),
        "lineage": pl.DataFrame(
            {
                "edge_id": ["e1", "e2", "e3", "e4"],
                "from_node": ["model:loans@1", "run:r1", "run:r1", "dataset:d@1"],
                "relation": ["wasGeneratedBy", "used", "wasAssociatedWith", "wasDerivedFrom"],
                "to_node": ["run:r1", "dataset:d@1", "commit:abc", "source:intake"],
                "at": [START] * 4,
                "recorded_at": [START] * 4,
            }
        ),
        "outcomes": pl.DataFrame(
            {"prediction_id": ["p-001"], "observed_at": [START], "recorded_at": [START], "label": ["good"]}
        ),
    }


@pytest.fixture(scope="session")
def write_small_log(small_model: SmallModel) -> Callable[..., Path]:
    """Return a function that writes the small log to a folder, with any table replaced or any of its rows changed."""

    def write(folder: Path, *, artifact: bytes | None = None, **changed: Any) -> Path:
        tables = small_tables(small_model)
        for table, change in changed.items():
            key = table.replace("inputs_", "inputs/")
            tables[key] = change(tables[key]) if callable(change) else change
        present = {key: frame for key, frame in tables.items() if frame is not None}
        write_log(folder, present, {"origin": "tests/loans", "description": "Forty loans", "notes": ["Invented."]})
        content = small_model.artifact if artifact is None else artifact
        (folder / "artifacts").mkdir(exist_ok=True)
        (folder / "artifacts" / "loans-1.ubj").write_bytes(content)
        return folder

    return write


@pytest.fixture
def make_log(tmp_path: Path, write_small_log: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that writes the small log below the test's own folder, changed as `write_small_log` says."""

    def make(name: str = "log", **changed: Any) -> Path:
        return write_small_log(tmp_path / name, **changed)

    return make

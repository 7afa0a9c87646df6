"""Folders, pickles and lifted boosters from a log to a verdict."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import xgboost
from trained import TrainedModel, trained

import audit_lab as al
from audit_lab.log.files.write import write_log
from audit_lab.replay.artifacts.folder import folder_digest
from audit_lab.sandbox import isolation_offered

START = datetime(2024, 3, 4, 9, 0, tzinfo=UTC)
ROWS = 12


def digest_of(artifact):
    if isinstance(artifact, bytes):
        return hashlib.sha256(artifact).hexdigest()
    return folder_digest({n: (hashlib.sha256(c).hexdigest(), len(c)) for n, c in artifact.items()})


def a_log(folder, model):
    """Write a log of the first rows of a model, as it answered them at the time."""
    times = [START + timedelta(hours=row) for row in range(ROWS)]
    ids = pl.Series("prediction_id", [f"p-{row}" for row in range(ROWS)])
    known = {"model_name": ["m"], "model_version": ["1"], "recorded_at": [START - timedelta(days=1)]}
    tables = {
        "predictions": pl.DataFrame(
            {
                "prediction_id": ids,
                "occurred_at": times,
                "recorded_at": times,
                "model_name": ["m"] * ROWS,
                "model_version": ["1"] * ROWS,
                "outputs": model.outputs.head(ROWS).to_struct(),
            }
        ),
        "inputs/m": model.inputs.head(ROWS).select(ids, pl.Series("recorded_at", times), pl.all()),
        "model_versions": pl.DataFrame(
            {
                **known,
                "artifact_uri": ["artifacts/m"],
                "artifact_sha256": [digest_of(model.artifact)],
                "artifact_format": [model.artifact_format],
                "signature": [model.signature_text],
                "output_kind": [model.signature["output"]["kind"]],
            }
        ),
    }
    write_log(folder, tables, {"origin": "tests/m", "description": "Of every format", "notes": ["Invented."]})
    (folder / "artifacts").mkdir()
    model.write(folder / "artifacts" / "m")
    return al.open(folder)


needs_walls = pytest.mark.skipif(
    bool(isolation_offered().missing), reason="this machine cannot isolate what runs code when it is opened"
)


def test_folder_of_mlflow_is_replayed(tmp_path):
    replay = a_log(tmp_path / "log", trained("mlflow", "label", seed=1)).decision("p-3").replay()
    assert (str(replay.verdict), replay.code) == ("EXACT", "exact")


def test_one_row_of_a_batch_may_differ_in_its_last_bits_where_linear_algebra_adds_up(tmp_path):
    replay = a_log(tmp_path / "log", trained("mlflow", "multiclass", seed=1)).decision("p-3").replay()
    assert replay.reproduced
    assert replay.distance < 1e-15


def test_booster_in_a_pickle_is_replayed_without_opening_it(tmp_path):
    model = trained("xgboost-ubj", "multiclass", seed=1)
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.artifact))
    pickled = TrainedModel(pickle.dumps(booster), "pickle", model.signature, model.inputs, model.outputs)
    replay = a_log(tmp_path / "log", pickled).decision("p-3").replay()
    assert str(replay.verdict) == "EXACT"
    assert any("was lifted out of the pickle (xgboost.core.Booster)" in note for note in replay.notes)


@needs_walls
def test_trusted_pickle_is_replayed_and_said_to_be_trusted(tmp_path):
    model = trained("joblib", "label", seed=1)
    decision = a_log(tmp_path / "log", model).decision("p-3")
    assert decision.replay().code == "artifact-format-unsafe"
    replay = decision.replay(trust=[f"sha256:{digest_of(model.artifact)}"])
    assert str(replay.verdict) == "EXACT"
    assert any("its digest was trusted by name" in note for note in replay.notes)


class OpensSocket:
    def __reduce__(self):
        return (socket.create_connection, (("127.0.0.1", 9),))


class WritesHome:
    def __reduce__(self):
        return (Path.write_text, (Path.home() / "written-by-a-model", "x"))


class RunsCommand:
    def __reduce__(self):
        return (os.system, ("touch /tmp/written-by-a-model",))


@needs_walls
@pytest.mark.parametrize("hostile", [OpensSocket, WritesHome, RunsCommand])
def test_trusted_pickle_that_does_harm_is_contained(tmp_path, hostile):
    model = trained("pickle", "probability", seed=1)
    content = pickle.dumps(hostile())
    evil = TrainedModel(content, "pickle", json.loads(model.signature_text), model.inputs, model.outputs)
    decision = a_log(tmp_path / "log", evil).decision("p-3")
    assert decision.replay().code == "artifact-format-unsafe"
    replay = decision.replay(trust=[f"sha256:{digest_of(content)}"])
    assert str(replay.verdict) == "UNREPLAYABLE"
    assert replay.code == "model-trespass"
    assert replay.isolation["network"].startswith("none")
    assert any("its digest was trusted by name" in note for note in replay.notes)
    assert not (Path.home() / "written-by-a-model").exists()
    assert not Path("/tmp/written-by-a-model").exists()

"""Explaining through the sandbox: what is refused, what is returned, and that it comes out the same."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from audit_lab.errors import AuditLabError, MisuseError, ModelError, SandboxError
from audit_lab.explain import Background, Contribution, explain
from audit_lab.explain.explainer import worker_of
from audit_lab.explain.lime_task import attribute as lime_attribute
from audit_lab.explain.shap_task import attribute as shap_attribute
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.sandbox import Limits

if TYPE_CHECKING:
    from conftest import Model

_ROOT = Path(__file__).resolve().parents[2]
_BOTH_TASKS = """
import json, sys
from dataclasses import replace
from pathlib import Path
import polars as pl
from audit_lab.explain import lime_task, model_values, shap_task
from audit_lab.sandbox.job import Job
folder = Path(sys.argv[1])
header = json.loads((folder / "header.json").read_text())
tables = {name: pl.read_ipc(folder / f"{name}.arrow") for name in ("inputs", "background")}
job = Job(header, tables, {"artifact": folder / "artifact"})
by_paths = Job({**header, "perturbation": "path-dependent"}, tables, job.files)
log_odds = Job({**header, "output": "log-odds"}, tables, job.files)
print(json.dumps([shap_task.attribute(each).header for each in (job, by_paths, log_odds)]))
print(json.dumps(lime_task.attribute(job).header))
model_values._MOST_ENUMERATED = 0
print(json.dumps(shap_task.attribute(job).header))
print(json.dumps(shap_task.attribute(Job({**header, "sampling": "shap"}, tables, job.files)).header))
"""


def test_shap_through_the_sandbox_equals_the_task_in_this_process(pipeline: Model) -> None:
    attribution = explain("shap", **pipeline.request())

    found = shap_attribute(pipeline.job()).header
    values = [entry.contribution for entry in attribution.contributions]
    assert values == pytest.approx(found["contributions"], abs=1e-12)
    assert attribution.prediction_value == found["prediction_value"]
    assert [check.name for check in attribution.checks if check.passed] == [
        "additivity",
        "determinism",
        "familiarity",
        "background",
    ]


def test_lime_through_the_sandbox_carries_everything_it_rests_on(booster: Model) -> None:
    attribution = explain("lime", **booster.request(), seed=3)

    found = lime_attribute(booster.job(samples=5000, seed=3)).header
    assert [entry.contribution for entry in attribution.contributions] == pytest.approx(
        found["contributions"], abs=1e-12
    )
    assert attribution.contributions[0] == Contribution("carrier", "US", attribution.contributions[0].contribution)
    assert attribution.background == Background("test", tuple(f"b-{n}" for n in range(40)), "0" * 64)
    assert attribution.artifact_sha256 == hashlib.sha256(booster.content).hexdigest()
    assert (attribution.method, attribution.library, attribution.label, attribution.seed) == ("lime", "lime", "late", 3)
    assert attribution.isolation["network"]


def test_two_processes_with_other_hash_seeds_give_the_same_bytes(tmp_path: Path, booster: Model) -> None:
    job = booster.job()
    (tmp_path / "header.json").write_text(json.dumps(job.header))
    (tmp_path / "artifact").write_bytes(booster.content)
    for name, table in job.tables.items():
        table.write_ipc(tmp_path / f"{name}.arrow")

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _BOTH_TASKS, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads},
            cwd=_ROOT,
            stdout=subprocess.PIPE,
        )
        for seed, threads in (("1", "1"), ("2", "2"))
    ]
    first, second = (process.communicate()[0] for process in processes)

    together, lime, sampled, by_shap = map(json.loads, first.splitlines())
    assert len(together) == 3
    assert (lime["library"], by_shap["library"]) == ("lime", "shap")
    assert sampled["algorithm"].startswith("permutation sampling")
    assert first == second


@pytest.mark.parametrize(
    ("method", "output", "artifact_format", "message"),
    [
        ("anchors", "probability", "skops", "no explanation method 'anchors'"),
        ("shap", "label", "skops", "an explanation of 'label' is not offered"),
        ("lime", "log-odds", "xgboost-ubj", "log-odds are not offered for lime of a xgboost-ubj artifact"),
    ],
)
def test_what_is_not_offered_is_misuse(
    method: str, output: Any, artifact_format: str, message: str, booster: Model
) -> None:
    with pytest.raises(MisuseError, match=message):
        explain(method, **booster.request(artifact=Artifact("0" * 64, artifact_format, b"")), output=output)


def test_inputs_without_a_feature_are_refused(booster: Model) -> None:
    with pytest.raises(AuditLabError, match=r"the inputs of p-1 have no feature distance, hour, weekend, idle"):
        explain("shap", **booster.request(inputs={"carrier": "US"}))


def test_a_background_with_other_columns_is_refused(booster: Model) -> None:
    request = booster.request()
    renamed = type(request["background"])(booster.background.rename({"hour": "time"}), ("b",), "0" * 64, "test")

    with pytest.raises(AuditLabError, match=r"the background of p-1 have no feature hour"):
        explain("shap", **{**request, "background": renamed})


def test_inputs_of_another_type_are_refused(booster: Model) -> None:
    inputs = {**booster.row.row(0, named=True), "distance": "far"}

    with pytest.raises(AuditLabError, match="the inputs of p-1 do not have the types of the background"):
        explain("shap", **booster.request(inputs=inputs))


def test_limits_reach_the_child(booster: Model) -> None:
    with pytest.raises(SandboxError) as caught:
        explain("shap", **booster.request(), limits=Limits(wall_s=0.1))

    assert caught.value.reason == "timeout"


def test_a_model_without_finite_scores_is_refused(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit_lab.sandbox import TaskResult, Worker

    header = {"base_value": float("nan"), "prediction_value": 0.5, "contributions": [0.0] * 5}
    monkeypatch.setattr(Worker, "run", lambda *_, **__: TaskResult(header, {}, {}, 0.0))

    with pytest.raises(ModelError, match="scores for p-1 or its background that are no numbers"):
        explain("shap", **booster.request())


def test_importing_the_room_loads_neither_shap_nor_lime() -> None:
    code = (
        "import sys, audit_lab.explain; print([m for m in ('shap', 'lime', 'xgboost', 'sklearn') if m in sys.modules])"
    )

    command = [sys.executable, "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT)

    assert found.stdout.strip() == "[]"


def test_decisions_of_one_artifact_are_explained_by_one_child(booster: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    explain("shap", **booster.request())
    worker = worker_of(booster.request()["artifact"])
    monkeypatch.setattr("audit_lab.sandbox.kept.Worker", None)

    explain("shap", **booster.request(prediction_id="p-2"))

    assert worker_of(booster.request()["artifact"]) is worker


def test_a_missing_number_of_the_background_may_be_nan(booster: Model) -> None:
    request = booster.request()
    rows = request["background"]
    nan = replace(rows, frame=rows.frame.with_columns(pl.col("distance").fill_null(float("nan"))))
    first = explain("shap", **request)

    assert first.contributions == explain("shap", **{**request, "background": nan}).contributions

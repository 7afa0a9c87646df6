"""Models of older libraries, trained in an environment of their own, are run again in the one that was recorded."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.replay.environment.construction import prepare_environment
from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.replay.environment.exploration import explore
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import version_runtime
from audit_lab.replay.environment.uv_command import Uv
from audit_lab.sandbox import run_task

if TYPE_CHECKING:
    from audit_lab.replay.environment.environment_cache import BuiltEnvironment
    from audit_lab.replay.environment.recorded import RecordedRuntime

ROWS = 300
REGISTERED = datetime(2025, 3, 1, tzinfo=UTC)
SIGNATURE = {
    "features": [
        {"name": "income", "dtype": "float"},
        {"name": "city", "dtype": "str", "categories": ["Bern", "Oslo", "Rome"]},
        {"name": "years", "dtype": "int"},
    ],
    "output": {"kind": "probability", "positive": "bad", "negative": "good"},
}
#: A set of releases of the winter of 2025, closed: nothing in it needs anything that is not in it.
PACKAGES = {
    "certifi": "2025.1.31",
    "charset-normalizer": "3.4.1",
    "filelock": "3.17.0",
    "fsspec": "2025.2.0",
    "huggingface-hub": "0.29.1",
    "idna": "3.10",
    "joblib": "1.4.2",
    "numpy": "1.26.4",
    "packaging": "24.2",
    "pandas": "2.2.3",
    "python-dateutil": "2.9.0.post0",
    "pytz": "2025.1",
    "pyyaml": "6.0.2",
    "requests": "2.32.3",
    "scikit-learn": "1.5.2",
    "scipy": "1.15.2",
    "six": "1.17.0",
    "skops": "0.11.0",
    "tabulate": "0.9.0",
    "threadpoolctl": "3.5.0",
    "tqdm": "4.67.1",
    "typing-extensions": "4.12.2",
    "tzdata": "2025.1",
    "urllib3": "2.3.0",
    "xgboost-cpu": "2.1.4",
}
#: skops does not know this type of scikit-learn's, so whoever replays has to name it, in any environment.
TRUSTED = ["sklearn.compose._column_transformer._RemainderColsList"]
ARTIFACTS = {"skops": "pipeline.skops", "xgboost-json": "booster.json"}


@dataclass(frozen=True)
class Trained:
    """What the older environment left behind."""

    folder: Path
    inputs: pl.DataFrame
    scores: dict[str, list[float]]
    runtime: dict[str, Any]

    def recorded(self, artifact_format: str, **packages: str) -> RecordedRuntime:
        """Return what a registry row would record; of the packages those that are named, else all."""
        runtime = {**self.runtime, "packages": packages or self.runtime["packages"]}
        row = {"model_name": "loans", "model_version": "1", "recorded_at": REGISTERED}
        return version_runtime({**row, "artifact_format": artifact_format, "runtime": json.dumps(runtime)})

    def scored(self, artifact_format: str, built: BuiltEnvironment | None) -> list[float]:
        """Return what comes out in an environment; in the present one where None is given."""
        result = run_task(
            "audit_lab.replay.scoring:score",
            header={"signature": json.dumps(SIGNATURE), "artifact_format": artifact_format, "trusted_types": TRUSTED},
            tables={"inputs": self.inputs},
            files={"artifact": self.folder / ARTIFACTS[artifact_format]},
            environment=built and built.environment,
        )
        assert "fault" not in result.header, result.header
        return result.tables["outputs"]["score"].to_list()


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("recorded environment")


@pytest.fixture(scope="session")
def trained(place):
    """Train in an environment of older releases; skip only where no package registry is reached."""
    empty, home = place / "empty", place / "trained in"
    empty.mkdir()
    uv = Uv(empty)
    options = ("--only-binary", ":all:", "--no-deps", "--python", sys.executable)
    pins = [f"{name}=={version}" for name, version in PACKAGES.items()]
    probe = uv.run("pip", "install", "--dry-run", "--target", str(place / "probe"), *options, *pins)
    if probe.unreachable:
        pytest.skip(f"no package registry is reached, so no older release can be installed ({probe.reason})")
    assert probe.done, probe.error
    assert uv.run("venv", "--no-project", "--python", sys.executable, str(home)).done
    python = home / "bin" / "python"
    done = uv.run("pip", "install", "--only-binary", ":all:", "--no-deps", "--python", str(python), *pins)
    assert done.done, done.error
    random = np.random.default_rng(11)
    inputs = pl.DataFrame(
        {
            "income": random.uniform(1_000, 9_000, ROWS).round(2),
            "city": random.choice(["Bern", "Oslo", "Rome"], ROWS),
            "years": random.integers(0, 20, ROWS),
        }
    )
    (place / "inputs.json").write_text(json.dumps(inputs.to_dict(as_series=False)))
    program = Path(__file__).with_name("training_process.py")
    subprocess.run([str(python), "-I", str(program), str(place)], check=True, timeout=300, cwd=empty)
    document = json.loads((place / "trained.json").read_text())
    scores = {name: [float.fromhex(score) for score in each] for name, each in document["scores"].items()}
    return Trained(place, inputs, scores, document["runtime"])


@pytest.fixture(scope="session")
def built(place, trained):
    """Build the environment again from what was recorded of it."""
    return prepare_environment(trained.recorded("skops"), cache=EnvironmentCache(place / "environments"))


def test_the_environment_is_the_recorded_one(built):
    assert built.packages == PACKAGES
    assert (built.filled, built.notes) == ({}, ())


def test_a_scikit_learn_model_of_then_gives_the_same_bits_in_its_recorded_environment(trained, built):
    assert trained.scored("skops", built) == trained.scores["skops"]


def test_an_xgboost_model_of_then_gives_the_same_bits_in_its_recorded_environment(trained, built):
    assert trained.scored("xgboost-json", built) == trained.scores["xgboost-json"]


def test_what_ran_is_what_was_recorded(trained, built):
    result = run_task(
        "audit_lab.replay.environment.fingerprint_task:report",
        header={"modules": ["scipy.linalg", "sklearn.linear_model", "xgboost"]},
        tables={},
        files={},
        environment=built.environment,
    )
    found, _ = Fingerprint.parse(result.header["fingerprint"])
    ran = {name: version for name, version in found.packages.items() if not name.startswith("polars")}
    assert ran == PACKAGES
    assert {library.bundled_with for library in found.blas} == {"numpy", "scipy"}


def test_a_list_that_is_not_closed_is_filled_with_releases_of_its_time(trained, place):
    recorded = trained.recorded("xgboost-json", **{"xgboost-cpu": "2.1.4"})
    built = prepare_environment(recorded, cache=EnvironmentCache(place / "environments"))
    assert built.packages == {"numpy": "2.2.3", "scipy": "1.15.2", "xgboost-cpu": "2.1.4"}
    assert built.notes == (
        ("Needed and not in the record: numpy, scipy; taken from before 2025-03-01, when the version was registered."),
    )
    assert trained.scored("xgboost-json", built) == trained.scores["xgboost-json"]


@pytest.fixture
def registered(trained, tmp_path, make_log):
    """Return a log's registered model whose artifact is the booster of then."""
    from audit_lab.log.store import open_store
    from audit_lab.replay.registered import load_registered

    content = (trained.folder / ARTIFACTS["xgboost-json"]).read_bytes()
    log = make_log(
        artifact=content,
        model_versions=lambda frame: frame.with_columns(
            artifact_format=pl.lit("xgboost-json"),
            artifact_sha256=pl.lit(hashlib.sha256(content).hexdigest()),
            signature=pl.lit(json.dumps(SIGNATURE)),
            decision_rules=pl.lit(None, pl.String),
        ),
    )
    return load_registered(open_store(str(log)), "loans", "1")


def test_two_environments_are_explored_row_by_row(trained, built, registered):
    inputs = trained.inputs.with_columns(prediction_id=pl.format("p-{}", pl.int_range(pl.len())))
    found = explore(registered, None, inputs, built.environment, None)
    assert found.table["prediction_id"].to_list() == inputs["prediction_id"].to_list()
    assert found.table["score_a"].to_list() == trained.scores["xgboost-json"]
    assert found.table["score_b"].to_list() == trained.scored("xgboost-json", None)
    fields = {each.field: (each.recorded, each.present) for each in found.differences}
    assert fields["packages.xgboost-cpu"][0] == "2.1.4"
    assert fields["packages.numpy"][0] == "1.26.4"
    assert found.sides[0].environment == built.environment.name
    assert "of 300 outputs have the same bits" in found.summary
    assert "xgboost-cpu 2.1.4 against" in found.summary


@pytest.fixture(params=sorted(ARTIFACTS))
def log_of_then(request, trained, built, place, tmp_path, monkeypatch):  # noqa: PLR0917 - fixtures
    """Return a log as it was written then, and its format; the user's cache holds the environment already."""
    from audit_lab.log.files.write import write_log

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "audit_lab").mkdir(parents=True)
    (tmp_path / "cache" / "audit_lab" / "environments").symlink_to(place / "environments")
    name = request.param
    content = (trained.folder / ARTIFACTS[name]).read_bytes()
    ids = [f"p-{row:03d}" for row in range(ROWS)]
    at = pl.Series([REGISTERED] * ROWS).cast(pl.Datetime("us", "UTC"))
    scores = trained.scores[name]
    predictions = pl.DataFrame({"prediction_id": ids, "occurred_at": at, "recorded_at": at}).with_columns(
        model_name=pl.lit("loans"),
        model_version=pl.lit("1"),
        outputs=pl.struct(score=pl.Series(scores), label=pl.Series(["bad" if s >= 0.5 else "good" for s in scores])),
    )
    version = {
        "model_name": ["loans"],
        "model_version": ["1"],
        "recorded_at": [REGISTERED],
        "artifact_uri": ["model"],
        "artifact_sha256": [hashlib.sha256(content).hexdigest()],
        "artifact_format": [name],
        "signature": [json.dumps(SIGNATURE)],
        "threshold": [0.5],
        "runtime": [json.dumps(trained.runtime)],
    }
    inputs = trained.inputs.select(pl.Series("prediction_id", ids), at.alias("recorded_at"), pl.all())
    tables = {"predictions": predictions, "inputs/loans": inputs, "model_versions": pl.DataFrame(version)}
    write_log(tmp_path / "log", tables, {"origin": "tests/then", "description": "Then", "notes": []})
    (tmp_path / "log" / "model").write_bytes(content)
    return tmp_path / "log", name


def test_a_decision_of_then_is_replayed_exactly_in_its_recorded_environment(log_of_then):
    import audit_lab as al

    folder, _ = log_of_then
    replay = al.open(folder).decision("p-007").replay(environment="recorded", trusted_types=TRUSTED)
    assert (str(replay.verdict), replay.code) == ("EXACT", "exact")
    assert replay.environment.startswith("recorded")
    assert replay.same_numerics is None  # the record names packages alone
    assert not [each.field for each in replay.differences if each.field.startswith("packages.")]


def test_a_window_of_then_is_replayed_exactly_in_its_recorded_environment(log_of_then):
    import audit_lab as al

    folder, _ = log_of_then
    batch = al.open(folder).replay(environment="recorded", trusted_types=TRUSTED)
    assert batch.groups.select("verdict", "predictions").rows() == [("EXACT", ROWS)]


def test_here_it_is_said_what_is_another_release(log_of_then):
    import audit_lab as al

    folder, name = log_of_then
    replay = al.open(folder).decision("p-007").replay(trusted_types=TRUSTED, causes=False)
    fields = {each.field: each.recorded for each in replay.differences}
    assert fields["packages.numpy"] == "1.26.4"
    # A pipeline of then is not even loaded by today's scikit-learn: all the more is it said what is another release.
    expected = {"xgboost-json": ("exact", "present"), "skops": ("artifact-corrupt", "present")}
    assert (replay.code, replay.environment) == expected[name]
    assert ("scikit-learn 1.5.2 (here " in replay.why) == (name == "skops")

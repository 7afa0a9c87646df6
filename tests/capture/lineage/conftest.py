"""A store that MLflow itself wrote, once for all tests of a process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = Path(__file__).with_name("mlflow_training.py")
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@pytest.fixture(scope="session")
def quiet():
    """Return the environment in which MLflow keeps to itself."""
    return {**os.environ, **QUIET}


@pytest.fixture(scope="session")
def trained(quiet, tmp_path_factory):
    """Return the store that MLflow wrote, and the ids of the run and of the run that started it."""
    place = tmp_path_factory.mktemp("mlflow")
    done = subprocess.run(
        [sys.executable, str(shutil.copy(TRAINING, place)), str(place / "mlruns")],  # outside of any repository
        env={**quiet, "HOME": str(place)},
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    parent, run = done.stdout.split()[-2:]
    return place / "mlruns", run, parent

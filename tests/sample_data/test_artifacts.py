from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture
def fitted():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    values = np.array([[0.0, 3.0], [1.0, 1.0], [2.0, 4.0], [3.0, 1.5], [4.0, 9.0]])
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    return pipeline.fit(values, np.array([0, 1, 0, 1, 1])), values


@pytest.fixture
def pipeline_artifact(committed, monkeypatch):
    monkeypatch.syspath_prepend(str(committed))
    from builder.artifacts import pipeline_artifact

    return pipeline_artifact


def test_a_saved_pipeline_predicts_as_before(fitted, pipeline_artifact):
    from skops.io import loads

    pipeline, values = fitted
    reloaded = loads(pipeline_artifact(pipeline, "small").content, trusted=[])
    assert reloaded.predict_proba(values).tolist() == pipeline.predict_proba(values).tolist()


def test_skops_alone_does_not_save_the_same_bytes_and_the_artifact_does(fitted, pipeline_artifact):
    from copy import deepcopy

    from skops.io import dumps

    pipeline, _ = fitted
    other = deepcopy(pipeline)
    assert dumps(pipeline) != dumps(other)
    assert pipeline_artifact(pipeline, "small").content == pipeline_artifact(other, "small").content


def test_a_wrong_option_ends_in_usage_not_in_files(committed, tmp_path):
    command = [sys.executable, str(committed / "build.py"), "--out", str(tmp_path), "--only", "weather"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
    assert list(tmp_path.iterdir()) == []

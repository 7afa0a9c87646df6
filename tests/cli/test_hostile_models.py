"""A model that hangs, eats memory or crashes is a verdict with its reason, and the command goes on."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest


def hanging():
    """Return a skops pipeline of trusted types whose topic model never stops improving on one row."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.decomposition import LatentDirichletAllocation
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    topics = LatentDirichletAllocation(2, max_iter=1, random_state=0)
    numbers = make_column_transformer(("passthrough", ["income", "years"]))
    rows = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "city": ["Bern"] * 4, "years": [1, 2, 3, 5]})
    pipeline = make_pipeline(numbers, topics, LogisticRegression()).fit(rows, [0, 1, 0, 1])
    topics = pipeline.named_steps["latentdirichletallocation"]
    topics.max_doc_update_iter, topics.mean_change_tol = 10**9, 0.0
    return skops.io.dumps(pipeline)


def greedy():
    """Return a skops pipeline of trusted types that makes room for a million million features of each row."""
    import pandas as pd
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    numbers = make_column_transformer(("passthrough", ["income", "years"]))
    rows = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "city": ["Bern"] * 4, "years": [1, 2, 3, 5]})
    pipeline = make_pipeline(numbers, PolynomialFeatures(2), LogisticRegression()).fit(rows, [0, 1, 0, 1])
    pipeline.named_steps["polynomialfeatures"]._n_out_full = 10**12
    return skops.io.dumps(pipeline)


def crashing(model):
    """Return a booster whose first node is its own child: the library follows it until its stack ends.

    XGBoost allows a comma at the end of a list, which JSON does not: so nothing looks at the tree before it does.
    """
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(model.artifact))
    document = json.loads(bytes(booster.save_raw("json")))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    tree["left_children"][0] = tree["right_children"][0] = 0
    text = json.dumps({**document, "version": []})
    return text.replace('"version": []', '"version": [3, 2, 0,]').encode()


@pytest.fixture
def log_of(make_log):
    """Return a function that makes a log of a given artifact, which the registry vouches for."""

    def make(artifact, artifact_format):
        digest = hashlib.sha256(artifact).hexdigest()
        change = lambda frame: frame.with_columns(
            artifact_sha256=pl.lit(digest), artifact_format=pl.lit(artifact_format)
        )
        return make_log(artifact=artifact, model_versions=change)

    return make


def test_a_model_that_hangs(run, log_of):
    log = log_of(hanging(), "skops")
    answer = run("replay", "p-001", "--log", log, "--time-limit", "2")
    assert (answer.code, answer.err) == (1, "")
    assert "UNREPLAYABLE" in answer.out
    assert "--time-limit" in answer.out


def test_an_explanation_of_a_model_that_hangs(run, log_of):
    answer = run("explain", "p-001", "--log", log_of(hanging(), "skops"), "--time-limit", "2", "--json")
    assert answer.code == 1
    assert answer.json["error"]["kind"] == "SandboxError"
    assert "--time-limit" in answer.json["error"]["next_step"]


def test_a_model_that_eats_memory(run, log_of):
    log = log_of(greedy(), "skops")
    answer = run("replay", "p-001", "--log", log, "--memory-limit", "2", "--json")
    assert (answer.code, answer.json["verdict"], answer.json["code"]) == (1, "UNREPLAYABLE", "model-memory")
    assert "2.0 GB" in answer.json["why"]
    explained = run("explain", "p-001", "--log", log, "--memory-limit", "2")
    assert explained.code == 1
    assert len(explained.err.splitlines()) == 1


def test_a_model_that_crashes_its_library(run, log_of, small_model):
    log = log_of(crashing(small_model), "xgboost-json")
    answer = run("replay", "--all", "--log", log, "--json")
    assert answer.code == 1
    assert [(group["verdict"], group["code"], group["predictions"]) for group in answer.json["groups"]] == [
        ("UNREPLAYABLE", "model-crash", 40)
    ]

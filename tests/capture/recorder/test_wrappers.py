"""Functions and models whose callers notice nothing."""

from __future__ import annotations

import asyncio

import numpy as np
import pandas as pd
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError


def test_a_function_is_recorded_as_it_was_asked_and_answered(recorded):
    with recorded.recorder() as recorder:

        @al.recorded(recorder)
        def score(features):
            """Score."""
            features["amount"] *= 2
            return {"score": features["amount"] / 1000, "label": "good", "decision": "approve"}

        given = {"amount": 100.0}
        assert score(given) == {"score": 0.2, "label": "good", "decision": "approve"}
        assert (score.__name__, score.__doc__, given) == ("score", "Score.", {"amount": 200.0})
    recorded.seal()
    (row,) = recorded.predictions.to_dicts()
    assert row["outputs"] == {"score": 0.2, "label": "good", "probabilities": None}
    assert row["decision"] == "approve"
    assert row["latency_ms"] > 0
    assert recorded.inputs["amount"].to_list() == [100.0]


def test_a_function_that_raises_is_recorded_and_raises(recorded):
    with recorded.recorder() as recorder:

        @al.recorded(recorder, wait=True)
        def score(_):
            raise ValueError("no such city")

        with pytest.raises(ValueError, match="no such city"):
            score({"city": "Ys"})
        assert recorder.status().durable == 1
    recorded.seal()
    assert recorded.predictions["error"].to_list() == ["ValueError: no such city"]
    assert recorded.inputs["city"].to_list() == ["Ys"]


def test_inputs_and_outputs_are_taken_from_where_they_are(recorded):
    with recorded.recorder() as recorder:

        @al.recorded(
            recorder,
            inputs=lambda _, customer: {"amount": customer.amount},
            outputs=lambda result: {"score": result[0], "decision": result[1]},
        )
        def decide(service, customer):
            return customer.amount / service, "deny"

        class Customer:
            amount = 50.0

        assert decide(100, customer=Customer()) == (0.5, "deny")
    recorded.seal()
    assert recorded.predictions.select("decision", pl.col("outputs").struct.field("score")).rows() == [("deny", 0.5)]


def test_a_coroutine_is_recorded(recorded):
    with recorded.recorder() as recorder:

        @al.recorded(recorder, wait=True)
        async def score(features):
            await asyncio.sleep(0)
            if features["a"] < 0:
                raise ValueError("negative")
            return 0.25

        async def main():
            return await asyncio.gather(*[score({"a": float(a)}) for a in (-1, 1)], return_exceptions=True)

        failed, scored = asyncio.run(main())
        assert (type(failed), scored) == (ValueError, 0.25)
        assert recorder.status().durable == 2
    recorded.seal()
    assert recorded.predictions["error"].null_count() == 1


class Fitted:
    """What scikit-learn's classifiers offer."""

    classes_ = np.array(["bad", "good"])
    feature_names_in_ = np.array(["a", "b"])
    depth = 3

    def predict_proba(self, x):
        values = np.asarray(x, dtype=float)
        return np.column_stack([1 - values[:, 0], values[:, 0]])

    def predict(self, x):
        return self.classes_[(self.predict_proba(x)[:, 1] > 0.5).astype(int)]


TABLE = {"a": [0.25, 0.75], "b": [1, 2]}


@pytest.mark.parametrize("made", [pd.DataFrame, pl.DataFrame, lambda table: np.column_stack(list(table.values()))])
def test_each_row_that_a_model_predicts_is_recorded(recorded, made):
    with recorded.recorder() as recorder:
        model = al.RecordedModel(Fitted(), recorder, decide=lambda score: "approve" if score > 0.5 else "deny")
        assert model.predict_proba(made(TABLE)).tolist() == [[0.75, 0.25], [0.25, 0.75]]
        assert model.depth == 3
    recorded.seal()
    rows = recorded.predictions.select("decision", pl.col("outputs").struct.unnest(), "request_id")
    assert rows.drop("request_id").rows() == [
        ("deny", 0.25, "bad", [0.75, 0.25]),
        ("approve", 0.75, "good", [0.25, 0.75]),
    ]
    assert rows["request_id"].n_unique() == 1
    assert rows["request_id"].null_count() == 0
    assert recorded.inputs.select(pl.col("a"), pl.col("b").cast(pl.Int64)).rows() == [(0.25, 1), (0.75, 2)]


def test_labels_and_the_score_of_another_class(recorded):
    with recorded.recorder() as recorder:
        model = al.RecordedModel(Fitted(), recorder, positive="bad")
        assert model.predict(pd.DataFrame(TABLE)).tolist() == ["bad", "good"]
        model.predict_proba(pd.DataFrame(TABLE).head(1))
    recorded.seal()
    outputs = recorded.predictions["outputs"].struct
    assert outputs.field("label").to_list() == ["bad", "good", "bad"]
    assert outputs.field("score").to_list() == [None, None, 0.75]


def test_rows_that_a_model_refuses_are_recorded_as_failed(recorded):
    class Broken(Fitted):
        def predict(self, x):
            raise RuntimeError("out of memory")

    with recorded.recorder() as recorder:
        with pytest.raises(RuntimeError):
            al.RecordedModel(Broken(), recorder).predict(pd.DataFrame(TABLE))
        with pytest.raises(MisuseError, match="have no names"):
            al.RecordedModel(object(), recorder).predict([[1.0]])
    recorded.seal()
    assert recorded.predictions["error"].to_list() == ["RuntimeError: out of memory"] * 2

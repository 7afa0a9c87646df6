"""Functions and models whose callers notice nothing."""

from __future__ import annotations

import asyncio
import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

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


ONES = ([0.0, 1.0], [1.0, 0.0])
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


def test_a_function_is_called_by_name_or_told_what_is_missing(recorded):
    asked = []
    with recorded.recorder() as recorder:

        @al.recorded(recorder)
        def score(features=None, *, factor=1.0):
            asked.append(features)
            return features["a"] * factor

        assert score(features={"a": 0.25}, factor=2.0) == 0.5
        with pytest.raises(MisuseError, match="was called without what it predicts from"):
            score(factor=2.0)
    recorded.seal()
    assert asked == [{"a": 0.25}]
    assert recorded.inputs["a"].to_list() == [0.25]


class Told:
    """A model that gives what it is told to."""

    def __init__(self, given) -> None:
        self.given = given

    def predict(self, _):
        return self.given


@pytest.mark.parametrize(
    ("given", "scores", "parameters"),
    [
        (np.array([[0.5], [0.75]]), [0.5, 0.75], [None, None]),
        (pd.DataFrame({"y": [0.5, 0.75]}), [0.5, 0.75], [None, None]),
        (pl.Series([0.5, 0.75]), [0.5, 0.75], [None, None]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [None, None], ['{"outputs": [1.0, 2.0]}', '{"outputs": [3.0, 4.0]}']),
        (scipy.sparse.csr_matrix([[0.0, 1.0], [1.0, 0.0]]), [None] * 2, [f'{{"outputs": {x}}}' for x in ONES]),
    ],
)
def test_what_a_model_gives_is_recorded_by_row_and_given_on_as_it_is(recorded, given, scores, parameters):
    with recorded.recorder() as recorder:
        assert al.RecordedModel(Told(given), recorder, features=["a"]).predict([[1.0], [2.0]]) is given
    recorded.seal()
    outputs = recorded.predictions["outputs"].to_list()
    assert [None if each is None else each["score"] for each in outputs] == scores
    assert recorded.predictions["parameters"].to_list() == parameters


def test_an_iterator_is_not_used_up_and_results_that_fit_no_row_are_told(recorded):
    with recorded.recorder() as recorder:
        asked = al.RecordedModel(Told(value for value in (0.5, 0.75)), recorder, features=["a"])
        assert asked.predict([[1.0], [2.0]]) == [0.5, 0.75]
        assert al.RecordedModel(Told([0.5]), recorder, features=["a"]).predict([[1.0], [2.0]]) == [0.5]
    recorded.seal()
    told = "the model gave 1 results for 2 rows"
    assert recorded.predictions["error"].to_list() == [None, None, told, told]


def test_probabilities_of_several_outputs_and_a_class_that_is_none(recorded):
    class Several(Fitted):
        def predict_proba(self, x):
            return [np.array([[0.25, 0.75]] * len(x)), np.array([[0.5, 0.5]] * len(x))]

    with recorded.recorder() as recorder:
        al.RecordedModel(Several(), recorder).predict_proba([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
        with pytest.raises(MisuseError, match="has no class 'yes' that could be positive"):
            al.RecordedModel(Fitted(), recorder, positive="yes").predict_proba([[1.0, 2.0]])
        with pytest.raises(MisuseError, match="a row of 3 values cannot be the 2 features"):
            al.RecordedModel(Fitted(), recorder).predict_proba([[1.0, 2.0, 3.0]])
    recorded.seal()
    assert recorded.predictions["parameters"].to_list() == ['{"outputs": [[0.25, 0.75], [0.5, 0.5]]}'] * 3


def test_missing_values_of_a_data_frame_are_missing_in_the_log(recorded):
    table = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "text": ["x", None],
            "at": pd.to_datetime(["2026-01-01", None]),
            "kind": pd.Categorical(["x", None]),
            "number": [0.5, float("nan")],
        }
    )
    with recorded.recorder() as recorder:
        al.RecordedModel(Told([0.5, 0.75]), recorder).predict(table)
        sparse = scipy.sparse.csr_matrix([[1.0, 0.0], [0.0, 2.0]])
        al.RecordedModel(Told([0.5, 0.75]), recorder, features=["c", "d"]).predict(sparse)
    assert recorded.seal().quarantined == 0
    rows = recorded.inputs.select("whole", "text", "at", "kind", "c", "d").rows()
    assert rows[:2] == [(1, "x", "2026-01-01T00:00:00", "x", None, None), (None,) * 6]
    assert rows[2:] == [(None, None, None, None, 1.0, 0.0), (None, None, None, None, 0.0, 2.0)]
    assert [recorded.inputs["number"][0], np.isnan(recorded.inputs["number"][1])] == [0.5, True]


def test_a_recorded_model_is_copied_with_its_recorder_and_not_pickled(recorded):
    with recorded.recorder() as recorder:
        model = al.RecordedModel(Fitted(), recorder, decide=lambda _: "deny")
        for made in (copy.copy(model), copy.deepcopy(model)):
            assert isinstance(made, al.RecordedModel)
            assert made._model is not model._model
            made.predict_proba([[0.25, 1.0]])
        with pytest.raises(MisuseError, match="cannot be pickled"):
            pickle.dumps(model)
        with pytest.raises(AttributeError, match="anything"):
            _ = al.RecordedModel.__new__(al.RecordedModel).anything
    assert recorded.seal().records == 2
    assert recorded.predictions["decision"].to_list() == ["deny", "deny"]

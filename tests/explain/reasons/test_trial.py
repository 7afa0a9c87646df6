"""The trial: a model that gives one input two scores is refused, whatever its differences would say."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.errors import ModelError
from audit_lab.explain.reasons import trial
from audit_lab.replay.signature import Feature, Output, Signature

MODEL = SimpleNamespace(
    name="loans 1",
    signature=Signature((Feature("a", "int"), Feature("b", "int")), Output("probability", "bad", "good")),
)
REFERENCE = pl.DataFrame({"a": [1, 2], "b": [5, 5]})


@pytest.fixture
def answers(monkeypatch):
    """Return a function that sets the scores that the model gives, and what it was asked."""
    asked = []

    def give(*scores):
        def score_rows(model, rows, worker):
            asked.append(rows)
            return SimpleNamespace(rows=pl.DataFrame({"score": scores}))

        monkeypatch.setattr(trial, "score_rows", score_rows)
        monkeypatch.setattr(trial, "worker_for", lambda model, limits: None)
        return asked

    return give


def test_one_input_at_a_time_takes_the_reference_values(answers):
    asked = answers(0.9, 0.5, 0.7, 0.9, 0.9, 0.9)

    effects = trial.replace_each(MODEL, {"a": 3, "b": 5}, REFERENCE, 0.5, None)

    assert asked[0].rows() == [(0.5, 3, 5), (0.5, 1, 5), (0.5, 2, 5), (0.5, 3, 5), (0.5, 3, 5), (0.5, 3, 5)]
    assert asked[0].columns == ["threshold", "inputs.a", "inputs.b"]
    assert effects == {"a": pytest.approx(0.3), "b": 0.0}


def test_moves_that_cancel_out_have_no_mean(answers):
    answers(0.5, 0.25, 0.75, 0.5, 0.5, 0.5)

    assert trial.replace_each(MODEL, {"a": 3, "b": 5}, REFERENCE, 0.5, None)["a"] == 0.0


def test_several_inputs_take_the_values_of_one_row_at_once(answers):
    asked = answers(0.9, 0.5, 0.6, 0.9)

    moved = trial.replace_together(MODEL, {"a": 3, "b": 9}, REFERENCE, ["a", "b"], threshold=0.5, limits=None)

    assert asked[0].rows() == [(0.5, 3, 9), (0.5, 1, 5), (0.5, 2, 5), (0.5, 3, 9)]
    assert moved == pytest.approx(0.35)


def test_a_model_that_does_not_repeat_itself_is_refused(answers):
    answers(0.9, 0.5, 0.7, 0.9, 0.9, 0.8)

    with pytest.raises(ModelError, match="gives the same inputs the scores") as raised:
        trial.replace_each(MODEL, {"a": 3, "b": 5}, REFERENCE, 0.5, None)
    assert raised.value.code == "not-repeatable"

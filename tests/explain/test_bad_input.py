"""What cannot be explained well: refused in so many words, or explained with a check that says so."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import AuditLabError
from audit_lab.explain import shap_task
from audit_lab.explain.attribution import Check
from audit_lab.explain.explainer import explain
from audit_lab.explain.shap_task import attribute
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from conftest import Model


def check(checks: Any, name: str) -> Check:
    return next(Check(*each) for each in checks if each[0] == name)


class Formula:
    """A model that is a function of the matrix of its features."""

    def __init__(self, score: Any) -> None:
        self.scores = lambda frame: score(frame.to_numpy().astype(np.float64))

    def explained(self, _row: pl.DataFrame) -> tuple[Any, str]:
        return self.scores, "yes"


def formula_job(make_model: Any, monkeypatch: pytest.MonkeyPatch, score: Any, rows: Any) -> Any:
    """Explain the first row against the others, by a formula in the place of the artifact."""
    frame = pl.DataFrame(rows, schema=[f"f{place:03}" for place in range(len(rows[0]))], orient="row")
    features = ",".join(f'{{"name":"{name}","dtype":"float"}}' for name in frame.columns)
    output = '{"kind":"probability","positive":"yes","negative":"no"}'
    signature = Signature.parse(f'{{"features":[{features}],"output":{output}}}')
    monkeypatch.setattr(shap_task, "loaded_model", lambda _: Formula(score))
    return make_model(None, "xgboost-ubj", signature, frame[:1], frame[1:]).job()


def shapley(score: Any, own: Any, background: Any) -> list[float]:
    """Shapley's formula over all coalitions, which are asked about at once."""
    n = len(own)
    masks = np.array(list(product([False, True], repeat=n)))
    mixed = np.where(masks[:, None, :], own, background[None])
    worth = score(mixed.reshape(-1, n)).reshape(len(masks), -1).mean(axis=1)
    of = {tuple(mask): value for mask, value in zip(masks.tolist(), worth, strict=True)}
    values = [0.0] * n
    for mask, without in of.items():
        size = sum(mask)
        for place in range(n):
            if not mask[place]:
                weight = factorial(size) * factorial(n - size - 1) / factorial(n)
                values[place] += weight * (of[(*mask[:place], True, *mask[place + 1 :])] - without)
    return values


@settings(max_examples=25, deadline=None)
@given(data=st.data(), n=st.integers(1, 8))
def test_shapley_values_are_those_of_an_enumeration(make_model: Any, data: st.DataObject, n: int) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    weights, pairs = generator.normal(size=n), generator.normal(size=(n, n))

    def score(x: Any) -> Any:
        return 1 / (1 + np.exp(-(x @ weights + ((x @ pairs) * x).sum(axis=1))))

    rows = generator.integers(-2, 3, size=(data.draw(st.integers(2, 5)), n)).astype(np.float64)
    with pytest.MonkeyPatch.context() as patch:
        found = attribute(formula_job(make_model, patch, score, rows.tolist())).header

    assert found["contributions"] == pytest.approx(shapley(score, rows[0], rows[1:]), abs=1e-9)
    assert check(found["checks"], "additivity").passed


def test_an_additive_model_of_many_features_is_exact(make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    weights, rows = generator.normal(size=20), generator.normal(size=(11, 20))
    found = attribute(formula_job(make_model, monkeypatch, lambda x: x @ weights, rows.tolist())).header
    assert found["contributions"] == pytest.approx(list(weights * (rows[0] - rows[1:].mean(axis=0))), abs=1e-12)


def test_five_hundred_features_are_sampled_less_often_and_say_so(
    make_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    weights, rows = generator.normal(size=500) / 100, generator.normal(size=(3, 500))
    found = attribute(formula_job(make_model, monkeypatch, lambda x: np.tanh(x @ weights), rows.tolist())).header
    assert found["algorithm"] == "permutation sampling of 20 orders for each background row, interventional"
    assert (
        "means over 20 random orders for each of 2 background rows" in check(found["checks"], "sampling error").detail
    )
    assert len(found["contributions"]) == 500
    assert check(found["checks"], "additivity").passed


def test_a_model_that_does_not_repeat_itself_is_reported(make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    job = formula_job(make_model, monkeypatch, lambda x: x[:, 0] + generator.normal(size=len(x)), [[1.0], [0.0], [2.0]])
    found = check(attribute(job).header["checks"], "determinism")
    assert not found.passed
    assert found.detail.startswith("the model gave other scores for 3 of 3 rows when it was asked twice, up to ")


def test_a_background_without_rows_is_refused(booster: Model) -> None:
    request = booster.request()
    empty = replace(request["background"], frame=booster.background.clear(), ids=())
    with pytest.raises(AuditLabError, match=r"the background of p-1 has 0 rows and 0 ids\. Give it at least one row"):
        explain("shap", **{**request, "background": empty})


def test_a_background_with_fewer_ids_than_rows_is_refused(booster: Model) -> None:
    request = booster.request()
    with pytest.raises(AuditLabError, match="the background of p-1 has 40 rows and 39 ids"):
        explain("shap", **{**request, "background": replace(request["background"], ids=("b",) * 39)})


def test_a_background_that_is_the_decision_itself_is_told(booster: Model) -> None:
    request = booster.request()
    same = replace(request["background"], frame=pl.concat([booster.row] * 2), ids=("b-0", "b-1"))
    found = explain("shap", **{**request, "background": same})
    assert [each.contribution for each in found.contributions] == [0.0] * 5
    assert found.checks[-1] == Check(
        "background",
        passed=False,
        detail="all 2 background rows have the decision's own values, so there is nothing that it is compared with",
    )


def test_a_decision_whose_values_are_all_missing_is_explained(booster: Model) -> None:
    found = explain("shap", **booster.request(inputs=dict.fromkeys(booster.signature.names)))
    assert [each.value for each in found.contributions] == [None] * 5
    assert found.checks[0].passed
    familiarity = next(each for each in found.checks if each.name == "familiarity")
    assert not familiarity.passed
    assert familiarity.detail.startswith("the background holds nothing like carrier = missing")


def test_a_feature_that_never_varies_contributes_nothing(booster: Model) -> None:
    request = booster.request()
    frame = booster.background.with_columns(pl.lit(booster.row["hour"].item()).alias("hour").cast(pl.Int64))
    found = explain("shap", **{**request, "background": replace(request["background"], frame=frame)})
    assert found.contributions[2].contribution == 0.0
    assert found.checks[0].passed

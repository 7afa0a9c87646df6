"""Many rows explained at once: the numbers of each alone, and a check of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.explain import explain
from audit_lab.explain.of_rows import _check_rows, explain_rows

if TYPE_CHECKING:
    from conftest import Model


def parts(model: Model) -> dict[str, Any]:
    request = model.request()
    return {name: request[name] for name in ("signature", "artifact", "background")}


@pytest.mark.parametrize("perturbation", ["interventional", "path-dependent"])
def test_a_row_among_many_has_the_values_that_it_has_alone(booster: Model, perturbation: Any) -> None:
    rows = pl.concat([booster.background[:3], booster.row])
    found = explain_rows(rows, **parts(booster), perturbation=perturbation)
    alone = explain("shap", **booster.request(), perturbation=perturbation, output="log-odds")
    assert list(found.contributions.row(3)) == pytest.approx([each.contribution for each in alone.contributions])
    assert found.base_value == pytest.approx(alone.base_value)
    assert found.prediction_values[3] == alone.prediction_value
    assert (found.output_explained, found.algorithm) == ("log-odds", alone.algorithm)
    assert (found.background, found.artifact_sha256) == (alone.background, alone.artifact_sha256)
    assert [(check.name, check.passed) for check in found.checks] == [("additivity", True)]
    assert found.checks[0].detail.startswith("each of 4 rows adds up to the prediction (largest difference ")


def test_rows_that_do_not_add_up_are_counted() -> None:
    values = np.array([[0.25, 0.5, 0.75], [0.25, 0.5, 0.7], [0.25, 0.5, 0.75001]])
    found = _check_rows(values, 1e-6)
    assert not found.passed
    assert found.detail == "2 of 3 rows do not add up to the prediction (largest difference 5.0e-02, allowed 1e-06)"


def test_interventional_values_need_a_background(booster: Model) -> None:
    with pytest.raises(MisuseError, match="interventional values are against a background"):
        explain_rows(booster.background, **{**parts(booster), "background": None}, perturbation="interventional")


@pytest.mark.parametrize(
    ("change", "what"), [(lambda rows: rows.drop("hour"), "have no feature hour"), (lambda rows: rows[:0], "are none")]
)
def test_rows_that_are_not_there_are_refused(booster: Model, change: Any, what: str) -> None:
    with pytest.raises(AuditLabError, match=what):
        explain_rows(change(booster.background), **parts(booster))


def test_margins_of_a_pipeline_are_not_offered(pipeline: Model) -> None:
    with pytest.raises(MisuseError, match="path-dependent values are not offered for shap of a skops artifact"):
        explain_rows(pipeline.background, **parts(pipeline))


def test_scores_are_explained_row_by_row_as_each_alone(pipeline: Model) -> None:
    rows = pl.concat([pipeline.background[:2], pipeline.row])
    found = explain_rows(rows, **parts(pipeline), perturbation="interventional", output="probability")
    alone = explain("shap", **pipeline.request(), output="probability")
    assert list(found.contributions.row(2)) == pytest.approx([each.contribution for each in alone.contributions])
    assert found.base_value == pytest.approx(alone.base_value)
    assert found.prediction_values[2] == pytest.approx(alone.prediction_value)
    assert (found.output_explained, found.algorithm) == ("probability", alone.algorithm)
    assert found.checks[0].passed

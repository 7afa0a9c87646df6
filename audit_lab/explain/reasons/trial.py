"""A trial with the real model: its answer for a decision, and with the reference's values in place of each input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import ModelError
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.scored import score_rows, worker_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from audit_lab.replay.registered import Model
    from audit_lab.sandbox import Limits

__all__ = ["Answered", "answer", "replace_each", "replace_together"]


@dataclass(frozen=True)
class Answered:
    """What the model, its threshold and its rules say to a decision's inputs."""

    score: float | None
    label: str | None
    rule: str | None
    decision: str | None


def answer(
    model: Model, inputs: Mapping[str, Any], threshold: float | None, schema: pl.Schema, limits: Limits | None
) -> Answered:
    """Run a decision's inputs through its version.

    Parameters
    ----------
    inputs
        Feature to recorded value.
    schema
        The dtypes of the recorded features.
    """
    own = _own(model, inputs, schema)
    row = _scored(model, own, threshold, limits).row(0, named=True)
    return Answered(row["score"], row["label"], row["decision_rule"], row["decision"])


def replace_each(
    model: Model, inputs: Mapping[str, Any], reference: pl.DataFrame, threshold: float | None, limits: Limits | None
) -> dict[str, float]:
    """Put the reference's values in the place of one input at a time, and return how far that moves the score.

    That is the mean of the decision's own score less those with the reference's values, by the real model: positive
    where the own value makes the score higher.

    Of several classes, the score is the probability of the one that the decision's own inputs are given.

    Parameters
    ----------
    reference
        The recorded features of the decisions that it is compared with, one column each.

    Raises
    ------
    ModelError
        Code ``not-repeatable``: the model gives the same inputs two scores, so nothing can be told from differences.
    """
    names = model.signature.names
    return dict(
        zip(
            names,
            _replaced(model, inputs, reference, [[name] for name in names], threshold=threshold, limits=limits),
            strict=True,
        )
    )


def replace_together(
    model: Model,
    inputs: Mapping[str, Any],
    reference: pl.DataFrame,
    names: Sequence[str],
    *,
    threshold: float | None,
    limits: Limits | None,
) -> float:
    """Put the reference's values in the place of several inputs at once, row by row, as `replace_each` does for one."""
    (effect,) = _replaced(model, inputs, reference, [names], threshold=threshold, limits=limits)
    return effect


def _replaced(
    model: Model,
    inputs: Mapping[str, Any],
    reference: pl.DataFrame,
    groups: Sequence[Sequence[str]],
    *,
    threshold: float | None,
    limits: Limits | None,
) -> list[float]:
    own = _own(model, inputs, reference.schema)
    many = own.select(pl.all().repeat_by(reference.height).explode()) if reference.height else own
    rows = [own, *(many.with_columns(reference[name] for name in names) for names in groups), own]
    scores = _one_score(model, _scored(model, pl.concat(rows), threshold, limits))
    if scores[0] != scores[-1]:
        raise ModelError(
            f"{model.name} gives the same inputs the scores {scores[0]!r} and {scores[-1]!r}",
            "A model that does not repeat itself cannot be asked for reasons; tell its owner.",
            "not-repeatable",
        )
    moved = (scores[0] - scores[1:-1]).reshape(len(groups), reference.height)
    return [float(np.mean(row)) for row in moved]


def _own(model: Model, inputs: Mapping[str, Any], schema: pl.Schema) -> pl.DataFrame:
    names = model.signature.names
    return pl.DataFrame({name: [inputs[name]] for name in names}, schema={name: schema[name] for name in names})


def _scored(model: Model, rows: pl.DataFrame, threshold: float | None, limits: Limits | None) -> pl.DataFrame:
    named = rows.select(pl.lit(threshold, dtype=pl.Float64).alias("threshold"), pl.all().name.prefix(FEATURE))
    return score_rows(model, named, worker_for(model, limits=limits)).rows


def _one_score(model: Model, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    if model.signature.output.kind != "multiclass":
        return rows["score"].to_numpy().astype(np.float64)
    probabilities = np.array(rows["probabilities"].to_list(), dtype=np.float64)
    return probabilities[:, int(np.argmax(probabilities[0]))]

"""Recorded inputs of a window through two versions, or in two environments: where the outputs part."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError, ModelError, NotFoundError
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.environment.exploration import explore, explore_environments
from audit_lab.replay.environment.recorded import recorded_runtime
from audit_lab.replay.readiness import HAS_INPUTS, misfit
from audit_lab.replay.recorded_rows import RecordedRows
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore
    from audit_lab.replay.environment.exploration import Exploration
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Runner

__all__ = ["explore_window"]


def explore_window(
    store: LogStore, question: Question, runner: Runner, *, version: str, other: str | None, rows: int
) -> Exploration:
    """Run the inputs that one version's decisions have on record twice, and compare.

    Parameters
    ----------
    store, question
        The log, and which predictions; the question names the model.
    runner
        Loads the versions, with what the user trusts.
    version
        The version that the predictions state.
    other
        Another version to run beside it, both in the present environment; None: the same version in its recorded
        environment and in the present one.
    rows
        At most so many predictions, the first in the order of the log.

    Raises
    ------
    MisuseError
        The question names no model.
    NotFoundError
        No prediction of that version with inputs matches.
    ModelError, SandboxError
        A version cannot be run, does not take the recorded inputs, or its environment cannot be built.
    """
    if question.model is None:
        raise MisuseError("two runs are compared for one model", "Name it, as model=... or --model.")
    models = [runner.loaded(question.model, each) for each in (version, *([other] if other is not None else []))]
    found: list[pl.DataFrame] = []
    for chunk in RecordedRows(store, question).chunks():
        found.append(chunk.rows.filter(pl.col("model_version") == version, pl.col(HAS_INPUTS)))
        if sum(each.height for each in found) >= rows:
            break
    inputs = pl.concat(found).head(rows) if found else pl.DataFrame()
    if inputs.is_empty():
        raise NotFoundError(
            f"no prediction of {question.model} {version} with inputs matches",
            "Name a version that decided in that window; `audit-lab coverage` lists them.",
        )
    features = [name for name in inputs.columns if name.startswith(FEATURE)]
    plain = inputs.select(
        "prediction_id", "threshold", *(pl.col(name).alias(name[len(FEATURE) :]) for name in features)
    )
    for model in models:
        _check_inputs(model, plain.schema)
    limits = runner.limits
    if other is not None:
        # Each version decides by its own threshold: the one on record is that of the version that decided.
        explored = explore(models[0], models[1], plain.drop("threshold"), limits=limits)
    else:
        explored = explore_environments(models[0], plain, recorded_runtime(store, {}, models[0].version), limits=limits)
    trusted = {name: value for name, value in runner.stated().items() if name in {"trust", "trusted_types"}}
    return replace(explored, asked={"version": version, "other": other, "rows": rows, **question.to_dict(), **trusted})


def _check_inputs(model: Model, inputs: pl.Schema) -> None:
    found = misfit(model, inputs)
    if found is not None:
        code, detail = found
        raise ModelError(
            f"{model.name} cannot be run on these inputs: {EFFECTS[code].rstrip('.')} ({detail})",
            "Explore versions that take the same features.",
            code,
        )

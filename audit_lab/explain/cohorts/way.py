"""In which way the rows of a version are explained: of which output, against what, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.background import choose_background
from audit_lab.explain.explainer import offered_output
from audit_lab.explain.perturbation import INTERVENTIONAL, PATH_DEPENDENT
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.following import with_followed_versions

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.explain.background import BackgroundRows
    from audit_lab.log.store import LogStore
    from audit_lab.replay.registered import Model

__all__ = ["Way", "background_of", "way_for"]

#: Rows of a block: what the child is given at a time, and what is added up at a time. Part of the result's last digits.
_BY_PATHS, _BY_TREES, _BY_SCORES = 8_192, 1_024, 16
#: So many rows are explained where each takes the model's score some thousand times, unless more are asked for.
_FEW = 200


@dataclass(frozen=True)
class Way:
    """How rows are explained.

    Parameters
    ----------
    perturbation, output
        As for `audit_lab.explain.explain_rows`.
    block_rows
        Rows of a block.
    most
        How many rows are explained unless more are asked for; None: all.
    """

    perturbation: Literal["interventional", "path-dependent"]
    output: str
    block_rows: int
    most: int | None


def way_for(model: Model, perturbation: str | None, output: str | None) -> Way:
    """Return the way that is asked for, or the quickest exact one that the version allows.

    Raises
    ------
    MisuseError
        It is not offered for this version.
    ModelError
        Code ``explanation-not-offered``: the model has several classes, each explained by another output; or
        ``score-missing``: it gives labels alone.
    """
    kind, artifact_format = model.signature.output.kind, model.artifact.artifact_format
    if kind == "multiclass":
        raise ModelError(
            f"{model.name} gives a probability for each of several classes, and each decision would be explained by "
            "that of its own",
            "Explain single decisions, which say the class.",
            "explanation-not-offered",
        )
    if perturbation != INTERVENTIONAL:
        try:
            explained = offered_output("shap", output, artifact_format, kind, perturbation or PATH_DEPENDENT)
        except MisuseError:
            if perturbation is not None:
                raise
        else:
            return Way(PATH_DEPENDENT, explained, _BY_PATHS, None)
    by_trees = kind == "probability" and artifact_format.startswith("xgboost")
    wanted = output or ("log-odds" if by_trees else None)
    explained = offered_output("shap", wanted, artifact_format, kind, INTERVENTIONAL)
    if explained == "log-odds" and by_trees:
        return Way(INTERVENTIONAL, explained, _BY_TREES, None)
    return Way(INTERVENTIONAL, explained, _BY_SCORES, _FEW)


def background_of(store: LogStore, model: Model, before: datetime | None, *, rows: int, seed: int) -> BackgroundRows:
    """Choose the background of a group: decisions of the version before it, of which no feature was erased.

    Raises
    ------
    AuditLabError
        No decision is eligible.
    ModelError
        Code ``time-missing``: the group has no time that others could be before.
    """
    name, version = model.version["model_name"], model.version["model_version"]
    if before is None:
        raise ModelError(
            f"no decision of the group of {name} {version} has a time, so decisions before it cannot be told",
            "Give a background, or since.",
            "time-missing",
        )
    inputs = store.inputs(name)
    erased = erased_ids(store, INPUTS_PREFIX + name, model.signature.names)
    if erased.len():
        inputs = inputs.filter(~pl.col("prediction_id").is_in(erased.implode()))
    predictions = with_followed_versions(store, store.table("predictions"), [name])
    return choose_background(predictions, inputs, name, version, before, rows=rows, seed=seed)

"""Explain a reconstructed decision: its artifact, its inputs and a background from its own log."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.explain.background import choose_background, eligible_rows
from audit_lab.explain.explainer import explain
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.explain.grouping import taken_apart
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.following import with_followed_versions
from audit_lab.replay.registered import load_judged
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.explain.attribution import Attribution
    from audit_lab.explain.background import BackgroundRows
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.sandbox import Limits

__all__ = ["background_of", "explain_decision"]

#: The finding that the reader of an explanation needs too: by now, the registry says something else of the version.
_CORRECTED = "registration-corrected"
#: Decisions of a log whose order of choice is kept: forty bytes each and their time.
_MOST_KEPT = 1_000_000
#: Gaps after which the recorded inputs are not those that were scored.
_BARRED = frozenset({"erased", "inputs-redacted"})


def explain_decision(
    store: LogStore,
    decision: Reconstruction,
    method: str,
    *,
    seed: int = 0,
    limits: Limits | None = None,
    cache: bool = True,
    trust: Collection[str] = (),
    trusted_types: Collection[str] = (),
    **asked: Any,
) -> Attribution:
    """Attribute a decision's score to its recorded inputs, against decisions of the same version before it.

    Of a decision whose inputs were erased, what the user's cache still holds of its explanations is removed. `cache`
    and whatever else is `asked` (output, perturbation, sampling, groups ...) are those of `explain`; `trust` and
    `trusted_types` those of a replay.

    Raises
    ------
    ModelError
        The inputs or the artifact are missing; `code` says which.
    """
    row, inputs = decision.judged, decision.inputs
    model = load_judged(store, decision, trust=trust, trusted_types=trusted_types)
    codes = [gap.code for gap in decision.gaps if gap.code in EFFECTS]
    if inputs is None or not _BARRED.isdisjoint(codes):
        code = "erased" if "erased" in codes else next(iter(codes), "inputs-missing")
        if code == "erased":
            ExplanationCache().forget(decision.prediction_id)
        raise ModelError(
            f"the prediction {decision.prediction_id} cannot be explained: {EFFECTS[code].rstrip('.')}",
            "Explain another decision of the same version, or ask the writer's owner for the inputs.",
            code,
        )
    if row["occurred_at"] is None:
        raise ModelError(
            f"the prediction {decision.prediction_id} has no time, so decisions before it cannot be told",
            "Ask the writer's owner when it was made; without that no background can be declared.",
            "time-missing",
        )
    background = background_of(store, decision, model.signature.names, seed)
    explained = explain(
        method,
        prediction_id=decision.prediction_id,
        inputs=inputs,
        signature=model.signature,
        artifact=model.artifact,
        trusted_types=model.trusted_types,
        background=background,
        seed=seed,
        limits=limits,
        cache=cache,
        **asked,
    )
    apart = taken_apart(model.signature, asked.get("groups"))
    corrected = (each.what for each in decision.findings if each.code == _CORRECTED)
    followed = [] if decision.followed is None else [decision.followed.said]
    return replace(explained, notes=(*followed, *corrected, *([apart] if apart else [])))


def background_of(store: LogStore, decision: Reconstruction, features: tuple[str, ...], seed: int) -> BackgroundRows:
    """Choose the background, or take that of before, as long as no file of its tables changed and nothing was erased.

    Rows that features were erased of are left out: their nulls say nothing.
    """
    row = decision.judged
    table = INPUTS_PREFIX + row["model_name"]
    tables = ("predictions", "deployments", table)
    erased = erased_ids(store, table, features)
    version = (row["model_name"], row["model_version"], row["occurred_at"])

    def choose() -> BackgroundRows:
        inputs = store.inputs(row["model_name"])
        predictions = with_followed_versions(store, store.table("predictions"), [row["model_name"]])
        if erased.len():
            inputs = inputs.filter(~pl.col("prediction_id").is_in(erased.implode()))

        def order() -> pl.DataFrame:
            return eligible_rows(predictions, inputs, row["model_name"], row["model_version"], seed)

        key = ("eligible", *version[:2], features, tuple(erased), seed)
        # One order serves all decisions of a version; that of a very large log would fill the shelf.
        small = (store.source.tables().get("predictions", 0)) <= _MOST_KEPT
        eligible = derived(store, key, tables, order) if small else order()
        return choose_background(
            predictions, inputs, *version, prediction_id=decision.prediction_id, seed=seed, eligible=eligible
        )

    key = ("background", *version, decision.prediction_id, features, tuple(erased), seed)
    return derived(store, key, tables, choose)

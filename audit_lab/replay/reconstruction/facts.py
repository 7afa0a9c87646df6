"""The facts about decisions, one row for each, from which gaps and findings are told: alike for one and for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.schema import TIME

if TYPE_CHECKING:
    from audit_lab.replay.reconstruction.version_facts import VersionFacts

__all__ = ["FACTS", "VERSION_COLUMNS", "one_row", "version_row", "with_derived"]

_TEXT, _YES = pl.String(), pl.Boolean()

#: What `version_row` says of a version.
VERSION_COLUMNS: dict[str, pl.DataType] = {
    "registered": _YES,
    "registry_corrected": _TEXT,
    "version_code": _TEXT,
    "version_what": _TEXT,
    "lacking": _TEXT,
    "mistyped": _TEXT,
    "compared": _TEXT,
    "by_threshold": _YES,
    "registry_threshold": pl.Float64(),
    "training_cutoff": TIME,
    "registered_at": TIME,
    "approved_at": TIME,
    "deployed_at": TIME,
    "retires_at": TIME,
    "approvals": pl.UInt32(),
    "edges": pl.UInt32(),
    "lineage_cut": _TEXT,
    "lineage_cycles": _TEXT,
}

#: Columns of the facts. Of a prediction that was asked for and not found, all but counts are null.
FACTS: dict[str, pl.DataType] = {
    "prediction_id": _TEXT,
    "place": _TEXT,
    # In how many places the id stands, and which.
    "places": pl.UInt32(),
    "places_told": _TEXT,
    "occurred_at": TIME,
    "model_name": _TEXT,
    "model_version": _TEXT,
    "score": pl.Float64(),
    "label": _TEXT,
    "probabilities": pl.List(pl.Float64()),
    "decision": _TEXT,
    "decision_rule": _TEXT,
    "threshold": pl.Float64(),
    "error": _TEXT,
    "supersedes": _TEXT,
    # The place of a later row of the same id that corrects this one.
    "corrected_by": _TEXT,
    # Rows of inputs under the id, and what was erased of prediction and inputs, in words.
    "input_rows": pl.UInt32(),
    "prediction_erased": _TEXT,
    "output_erased": _YES,
    "inputs_erased": _TEXT,
    # What was changed before it was recorded, in words: features that the version takes, and what else.
    "redacted": _TEXT,
    "redacted_besides": _TEXT,
    "versions": pl.List(_TEXT),
    "agrees": _YES,
    "statement": _TEXT,
    # That the version is not stated and follows from the deployments alone, in a sentence; null where it is stated.
    "followed": _TEXT,
    "remarks": _TEXT,
    # The last act on the version at or before the decision, and when.
    "last_act": _TEXT,
    "last_act_at": TIME,
    # Whether the log keeps approvals at all.
    "keeps_approvals": _YES,
    "events": pl.UInt32(),
    "overrides": pl.UInt32(),
    "changed_to": _TEXT,
    "changed_by": _TEXT,
    "changed_role": _TEXT,
    "changed_at": TIME,
    "changed_why": _TEXT,
    "override_erased": _YES,
    "contested_at": TIME,
    "contest_answered": _YES,
    "outcomes": pl.UInt32(),
    "outcome_label": _TEXT,
    "outcome_value": pl.Float64(),
    "outcome_observed_at": TIME,
    "outcome_revised": _YES,
    "explanations": pl.UInt32(),
    # Why a correction among overrides, outcomes and explanations could not be followed.
    "unclear": _TEXT,
    **VERSION_COLUMNS,
}

_COUNTS = ("places", "input_rows", "events", "overrides", "outcomes", "explanations", "approvals", "edges")
_FLAGS = (
    "output_erased",
    "override_erased",
    "contest_answered",
    "outcome_revised",
    "registered",
    "by_threshold",
    "keeps_approvals",
)


_WITH_DERIVED = FACTS | {"has_inputs": _YES, "final_decision": _TEXT}


def version_row(facts: VersionFacts) -> dict[str, object]:
    """Return the columns `VERSION_COLUMNS` of a version."""
    row = facts.row or {}
    return {
        "registered": facts.row is not None,
        "registry_corrected": facts.corrected,
        "version_code": facts.code,
        "version_what": facts.what,
        "lacking": facts.lacking,
        "mistyped": facts.mistyped,
        "compared": facts.compared,
        "by_threshold": facts.by_threshold,
        "registry_threshold": row.get("threshold"),
        "training_cutoff": facts.trained_until,
        "registered_at": facts.registered_at,
        "approved_at": facts.approved_at,
        "deployed_at": facts.deployed_at,
        "retires_at": facts.retires_at,
        "approvals": len(facts.approvals),
        "edges": len(facts.lineage),
        "lineage_cut": facts.lineage_cut,
        "lineage_cycles": facts.lineage_cycles,
    }


def one_row(facts: dict[str, Any]) -> pl.DataFrame:
    """Return the facts of one decision with what `with_derived` adds; the same, and several times as fast."""
    row: dict[str, Any] = dict.fromkeys(_COUNTS, 0) | dict.fromkeys(_FLAGS, False)
    row |= {name: value for name, value in facts.items() if value is not None}
    changed = row.get("changed_to")
    row["has_inputs"] = row["input_rows"] == 1 and row["places"] == 1
    row["final_decision"] = None if row["override_erased"] else row.get("decision") if changed is None else changed
    return pl.DataFrame([row], schema=_WITH_DERIVED)


def with_derived(facts: pl.DataFrame) -> pl.DataFrame:
    """Fill what counts as nothing, and add what follows: ``has_inputs`` and ``final_decision``.

    ``final_decision`` is the decision after the last override that nothing corrects; null where that was erased.
    """
    filled = facts.with_columns(
        *(pl.col(name).fill_null(0) for name in _COUNTS), *(pl.col(name).fill_null(value=False) for name in _FLAGS)
    )
    final = pl.when(~pl.col("override_erased")).then(pl.coalesce("changed_to", "decision"))
    return filled.with_columns(
        has_inputs=(pl.col("input_rows") == 1) & (pl.col("places") == 1),
        final_decision=final,
    )

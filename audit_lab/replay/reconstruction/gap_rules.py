"""The rules by which gaps are told, and what can still be shown of a decision."""

from __future__ import annotations

import polars as pl

from audit_lab.replay.reconstruction.rule import Rule, has
from audit_lab.replay.verdict import EFFECTS

__all__ = ["GAP_RULES", "SHOWN", "VERSION"]

#: The rule about what keeps a version from being run; the version's facts have the true code, and the words.
VERSION = "version"

#: What can still be shown, by what says that it is there; told in this order.
SHOWN: dict[str, pl.Expr] = {
    "score": pl.col("score").is_not_null(),
    "label": pl.col("label").is_not_null(),
    "probabilities": pl.col("probabilities").is_not_null(),
    "decision": pl.col("decision").is_not_null(),
    "rule": pl.col("decision_rule").is_not_null(),
    "threshold": pl.coalesce("threshold", "registry_threshold").is_not_null(),
    "inputs": pl.col("has_inputs"),
    "registered version": pl.col("registered"),
    "approvals": pl.col("approvals") > 0,
    "lineage": pl.col("edges") > 0,
    "deployments": pl.col("versions").list.len() > 0,
    "events": pl.col("events") > 0,
    "overrides": pl.col("overrides") > 0,
    "outcome": pl.col("outcomes") > 0,
    "explanation of record": pl.col("explanations") > 0,
}

_BOTH = frozenset({"replay", "explain"})
_REPLAY = frozenset({"replay"})

_ERASED_INPUTS = has("inputs_erased") & pl.col("has_inputs")
_NO_OUTPUT = (
    pl.when(pl.col("compared") == "label")
    .then(pl.col("label").is_null())
    .when(pl.col("compared") == "either")
    .then(pl.col("label").is_null() & pl.col("probabilities").is_null())
    .otherwise(pl.col("score").is_null())
)
_DECIDED = has("label") | has("decision")

GAP_RULES = (
    Rule(
        "erased",
        has("prediction_erased") & pl.col("output_erased"),
        pl.format("Erased from the prediction: {}.", "prediction_erased"),
        _BOTH,
    ),
    Rule(
        "partly-erased",
        has("prediction_erased") & ~pl.col("output_erased"),
        pl.format("Erased from the prediction: {}.", "prediction_erased"),
    ),
    Rule("inputs-redacted", has("redacted"), pl.format("Before it was recorded {}.", "redacted"), _BOTH),
    Rule("partly-redacted", has("redacted_besides"), pl.format("Before it was recorded {}.", "redacted_besides")),
    Rule("inputs-missing", pl.col("input_rows") == 0, pl.lit(EFFECTS["inputs-missing"]), _BOTH),
    Rule(
        "ambiguous-id",
        (pl.col("input_rows") > 0) & ~pl.col("has_inputs"),
        pl.format(
            "The id stands in {} places, with {} rows of inputs: which belong here cannot be told.",
            "places",
            "input_rows",
        ),
        _BOTH,
    ),
    Rule("erased", _ERASED_INPUTS, pl.format("Erased from the inputs: {}.", "inputs_erased"), _BOTH),
    Rule(
        "inputs-incomplete",
        pl.col("has_inputs") & has("lacking") & ~has("inputs_erased") & ~has("redacted"),
        pl.format("The recorded inputs lack {}.", "lacking"),
        _BOTH,
    ),
    Rule(
        "inputs-mistyped",
        pl.col("has_inputs") & has("mistyped"),
        pl.format("Recorded inputs are not of the types that the version takes: {}.", "mistyped"),
        _BOTH,
    ),
    Rule(VERSION, has("version_code"), pl.col("version_what"), _BOTH),
    Rule("id-repeated", pl.col("places") > 1, pl.format("The id stands in {} places: {}.", "places", "places_told")),
    Rule("version-from-deployments", has("followed"), pl.col("followed")),
    Rule("version-in-force-unknown", pl.col("agrees").is_null() & ~has("followed"), pl.col("statement")),
    Rule("lineage-missing", pl.col("edges") == 0, pl.lit("The log has no lineage of this version.")),
    Rule("lineage-cut", has("lineage_cut"), pl.col("lineage_cut")),
    Rule("lineage-cycle", has("lineage_cycles"), pl.col("lineage_cycles")),
    Rule("prediction-failed", has("error"), pl.format("The prediction failed: {}.", "error"), _REPLAY),
    Rule(
        "output-missing",
        pl.col("error").is_null() & ~pl.col("output_erased") & _NO_OUTPUT,
        pl.lit(EFFECTS["output-missing"]),
        _REPLAY,
    ),
    Rule(
        "threshold-missing",
        pl.col("by_threshold") & _DECIDED & pl.coalesce("threshold", "registry_threshold").is_null(),
        pl.lit(EFFECTS["threshold-missing"]),
        _REPLAY,
    ),
    Rule("override-erased", pl.col("override_erased"), pl.lit("What somebody changed the decision to was erased.")),
    Rule("outcome-missing", pl.col("outcomes") == 0, pl.lit("No outcome is recorded.")),
)

"""The rules by which findings are told."""

from __future__ import annotations

import polars as pl

from audit_lab.replay.reconstruction.rule import NAME, Rule, has, moment, text_or

__all__ = ["FINDING_RULES"]

_RETIRED_AT = pl.coalesce(
    pl.when(pl.col("last_act") == "retired").then("last_act_at"),
    pl.when(pl.col("retires_at") <= pl.col("occurred_at")).then("retires_at"),
)

FINDING_RULES = (
    Rule("corrected-later", has("corrected_by"), pl.format("{} says that it corrects this row.", "corrected_by")),
    Rule("corrects-earlier", has("supersedes"), pl.format("This row says that it corrects {}.", "supersedes")),
    Rule("version-disagrees", ~pl.col("agrees"), pl.col("statement")),
    Rule("deployments-contradict", has("remarks"), pl.format("Deployments do not add up: {}.", "remarks")),
    Rule(
        "version-not-approved",
        pl.col("keeps_approvals")
        & has("model_version")
        & (pl.col("approved_at").is_null() | (pl.col("approved_at") > pl.col("occurred_at"))),
        pl.when(has("approved_at"))
        .then(
            pl.format(
                "{} decided on {} and was first approved on {}.", NAME, moment("occurred_at"), moment("approved_at")
            )
        )
        .otherwise(pl.format("No approval of {} is on record.", NAME)),
    ),
    Rule(
        "version-rejected",
        pl.col("last_act") == "rejected",
        pl.format("{} was rejected on {} and decided after that.", NAME, moment("last_act_at")),
    ),
    Rule(
        "approved-after-deployment",
        pl.col("approved_at") > pl.col("deployed_at"),
        pl.format(
            "{} went into service on {} and was first approved on {}.",
            NAME,
            moment("deployed_at"),
            moment("approved_at"),
        ),
    ),
    Rule(
        "served-after-retirement",
        _RETIRED_AT.is_not_null(),
        pl.format("{} was retired on {} and decided after that.", NAME, _RETIRED_AT.dt.strftime("%Y-%m-%d %H:%M UTC")),
    ),
    Rule(
        "decided-before-registration",
        pl.col("registered_at") > pl.col("occurred_at"),
        pl.format("{} was registered on {}, after this decision.", NAME, moment("registered_at")),
    ),
    Rule(
        "trained-after-decision",
        pl.col("training_cutoff") > pl.col("occurred_at"),
        pl.format("{} was trained on data up to {}, which is after this decision.", NAME, moment("training_cutoff")),
    ),
    Rule("registration-corrected", has("registry_corrected"), pl.col("registry_corrected")),
    Rule(
        "threshold-differs",
        pl.col("threshold").ne(pl.col("registry_threshold")),
        pl.format(
            "The prediction states the threshold {}, the registry {}.",
            pl.col("threshold").cast(pl.String),
            pl.col("registry_threshold").cast(pl.String),
        ),
    ),
    Rule(
        "overridden",
        has("final_decision") & pl.col("final_decision").ne_missing(pl.col("decision")),
        pl.format(
            "Changed from {} to {} by {} ({}) on {}: {}.",
            text_or("decision", "no decision"),
            "final_decision",
            text_or("changed_by", "nobody named"),
            text_or("changed_role", "no role stated"),
            moment("changed_at").fill_null("no stated day"),
            text_or("changed_why", "no reason stated"),
        ),
    ),
    Rule(
        "contested",
        has("contested_at"),
        pl.format(
            "The subject contested the decision on {}; {}.",
            moment("contested_at"),
            pl.when("contest_answered").then(pl.lit("it was answered")).otherwise(pl.lit("no answer is on record")),
        ),
    ),
    Rule(
        "outcome-revised",
        pl.col("outcome_revised"),
        pl.format("{} outcomes are recorded, and they differ.", "outcomes"),
    ),
    Rule("correction-unclear", has("unclear"), pl.format("{}.", "unclear")),
)

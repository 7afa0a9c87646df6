"""From score to decision as the registry declares it: threshold, label, rules. Never Python from a log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.query import parse_expression

if TYPE_CHECKING:
    from audit_lab.replay.signature import Signature

__all__ = ["THRESHOLD_RULE", "Rule", "decide", "parse_rules"]

#: What `decision_rule` says where no rule fired and the threshold alone decided.
THRESHOLD_RULE = "threshold"


@dataclass(frozen=True)
class Rule:
    """A policy rule: where `when` holds, the decision is `decision`, whatever the score."""

    name: str
    when: str
    decision: str


def parse_rules(text: str | None, model: str) -> tuple[Rule, ...]:
    """Read the decision rules of a registry row.

    Raises
    ------
    ModelError
        Code ``rules-unreadable``: not JSON, not rules, or a condition that cannot be parsed.
    """
    if not text:
        return ()
    try:
        rules = tuple(
            Rule(str(entry["name"]), str(entry["when"]), str(entry["decision"])) for entry in json.loads(text)
        )
        for rule in rules:
            parse_expression(rule.when)
    except (ValueError, KeyError, TypeError, MisuseError) as error:
        raise ModelError(
            f"the decision rules of {model} in the registry cannot be read ({str(error)[:200]})",
            "Ask the model's owner for the rules in force; the score can be replayed, the decision cannot.",
            "rules-unreadable",
        ) from error
    return rules


def decide(rows: pl.DataFrame, signature: Signature, rules: tuple[Rule, ...], model: str) -> pl.DataFrame:
    """Add ``label``, ``decision_rule`` and ``decision`` to rows that have ``score``, ``threshold`` and the features.

    Raises
    ------
    ModelError
        Code ``rules-unreadable``: a rule names a column that is not there or gives no truth value.
    """
    output = signature.output
    positive = pl.col("score") >= pl.col("threshold")
    label = (
        pl.when(positive.is_null())
        .then(None)
        .when(positive)
        .then(pl.lit(output.positive))
        .otherwise(pl.lit(output.negative))
    )
    labelled = rows.lazy().with_columns(label=label)  # lazily: eager polars panics on an unknown field of a struct
    by_label = (
        pl.when(pl.col("label") == output.positive)
        .then(pl.lit(output.decision(output.positive)))
        .when(pl.col("label") == output.negative)
        .then(pl.lit(output.decision(output.negative)))
    )
    decision, fired = by_label.otherwise(None), pl.lit(THRESHOLD_RULE)
    for rule in reversed(rules):
        holds = parse_expression(rule.when).fill_null(value=False)
        decision = pl.when(holds).then(pl.lit(rule.decision)).otherwise(decision)
        fired = pl.when(holds).then(pl.lit(rule.name)).otherwise(fired)
    scope: dict[str, Any] = {
        "inputs": pl.struct(signature.names),
        "outputs": pl.struct(pl.col("score"), pl.col("label")),
    }
    try:
        decided = labelled.with_columns(**scope).with_columns(decision=decision, decision_rule=fired)
        return decided.drop("inputs", "outputs").collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ModelError(
            f"a decision rule of {model} does not fit its inputs ({str(error).splitlines()[0][:160]})",
            "Ask the model's owner for the rules in force; the score can be replayed, the decision cannot.",
            "rules-unreadable",
        ) from error

"""From score to decision as the registry declares it: threshold, label, rules. Never Python from a log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from polars import selectors

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.search.expression import Scope, parse_expression

if TYPE_CHECKING:
    from audit_lab.replay.signature import Output, Signature

__all__ = [
    "FEATURE",
    "LABEL_RULE",
    "MODEL_LABEL",
    "THRESHOLD_RULE",
    "Rule",
    "check_rules",
    "decide",
    "decides_by_threshold",
    "parse_rules",
]

#: What `decision_rule` says where no rule fired and the threshold alone decided.
THRESHOLD_RULE = "threshold"

#: And what it says where the label came from the model itself, or there is none.
LABEL_RULE = "label"

#: The column of the label that the model itself gave; null where its kind of output has none.
MODEL_LABEL = "model_label"

_LABELLED = ("label", "multiclass")

#: Prefix of a feature's column beside those of the prediction, so that a feature may bear any name.
FEATURE = "inputs."

_HOLDS = "__holds__"


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


def check_rules(rules: tuple[Rule, ...], signature: Signature, model: str) -> None:
    """Run the rules on no rows at all, to see whether they fit the signature.

    Raises
    ------
    ModelError
        Code ``rules-unreadable``: a rule names a column that is not there or gives no truth value.
    """
    dtypes = {"str": pl.String(), "float": pl.Float64(), "int": pl.Int64(), "bool": pl.Boolean()}
    features = {FEATURE + feature.name: dtypes[feature.dtype] for feature in signature.features}
    own = {"score": pl.Float64(), "threshold": pl.Float64(), MODEL_LABEL: pl.String()}
    decide(pl.DataFrame(schema={**own, **features}), signature, rules, model)


def decide(rows: pl.DataFrame, signature: Signature, rules: tuple[Rule, ...], model: str) -> pl.DataFrame:
    """Add ``label``, ``decision_rule`` and ``decision``.

    Parameters
    ----------
    rows
        ``score``, ``threshold``, the label that the model itself gave (`MODEL_LABEL`) and the features, each named with
        the prefix `FEATURE`.

    Raises
    ------
    ModelError
        Code ``rules-unreadable``: a rule names a column that is not there or gives no truth value.
    """
    label = _label(signature)
    by_label = _decision(label, signature)
    decision, fired = by_label, pl.lit(THRESHOLD_RULE if decides_by_threshold(signature.output) else LABEL_RULE)
    for place, rule in reversed(list(enumerate(rules))):
        holds = pl.col(f"{_HOLDS}{place}")
        decision = pl.when(holds).then(pl.lit(rule.decision)).otherwise(decision)
        fired = pl.when(holds).then(pl.lit(rule.name)).otherwise(fired)
    try:
        scoped = _with_rules(rows.lazy().with_columns(label=label), signature, rules)
        return scoped.with_columns(decision=decision, decision_rule=fired).drop(selectors.starts_with(_HOLDS)).collect()
    except (MisuseError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ModelError(
            f"a decision rule of {model} does not fit its inputs ({str(error).splitlines()[0][:160]})",
            "Ask the model's owner for the rules in force; the score can be replayed, the decision cannot.",
            "rules-unreadable",
        ) from error


def decides_by_threshold(output: Output) -> bool:
    """Return whether a threshold makes labels of a version's scores: not where it has labels of its own, or none."""
    return output.kind not in _LABELLED and output.positive is not None and output.negative is not None


def _label(signature: Signature) -> pl.Expr:
    """Return the label: on which side of the threshold the score is, or what the model itself says."""
    if signature.output.kind in _LABELLED:
        return pl.col(MODEL_LABEL)
    if not decides_by_threshold(signature.output):
        return pl.lit(None, dtype=pl.String)
    # A score that is not a number is on neither side of a threshold; polars would sort it above.
    positive = pl.when(pl.col("score").is_not_nan()).then(pl.col("score") >= pl.col("threshold"))
    labelled = pl.when(positive).then(pl.lit(signature.output.positive)).otherwise(pl.lit(signature.output.negative))
    return pl.when(positive.is_not_null()).then(labelled)


def _decision(label: pl.Expr, signature: Signature) -> pl.Expr:
    """Return the decision that a label leads to where no rule fires; the label itself unless declared."""
    declared = dict(signature.output.decisions)
    return label.replace_strict(declared, default=label, return_dtype=pl.String) if declared else label


def _with_rules(rows: pl.LazyFrame, signature: Signature, rules: tuple[Rule, ...]) -> pl.LazyFrame:
    """Add a column for each rule: whether it holds; false where that cannot be said."""
    if not rules:
        return rows
    import narwhals as nw

    frame = nw.from_native(rows)
    dtypes = dict(frame.collect_schema())
    paths: dict[tuple[str, ...], str] = {(name,): name for name in dtypes if not name.startswith(FEATURE)}
    paths |= {("inputs", name): FEATURE + name for name in signature.names}
    paths |= {("outputs", name): name for name in ("score", "label")}
    scope = Scope(paths, dtypes)
    holds = [parse_expression(rule.when).bind(scope).fill_null(value=False) for rule in rules]
    return frame.with_columns(**{f"{_HOLDS}{place}": condition for place, condition in enumerate(holds)}).to_native()

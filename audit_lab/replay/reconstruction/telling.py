"""Tell gaps and findings of decisions from their facts: of many at once, or of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.replay.reconstruction.finding_rules import FINDING_RULES
from audit_lab.replay.reconstruction.gap_rules import GAP_RULES, SHOWN, VERSION
from audit_lab.replay.reconstruction.notes import FINDINGS, GAPS, Finding, Gap

if TYPE_CHECKING:
    from audit_lab.replay.reconstruction.rule import Rule

__all__ = ["tell_findings", "tell_gaps", "tell_one"]

_ROW = "row"
_ID = "prediction_id"
_CODE = "__code__"
_RULE = "__rule__"
_CAN = "__can__"

#: What can still be done besides, by whether it can be replayed and explained.
_VERBS = {
    (True, True): "replay and explain it, and ",
    (True, False): "replay it, and ",
    (False, True): "explain it, and ",
    (False, False): "",
}
_CAN_STILL = "; can still {}{}"
_SHOW = "show {}"
_SHOW_NOTHING = "show that it was made"


def tell_gaps(facts: pl.DataFrame) -> pl.DataFrame:
    """Return the gaps of decisions: ``row`` (number of the row of facts), ``prediction_id``, ``code``, what, effect.

    Parameters
    ----------
    facts
        As `audit_lab.replay.reconstruction.facts.with_derived` returns them.

    Returns
    -------
    pl.DataFrame
        In the order of the rows, and for each in the order of `audit_lab.replay.reconstruction.notes.GAPS`.
    """
    told = facts.select(*_ABOUT, *_SAID_OF_GAPS, _can_still())
    frames = [
        _of_rule(told, at, rule, pl.format("{}{}.", pl.lit(GAPS[rule.code]), _CAN).alias("effect"))
        for at, rule in enumerate(GAP_RULES)
    ]
    return _together(frames, {"effect": pl.String})


def tell_findings(facts: pl.DataFrame) -> pl.DataFrame:
    """Return the findings about decisions: ``row``, ``prediction_id``, ``code`` and ``what``, in the order of rows.

    Parameters
    ----------
    facts
        As `audit_lab.replay.reconstruction.facts.with_derived` returns them.
    """
    told = facts.select(*_ABOUT, *_SAID_OF_FINDINGS)
    return _together([_of_rule(told, at, rule) for at, rule in enumerate(FINDING_RULES)], {})


def tell_one(facts: pl.DataFrame) -> tuple[tuple[Gap, ...], tuple[Finding, ...]]:
    """Return gaps and findings of one decision, by its one row of facts; the same as the two others, and faster."""
    flags = facts.select(*_FLAGS).row(0)
    shown_at = len(_RULES)
    told = [rule for rule, holds in zip(_RULES, flags[:shown_at], strict=True) if holds]
    if not told:
        return (), ()
    said = facts.select(*(_words(rule).alias(str(at)) for at, rule in enumerate(told)), pl.col("version_code")).row(0)
    barred = {verb for rule in told for verb in rule.bars}
    shown = ", ".join(name for name, there in zip(SHOWN, flags[shown_at:], strict=True) if there)
    verbs = _VERBS["replay" not in barred, "explain" not in barred]
    can = _CAN_STILL.format(verbs, _SHOW.format(shown) if shown else _SHOW_NOTHING)
    gaps = [
        Gap(said[-1] if rule.code == VERSION else rule.code, what, f"{GAPS[rule.code]}{can}.")
        for rule, what in zip(told, said[:-1], strict=True)
        if rule.code in GAPS
    ]
    findings = [Finding(rule.code, what) for rule, what in zip(told, said[:-1], strict=True) if rule.code in FINDINGS]
    return tuple(gaps), tuple(findings)


def _of_rule(told: pl.DataFrame, at: int, rule: Rule, *further: pl.Expr) -> pl.DataFrame | None:
    """Return the rows that a rule tells something of; None where there is none."""
    what = told[str(at)]
    if what.null_count() == what.len():
        return None
    some = told if not what.null_count() else told.filter(what.is_not_null())
    code = pl.col(_CODE) if rule.code == VERSION else pl.lit(rule.code)
    order = pl.lit(at, dtype=pl.UInt32).alias(_RULE)
    return some.select(_ROW, _ID, code.alias("code"), pl.col(str(at)).alias("what"), *further, order)


def _together(frames: list[pl.DataFrame | None], further: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    there = [frame for frame in frames if frame is not None]
    if not there:
        texts = dict.fromkeys((_ID, "code", "what"), pl.String)
        return pl.DataFrame(schema={_ROW: pl.UInt32, **texts, **further})
    return pl.concat(there).sort(_ROW, _RULE).drop(_RULE)


def _said(rules: tuple[Rule, ...]) -> list[pl.Expr]:
    """Return for each rule what is said of a decision, null where nothing is; named by the rule's number."""
    there = pl.col("place").is_not_null()
    return [pl.when(there & rule.when).then(_words(rule)).alias(str(at)) for at, rule in enumerate(rules)]


def _words(rule: Rule) -> pl.Expr:
    return rule.what.fill_null("Nothing more is on record.")


def _can_still() -> pl.Expr:
    """Return what can be done without what is missing, as the end of a sentence."""
    replay, explain = (
        ~pl.any_horizontal(rule.when.fill_null(value=False) for rule in GAP_RULES if verb in rule.bars)
        for verb in ("replay", "explain")
    )
    verbs = pl.lit(_VERBS[False, False])
    for (can_replay, can_explain), words in _VERBS.items():
        verbs = pl.when((replay == can_replay) & (explain == can_explain)).then(pl.lit(words)).otherwise(verbs)
    parts = [pl.when(flag).then(pl.lit(name)) for name, flag in SHOWN.items()]
    shown = pl.concat_str(parts, separator=", ", ignore_nulls=True)
    show = pl.when(shown == "").then(pl.lit(_SHOW_NOTHING)).otherwise(pl.format(_SHOW, shown))
    return pl.format(_CAN_STILL, verbs, show).alias(_CAN)


_ABOUT = (pl.int_range(pl.len(), dtype=pl.UInt32).alias(_ROW), pl.col(_ID), pl.col("version_code").alias(_CODE))
_SAID_OF_GAPS = _said(GAP_RULES)
_SAID_OF_FINDINGS = _said(FINDING_RULES)
_RULES = (*GAP_RULES, *FINDING_RULES)
_FLAGS = (
    *(rule.when.alias(str(at)) for at, rule in enumerate(_RULES)),
    *(flag.alias(name) for name, flag in SHOWN.items()),
)

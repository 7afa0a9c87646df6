"""One round: put every rule's question to a log, and say what fired, what was looked at, and what could not be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import AuditLabError
from audit_lab.log.files.printable import printable
from audit_lab.monitor.alerts.alert import bounded
from audit_lab.monitor.alerts.asking import Asking, Found, Scope
from audit_lab.monitor.alerts.movements import drifted, drifted_together, onsets, silent, volumes
from audit_lab.monitor.alerts.outcome_rules import performed, treated
from audit_lab.monitor.alerts.service_rules import failures, integrity, uncovered
from audit_lab.monitor.alerts.watch_result import Looked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from audit_lab.monitor.alerts.alert import Alert
    from audit_lab.monitor.alerts.rules import Rule

__all__ = ["TRAFFIC", "evaluate_rules"]

#: The columns of traffic: predictions by hour (UTC), model and version, and the first and last time in each.
TRAFFIC = ("model_name", "model_version", "hour", "rows", "first", "last")
_WHOLE_LOG = ("integrity",)
_MOST_VERSIONS = 8
_LONGEST_WHY = 400
_KINDS: Mapping[str, Callable[[Rule, str | None, Asking, Scope], Found]] = {
    "drift": drifted,
    "drift together": drifted_together,
    "volume": volumes,
    "silence": silent,
    "operations": failures,
    "onset": onsets,
    "performance": performed,
    "fairness": treated,
    "coverage": uncovered,
    "integrity": integrity,
}


def evaluate_rules(
    questions: Mapping[str, Callable[..., Any]],
    rules: Sequence[Rule],
    traffic: pl.DataFrame,
    origins: Mapping[tuple[str, str], Mapping[str, Any]],
    scope: Scope,
) -> tuple[tuple[Alert, ...], tuple[Looked, ...]]:
    """Evaluate rules, each for its model or for every model of the log.

    Parameters
    ----------
    questions
        What answers each of `audit_lab.monitor.alerts.asking.QUESTIONS`.
    traffic
        How many predictions there are, with the columns `TRAFFIC`.
    origins
        Of each model and version, what the registry says of its run, artifact and datasets.
    scope
        The period and the time of the round.

    Returns
    -------
    tuple
        The alerts, each id once, in order of the rules, then of time; and what was looked at for each rule and model.
    """
    asking = Asking(questions)
    models = sorted(traffic["model_name"].drop_nulls().unique())
    fired: dict[str, Alert] = {}
    looked = []
    for rule in rules:
        named = [None] if rule.kind in _WHOLE_LOG else [rule.model] if rule.model is not None else models
        if not named:
            looked.append(_looked(rule, None, Found(why_not="the log has no prediction of any model")))
        for model in named:
            found = _evaluated(rule, model, asking, _of_model(scope, traffic, model))
            mine = [one for one in found.alerts if one.id not in fired]
            fired |= {one.id: _traced(one, traffic, origins) for one in mine}
            looked.append(_looked(rule, model, found))
    return tuple(fired.values()), tuple(looked)


def _evaluated(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    try:
        return _KINDS[rule.kind](rule, model, asking, scope)
    except AuditLabError as error:
        return Found(why_not=printable(str(error).rstrip("."), _LONGEST_WHY))


def _looked(rule: Rule, model: str | None, found: Found) -> Looked:
    if found.why_not is not None:
        return Looked(rule.name, rule.kind, model, "not evaluated", 0, 0, 0, found.why_not, found.facts)
    state = "alerts" if found.alerts else "quiet"
    return Looked(rule.name, rule.kind, model, state, len(found.alerts), found.windows, found.rows, None, found.facts)


def _of_model(scope: Scope, traffic: pl.DataFrame, model: str | None) -> Scope:
    mine = traffic if model is None else traffic.filter(model_name=model)
    first, last = mine.select(pl.col("first").min(), pl.col("last").max()).row(0)
    return replace(scope, first=first, last=last)


def _traced(alert: Alert, traffic: pl.DataFrame, origins: Mapping[tuple[str, str], Mapping[str, Any]]) -> Alert:
    """Add the versions of an alert's window, with the most rows first, and where they come from."""
    if alert.model is None:
        return alert
    mine = traffic.filter(model_name=alert.model)
    start, end = alert.window_start, alert.window_end
    if start is not None and end is not None:
        mine = mine.filter(pl.col("hour") >= _hour(start), pl.col("hour") < end)
    counted = mine.drop_nulls("model_version").group_by("model_version").agg(pl.col("rows").sum())
    ordered = counted.sort("rows", "model_version", descending=[True, False]).head(_MOST_VERSIONS)
    versions = list(ordered.iter_rows())
    known = [origins[alert.model, name] for name, _ in versions if (alert.model, name) in origins]
    return alert.with_lineage({bounded(name): rows for name, rows in versions}, tuple(known))


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)

"""Rules about what came true: performance, and differences between groups. The whole interval must lie beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.monitor.alerts.alert import Alert, bounded, number_or_none
from audit_lab.monitor.alerts.asking import Found, asked_again

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.monitor.alerts.asking import Asking, Scope
    from audit_lab.monitor.alerts.rules import Rule

__all__ = ["performed", "treated"]

_MEASURED, _ESTIMATE = "measured", "estimate"


def performed(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each window in which a measure of performance lies beyond its limit with its whole interval.

    Windows whose outcomes are still arriving are no evidence: they are counted in the facts.
    """
    options = rule.options
    asked = {name: options[name] for name in ("every", "by_version", "positive")} | {"model": model}
    found = asking.ask("performance", **asked)
    named = found.table.filter(of=options["of"], measure=options["measure"], known="now")
    rows = [row for row in named.iter_rows(named=True) if _in(row, scope)]
    wanted = _ESTIMATE if options["estimates"] else _MEASURED
    usable = [row for row in rows if row["status"] == wanted and row["value"] is not None]
    if not usable:
        states = ", ".join(sorted({row["status"] for row in rows})) or "not a measure of this model"
        return Found(why_not=f"{options['measure']} of the {options['of']} is in no window {wanted}: {states}")
    query = asked_again("performance", asked)
    kind = " (an estimate without outcomes)" if options["estimates"] else ""
    alerts = []
    for row in usable:
        limit = _beyond(row, options)
        if limit is None:
            continue
        version = None if row["model_version"] is None else bounded(row["model_version"])
        what = f"{options['measure']} of the {options['of']}{kind} is {_value(row)}, {limit}, over {row['rows']:,} rows"
        alerts.append(_alert(rule, model, version, row, f"{options['of']} {options['measure']}", limit, what, query))
    others = len(rows) - len(usable)
    facts = (f"{others} windows are not {wanted} and raise no alert",) if others else ()
    return Found(tuple(alerts), len(usable), sum(row["rows"] or 0 for row in usable), facts)


def treated(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each grouping and window in which a comparison of groups lies beyond its limit with its whole interval.

    Groups that are suppressed are in no comparison.
    """
    options = rule.options
    names = ("groups", "favourable", "qualified", "of", "bands", "every", "minimum")
    asked = {name: options[name] for name in names} | {"model": model}
    found = asking.ask("fairness", **asked)
    named = found.comparisons.filter(comparison=options["measure"])
    rows = [row for row in named.iter_rows(named=True) if _in(row, scope)]
    usable = [row for row in rows if row["status"] == _MEASURED and row["value"] is not None]
    if not usable:
        states = ", ".join(sorted({row["status"] for row in rows})) or "no comparison"
        return Found(why_not=f"{options['measure']} is in no window measured: {states}")
    query = asked_again("fairness", asked)
    alerts = []
    for row in usable:
        limit = _beyond(row, options)
        if limit is None:
            continue
        grouping = bounded(row["grouping"])
        what = f"{options['measure']} by {grouping} is {_value(row)}, {limit}, between {row['groups']} groups"
        alerts.append(_alert(rule, model, None, {**row, "rows": found.rows}, grouping, limit, what, query))
    facts = (f"of {found.rows:,} decisions, all windows together",)
    return Found(tuple(alerts), len({row["window_start"] for row in usable}), int(found.rows), facts)


def _alert(  # noqa: PLR0917 - the parts of an alert that the two rules have in common
    rule: Rule,
    model: str | None,
    version: str | None,
    row: Mapping[str, Any],
    column: str,
    limit: str,
    what: str,
    query: str,
) -> Alert:
    return Alert(
        rule,
        model,
        version,
        row["window_start"],
        row["window_end"],
        column,
        rule.options["measure"],
        number_or_none(row["value"]),
        limit,
        row["rows"],
        what,
        query,
        number_or_none(row["low"]),
        number_or_none(row["high"]),
    )


def _in(row: Mapping[str, Any], scope: Scope) -> bool:
    """Return whether a row's window counts; one over everything always does."""
    return row["window_start"] is None or scope.holds(row["window_start"], row["window_end"])


def _beyond(row: Mapping[str, Any], options: Mapping[str, Any]) -> str | None:
    """Return the limit that the whole interval (the value, where there is none) lies beyond; None where it does not."""
    low, high = (row["value"] if row[end] is None else row[end] for end in ("low", "high"))
    if options["below"] is not None and high < options["below"]:
        return f"below {options['below']:g}"
    if options["above"] is not None and low > options["above"]:
        return f"above {options['above']:g}"
    return None


def _value(row: Mapping[str, Any]) -> str:
    if row["low"] is None or row["high"] is None:
        return f"{row['value']:.4g} (no interval)"
    return f"{row['value']:.4g} ({row['low']:.4g} to {row['high']:.4g})"

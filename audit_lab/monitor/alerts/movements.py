"""Rules about what arrived: drift, drift of all columns together, volume, silence and onsets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.monitor.alerts.alert import Alert, bounded, number_or_none
from audit_lab.monitor.alerts.asking import Found, asked_again
from audit_lab.monitor.alerts.rule_values import duration_s
from audit_lab.monitor.cuts import BY_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.monitor.alerts.asking import Asking, Scope
    from audit_lab.monitor.alerts.rules import Rule

__all__ = ["drifted", "drifted_together", "onsets", "silent", "volumes"]

_TOO_FEW = "too few rows"
_NO_WINDOW = "no window of the period has enough rows to be judged"
_UNWHOLE = "windows that are not over, or that the log covers in part, raise no alert"


def drifted(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each column and window that moved; columns that move all the time are named, and do not."""
    options = rule.options
    asked = _asked(rule, model)
    moved = asking.ask("drift", **asked)
    judged = _mine(moved.table.filter(pl.col("verdict") != _TOO_FEW), rule, scope)
    if judged.is_empty():
        return Found(why_not=_NO_WINDOW)
    fired = _mine(moved.alerts(options["at_least"]), rule, scope).filter(~pl.col("column").is_in(moved.restless))
    query = f"{asked_again('drift', asked)}.alerts({options['at_least']!r})"
    alerts = []
    for row in fired.sort("window_start", "column").iter_rows(named=True):
        name = bounded(row["column"])
        gone = len(row["vanished_categories"] or ())
        besides = f"; categories that vanished: {gone}" if gone else ""
        besides += "".join(f"; {name}" for name in row["violations"] or ())
        what = (
            f"{name}: {row['verdict']} drift in {bounded(row['window'])}, population stability index "
            f"{row['psi']:.3f} over {row['rows']:,} rows{besides}"
        )
        exceeded = ", ".join(row["exceeds"] or ()) or "none of the measures alone"
        alerts.append(
            Alert(
                rule,
                model,
                bounded(row["window"]) if options["every"] == BY_VERSION else None,
                row["window_start"],
                row["window_end"],
                name,
                "population stability index",
                number_or_none(row["psi"]),
                f"at least {options['at_least']}, beyond chance; over its threshold: {exceeded}",
                row["rows"],
                what,
                query,
                reference=moved.reference.sha256,
            )
        )
    restless = ", ".join(bounded(name) for name in moved.restless)
    facts = [f"no alert on {restless}: they move all the time, in the reference too"] if restless else []
    return _found(alerts, judged, [*facts, *_unwhole(rule)])


def drifted_together(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each window whose rows moved as wholes."""
    options = rule.options
    asked = _asked(rule, model)
    moved = asking.ask("drift_together", **asked)
    judged = _mine(moved.table.filter(pl.col("verdict") != _TOO_FEW), rule, scope)
    if judged.is_empty():
        return Found(why_not=_NO_WINDOW)
    wanted = ["moderate"] if options["at_least"] == "moderate" else ["slight", "moderate"]
    alerts = []
    for row in judged.filter(pl.col("verdict").is_in(wanted)).iter_rows(named=True):
        what = (
            f"taken together, the columns moved in {bounded(row['window'])}: area under the curve of a two-sample "
            f"classifier {row['auc']:.3f} over {row['rows']:,} rows"
        )
        alerts.append(
            Alert(
                rule,
                model,
                bounded(row["window"]) if options["every"] == BY_VERSION else None,
                row["window_start"],
                row["window_end"],
                "all columns together",
                "area under the curve of a two-sample classifier",
                number_or_none(row["auc"]),
                f"at least {options['at_least']}, beyond chance",
                row["rows"],
                what,
                asked_again("drift_together", asked),
                reference=moved.reference.sha256,
            )
        )
    return _found(alerts, judged, _unwhole(rule))


def volumes(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each window with far fewer, or more, rows than the reference's windows usually have."""
    options = rule.options
    asked = _asked(rule, model, false_alarms=0.05, seed=0)
    moved = asking.ask("drift", **asked)
    judged = _mine(moved.volume.filter(pl.col("ratio").is_not_null()), rule, scope)
    if judged.is_empty():
        return Found(why_not="fewer than three whole windows of the reference say what is usual, or none is over")
    below, above = options["below"], options["above"]
    alerts = []
    for row in judged.iter_rows(named=True):
        is_few = below is not None and row["ratio"] < below
        if not is_few and (above is None or row["ratio"] <= above):
            continue
        limit = f"below {below:g}" if is_few else f"above {above:g}"
        what = (
            f"{row['rows']:,} predictions in {bounded(row['window'])}, {row['ratio']:.2f} times the usual "
            f"{row['usual_rows']:,.0f}"
        )
        alerts.append(
            Alert(
                rule,
                model,
                None,
                row["window_start"],
                row["window_end"],
                "rows",
                "rows, as a share of what is usual",
                number_or_none(row["ratio"]),
                limit,
                row["rows"],
                what,
                f"{asked_again('drift', asked)}.volume",
                reference=moved.reference.sha256,
            )
        )
    return _found(alerts, judged, _unwhole(rule))


def silent(rule: Rule, model: str | None, _: Asking, scope: Scope) -> Found:
    """Fire when the newest prediction is older than it may be."""
    if scope.last is None:
        return Found(why_not="there is no prediction with a time")
    allowed = timedelta(seconds=duration_s(rule.options["longer_than"]) or 0)
    passed = scope.now - scope.last
    if passed <= allowed:
        return Found(windows=1)
    seconds = passed.total_seconds()
    alert = Alert(
        rule,
        model,
        None,
        scope.last,
        scope.now,
        "newest prediction",
        "seconds since the newest prediction",
        seconds,
        f"above {allowed.total_seconds():g}",
        0,
        f"no prediction since {scope.last:%Y-%m-%d %H:%M} UTC, for {seconds / 3600:.1f} hours",
        asked_again("newest", {"count": 1, "model": model}),
    )
    return Found((alert,), 1)


def onsets(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each date on which a column changed; its changes of one date are one alert."""
    options = rule.options
    asked: dict[str, Any] = {name: options[name] for name in ("columns", "every", "zone", "seed")}
    asked |= {"reference": _pair(options["reference"]), "model": model}
    found = asking.ask("onset", **asked)
    if not found.windows or found.penalties is None:
        return Found(why_not="no series of the period could be searched for a change")
    by_date: dict[tuple[Any, str], list[Any]] = {}
    for one in found.onsets:
        by_date.setdefault((one.at, one.column), []).append(one)
    alerts = []
    for (at, column), changes in sorted(by_date.items(), key=lambda item: (item[0][0], item[0][1])):
        strongest = max(changes, key=lambda one: one.gain)
        if not scope.holds(at, strongest.until):
            continue
        what = (
            f"{bounded(column)}: its {bounded(strongest.statistic)} changed on {at:%Y-%m-%d %H:%M} UTC "
            f"(95 %: {strongest.earliest:%Y-%m-%d} to {strongest.latest:%Y-%m-%d}), {strongest.deviations:.1f} "
            f"standard deviations; changes of that date: {len(changes)}"
        )
        alerts.append(
            Alert(
                rule,
                model,
                None,
                at,
                strongest.until,
                bounded(column),
                f"{bounded(strongest.statistic)}, in standard deviations",
                number_or_none(strongest.deviations),
                "beyond what a log without changes shows in 5 % of cases",
                strongest.after_rows,
                what,
                asked_again("onset", asked),
            )
        )
    return Found(tuple(alerts), int(found.windows), int(found.rows))


def _asked(rule: Rule, model: str | None, **fixed: Any) -> dict[str, Any]:
    options = {**rule.options, **fixed}
    names = ("columns", "every", "zone", "false_alarms", "seed")
    return {name: options[name] for name in names} | {"reference": _pair(options["reference"]), "model": model}


def _pair(reference: Any) -> Any:
    return tuple(reference) if isinstance(reference, list) else reference


def _mine(table: pl.DataFrame, rule: Rule, scope: Scope) -> pl.DataFrame:
    """Return the rows of windows that may raise an alert."""
    options = rule.options
    any_part = options["partial"] or options["every"] == BY_VERSION
    windows = table.select("window_start", "window_end").unique(maintain_order=True)
    kept = [
        (start, end)
        for start, end in windows.iter_rows()
        if scope.holds(start, end) and (any_part or scope.is_whole(start, end, options["zone"]))
    ]
    mine = pl.DataFrame(kept, schema=windows.schema, orient="row")
    return table.join(mine, on=["window_start", "window_end"], how="semi")


def _unwhole(rule: Rule) -> list[str]:
    return [] if rule.options["partial"] or rule.options["every"] == BY_VERSION else [_UNWHOLE]


def _found(alerts: Iterable[Alert], judged: pl.DataFrame, facts: list[str]) -> Found:
    windows = judged.unique(["window_start", "window_end"])
    return Found(tuple(alerts), windows.height, int(windows["rows"].sum()), tuple(facts))

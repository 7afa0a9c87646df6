"""Rules about the service and the record: failures and latency, what can be replayed, and whether the log is whole."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from audit_lab.errors import IntegrityError
from audit_lab.monitor.alerts.alert import Alert, bounded, number_or_none
from audit_lab.monitor.alerts.asking import Found, asked_again
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from audit_lab.monitor.alerts.asking import Asking, Scope
    from audit_lab.monitor.alerts.rules import Rule

__all__ = ["failures", "integrity", "uncovered"]

_JOB = "failed-job"
_BY_VERSION = "version"
#: What fetches the rows names a group of the log, which can be of any length.
_LONGEST_QUERY = 1_000
_LIMITS = {
    "failed-predictions": "none may fail",
    "error-rate": "more than in the group's other windows, 5 % by Benjamini and Hochberg",
    "latency": "at least 1.5 times what is usual in the group",
    _JOB: "no job may fail",
}


def failures(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for failed predictions and jobs, raised error rates and raised latency, as the rule names them."""
    options = rule.options
    asked = {"every": options["every"], "by": options["by"], "zone": options["zone"], "model": model}
    found = asking.ask("operations", **asked)
    alerts = []
    for one in found.findings:
        if one.code not in options["findings"] or not (one.start is None or scope.holds(one.start, one.end)):
            continue
        alerts.append(_job(rule, one) if one.code == _JOB else _service(rule, model, one, options["by"]))
    windows = found.table["window_start"].n_unique()
    return Found(tuple(alerts), windows, int(found.rows), tuple(one for one in found.facts if "without a time" in one))


def uncovered(rule: Rule, model: str | None, asking: Asking, scope: Scope) -> Found:
    """Fire for each version and window of which too small a share can be replayed (or reconstructed)."""
    options = rule.options
    found = asking.ask("coverage", every=options["every"])
    weeks = found.weeks.drop_nulls("window_start")
    if model is not None:
        weeks = weeks.filter(model_name=model)
    mine = [row for row in weeks.iter_rows(named=True) if scope.holds(row["window_start"], row["window_end"])]
    if not mine:
        return Found(why_not="there is no prediction with a time in the period")
    alerts = []
    for row in mine:
        share = row[options["of"]] / row["predictions"]
        if share >= options["below"]:
            continue
        version = None if row["model_version"] is None else bounded(row["model_version"])
        what = (
            f"{row[options['of']]:,} of {row['predictions']:,} predictions of version {version or 'not stated'} are "
            f"{options['of']}, from {row['window_start']:%Y-%m-%d} to {row['window_end']:%Y-%m-%d}"
        )
        alerts.append(
            Alert(
                rule,
                model,
                version,
                row["window_start"],
                row["window_end"],
                options["of"],
                f"share that is {options['of']}",
                share,
                f"below {options['below']:g}",
                row["predictions"],
                what,
                asked_again("coverage", {"every": options["every"]}),
            )
        )
    return Found(tuple(alerts), len({row["window_start"] for row in mine}), sum(row["predictions"] for row in mine))


def integrity(rule: Rule, _: str | None, asking: Asking, __: Scope) -> Found:
    """Fire for each kind of finding of a check of the log."""
    options = rule.options
    asked = {name: options[name] for name in ("trust", "require_anchor", "rows")}
    try:
        asking.ask("verify", **asked)
    except IntegrityError as error:
        kinds = Counter(finding.code for finding in error.report.findings) or Counter([str(error.report.verdict)])
    else:
        return Found(windows=1)
    alerts = [
        Alert(
            rule,
            None,
            None,
            None,
            None,
            bounded(code),
            "findings",
            float(count),
            "above 0",
            None,
            f"the log does not verify: {bounded(code)}, {count} times",
            asked_again("verify", asked),
        )
        for code, count in sorted(kinds.items())
    ]
    return Found(tuple(alerts), 1)


def _service(rule: Rule, model: str | None, one: Any, by: str) -> Alert:
    group = "not stated" if one.group is None else bounded(one.group)
    value = number_or_none(one.value)
    told = "" if value is None else f" {value:.4g}"
    span = "without a time" if one.start is None else f"from {one.start:%Y-%m-%d %H:%M} to {one.end:%Y-%m-%d %H:%M} UTC"
    what = f"{one.code} of {by} {group} {span}: {one.measure}{told}, {one.concerned:,} of {one.rows:,} rows"
    is_version = by == _BY_VERSION
    # What has no window is another alert than the same in a window.
    code = one.code if one.start is not None else f"{one.code} without a time"
    return Alert(
        rule,
        model,
        group if is_version else None,
        one.start,
        one.end,
        code if is_version else f"{code} of {by} {group}",
        one.measure,
        value,
        _LIMITS[one.code],
        one.rows,
        what,
        one.query if len(one.query) <= _LONGEST_QUERY else "log.operations().findings",
        number_or_none(one.low),
        number_or_none(one.high),
    )


def _job(rule: Rule, one: Any) -> Alert:
    """Make an alert of a failed job: it names the event, whose own words stay where they are."""
    return Alert(
        rule,
        None,
        None,
        one.start,
        one.end,
        f"{_JOB} {sha256(one.query.encode())[:8]}",
        "event",
        1.0,
        _LIMITS[_JOB],
        1,
        f"an event {'without a time' if one.start is None else f'at {one.start:%Y-%m-%d %H:%M} UTC'} states a failure; "
        "its words are in the log",
        one.query if len(one.query) <= _LONGEST_QUERY else "log.operations().findings",
    )

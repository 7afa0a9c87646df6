"""When each kind of rule fires, by answers whose numbers are given."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import polars as pl
import pytest

from audit_lab.monitor.alerts.asking import Scope
from audit_lab.monitor.alerts.evaluation import TRAFFIC, evaluate_rules
from audit_lab.monitor.alerts.rule_file import rule_of

WEEKS = [datetime(2025, 6, day, tzinfo=UTC) for day in (2, 9, 16, 23)]
ENDS = [*WEEKS[1:], datetime(2025, 6, 30, tzinfo=UTC)]
NOW = datetime(2025, 6, 28, 12, tzinfo=UTC)


def fired(rule, question, answer):
    """Return what one rule fires on, by a given answer to its question, and what was looked at."""
    hours = [("m", "1", week, 100, week, week) for week in [*WEEKS, NOW]]
    traffic = pl.DataFrame(hours, schema=list(TRAFFIC), orient="row")
    read = rule_of({"name": "r", **rule})
    alerts, looked = evaluate_rules({question: lambda **_: answer}, [read], traffic, {}, Scope(NOW))
    return alerts, looked[0]


def measured(weeks, **columns):
    """Return a table of measures: value, low, high and status of each week."""
    values = dict(zip(("value", "low", "high", "status"), zip(*weeks, strict=True), strict=True))
    frame = {"window_start": WEEKS[: len(weeks)], "window_end": ENDS[: len(weeks)], **values}
    return pl.DataFrame(frame).with_columns(*(pl.lit(value).alias(name) for name, value in columns.items()))


ROWS = [(0.60, 0.5, 0.69, "measured"), (0.60, 0.5, 0.71, "measured"), (0.1, 0.0, 0.2, "immature")]


def test_performance_fires_only_where_the_whole_interval_of_a_mature_window_lies_beyond():
    table = measured(ROWS, of="score", measure="auc", known="now", rows=50, model_version="1")
    rule = {"kind": "performance", "measure": "auc", "below": 0.7}
    alerts, looked = fired(rule, "performance", SimpleNamespace(table=table))
    assert [(one.window_start, one.low, one.high) for one in alerts] == [(WEEKS[0], 0.5, 0.69)]
    assert (looked.windows, looked.facts) == (2, ("1 windows are not measured and raise no alert",))


def test_performance_of_which_nothing_is_measured_is_blind():
    table = measured(ROWS[2:], of="score", measure="auc", known="now", rows=50, model_version="1")
    alerts, looked = fired(
        {"kind": "performance", "measure": "auc", "below": 0.7}, "performance", SimpleNamespace(table=table)
    )
    assert (alerts, looked.state) == ((), "not evaluated")


def test_an_estimate_fires_only_where_the_rule_asks_for_estimates():
    table = measured([(0.5, 0.4, 0.6, "estimate")], of="score", measure="auc", known="now", rows=9, model_version="1")
    rule = {"kind": "performance", "measure": "auc", "below": 0.7}
    assert fired(rule, "performance", SimpleNamespace(table=table))[0] == ()
    (alert,) = fired(rule | {"estimates": True}, "performance", SimpleNamespace(table=table))[0]
    assert "an estimate" in alert.what


@pytest.mark.parametrize(("low", "high", "fires"), [(0.5, 0.79, True), (0.5, 0.81, False)])
def test_four_fifths_fires_where_the_whole_interval_lies_below(low, high, fires):
    comparisons = measured(
        [(0.7, low, high, "measured")], comparison="demographic_parity_ratio", grouping="age", groups=2
    )
    rule = {"kind": "fairness", "groups": ["age"], "favourable": "approve", "below": 0.8}
    alerts, _ = fired(rule, "fairness", SimpleNamespace(comparisons=comparisons, rows=900))
    assert [(one.column, one.value) for one in alerts] == ([("age", 0.7)] if fires else [])


def test_groups_that_are_all_suppressed_are_no_silence():
    comparisons = measured(
        [(None, None, None, "suppressed")], comparison="demographic_parity_ratio", grouping="age", groups=0
    ).with_columns(pl.col("value", "low", "high").cast(pl.Float64))
    rule = {"kind": "fairness", "groups": ["age"], "favourable": "approve", "below": 0.8}
    assert fired(rule, "fairness", SimpleNamespace(comparisons=comparisons, rows=9))[1].state == "not evaluated"


def volumes(ratios):
    rows = [round(100 * ratio) for ratio in ratios]
    frame = {"window": ["w"] * 4, "window_start": WEEKS, "window_end": ENDS, "rows": rows, "ratio": ratios}
    volume = pl.DataFrame(frame).with_columns(usual_rows=pl.lit(100.0))
    return SimpleNamespace(volume=volume, reference=SimpleNamespace(sha256="d" * 64))


def test_volume_fires_beyond_its_limits_and_not_for_the_week_that_is_not_over():
    alerts, looked = fired({"kind": "volume", "below": 0.5, "above": 2}, "drift", volumes([1.0, 0.49, 2.1, 0.1]))
    assert [(one.window_start, one.threshold) for one in alerts] == [(WEEKS[1], "below 0.5"), (WEEKS[2], "above 2")]
    assert looked.windows == 3


def test_a_week_that_is_not_over_counts_where_the_rule_says_so():
    alerts, _ = fired({"kind": "volume", "below": 0.5, "partial": True}, "drift", volumes([1.0, 1.0, 1.0, 0.1]))
    assert [one.window_start for one in alerts] == [WEEKS[3]]


def test_an_onset_is_an_alert_for_each_column_and_date():
    def change(column, at, gain):
        own = {"statistic": "mean", "earliest": at, "latest": at, "until": NOW, "deviations": gain / 10}
        return SimpleNamespace(column=column, at=at, gain=gain, after_rows=70, **own)

    onsets = (change("a", WEEKS[1], 30.0), change("a", WEEKS[1], 50.0), change("b", WEEKS[2], 20.0))
    found = SimpleNamespace(onsets=onsets, windows=28, rows=400, penalties=(1.0, 2.0))
    alerts, _ = fired({"kind": "onset"}, "onset", found)
    assert [(one.column, one.window_start, one.value) for one in alerts] == [("a", WEEKS[1], 5.0), ("b", WEEKS[2], 2.0)]


def test_rows_that_moved_together_fire_from_the_stated_severity_on():
    verdicts = ["stable", "slight", "moderate", "moderate"]
    frame = {
        "window": ["w"] * 4,
        "window_start": WEEKS,
        "window_end": ENDS,
        "rows": [100] * 4,
        "auc": [0.5, 0.55, 0.7, 0.8],
    }
    table = pl.DataFrame(frame).with_columns(verdict=pl.Series(verdicts))
    answer = SimpleNamespace(table=table, reference=SimpleNamespace(sha256="d" * 64))
    moderate, _ = fired({"kind": "drift together"}, "drift_together", answer)
    slight, _ = fired({"kind": "drift together", "at_least": "slight"}, "drift_together", answer)
    assert [one.window_start for one in moderate] == [WEEKS[2]]
    assert [one.window_start for one in slight] == WEEKS[1:3]

"""Latency and errors of a log, and the findings: what failed, with its evidence."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.operations.measured import measure_operations

START = datetime(2024, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)
ROW = pl.int_range(pl.len())
NO_EVENTS = pl.DataFrame(
    schema={"event_id": pl.String, "at": pl.Datetime("us", "UTC")}
    | dict.fromkeys(("kind", "severity", "subject", "summary"), pl.String)
)


def served(days=10, rows=300, seed=0):
    generator = np.random.default_rng(seed)
    count = days * rows
    return pl.DataFrame(
        {
            "occurred_at": [START + DAY * float(part) for part in np.sort(generator.random(count)) * days],
            "model_version": generator.choice(["1", "2"], count),
            "error": ["done"] * count,
            "latency_ms": generator.gamma(4, 2, count),
        }
    ).with_columns(pl.col("occurred_at").cast(pl.Datetime("us", "UTC")))


def measured(frame, events=NO_EVENTS, **options):
    hours = frame.group_by(pl.col("occurred_at").dt.truncate("1h").alias("hour")).agg(rows=pl.len()).sort("hour")

    def read(start, end):
        return frame.filter(pl.col("occurred_at") >= start, pl.col("occurred_at") < end)

    return measure_operations(read, hours, events, **options)


def test_a_row_of_the_table_is_what_the_rows_say():
    frame = served()
    row = measured(frame).table.filter(window_start=START + 2 * DAY, group="2").row(0, named=True)
    at = pl.col("occurred_at")
    mine = frame.filter(at >= START + 2 * DAY, at < START + 3 * DAY, pl.col("model_version") == "2")[
        "latency_ms"
    ].sort()
    assert (row["rows"], row["failed"], row["latencies"]) == (mine.len(), 0, mine.len())
    assert row["error_low"] == 0
    assert row["p50_ms"] == mine[int(np.ceil(0.5 * mine.len())) - 1]
    assert row["p95_ms"] == mine[int(np.ceil(0.95 * mine.len())) - 1]
    assert row["p50_low_ms"] < row["p50_ms"] < row["p50_high_ms"]


def test_nothing_wrong_gives_no_finding():
    found = measured(served())
    assert found.findings == ()
    assert "No finding." in found.summary()
    assert found.summary()[0].startswith("0 of 3,000 predictions failed: 0.000% (0.000% to 0.123%)")


def test_failures_are_findings_with_window_rows_and_query():
    bad = (pl.col("occurred_at") >= START + 4 * DAY) & (pl.col("occurred_at") < START + 6 * DAY)
    bad &= (pl.col("model_version") == "2") & (pl.int_range(pl.len()) % 5 == 0)
    frame = served().with_columns(error=pl.when(bad).then(pl.lit("failed")).otherwise(pl.col("error")))
    found = measured(frame)
    failed = int(frame["error"].eq("failed").sum())
    (one,) = [each for each in found.findings if each.code == "failed-predictions"]
    assert (one.start, one.end, one.group, one.concerned) == (START + 4 * DAY, START + 6 * DAY, "2", failed)
    assert one.low < one.value == failed / one.rows < one.high
    assert one.query == (
        "log.find(\"error != '' and model_version = '2'\", since='2024-03-08T00:00:00+00:00', "
        "until='2024-03-10T00:00:00+00:00')"
    )
    raised = [each for each in found.findings if each.code == "error-rate"]
    assert [each.start for each in raised] == [START + 4 * DAY, START + 5 * DAY]
    assert all(each.p_value < 0.001 for each in raised)


def test_a_single_failure_is_a_finding_and_no_raised_rate():
    frame = served().with_columns(
        error=pl.when(pl.int_range(pl.len()) == 1500).then(pl.lit("failed")).otherwise(pl.col("error"))
    )
    assert [one.code for one in measured(frame).findings] == ["failed-predictions"]


def test_longer_waits_are_a_finding_and_those_of_chance_are_not():
    slow = (pl.col("occurred_at") >= START + 7 * DAY) & (pl.col("model_version") == "1")
    frame = served().with_columns(latency_ms=pl.when(slow).then(pl.col("latency_ms") * 3).otherwise("latency_ms"))
    found = measured(frame).findings
    assert {(one.code, one.group) for one in found} == {("latency", "1")}
    assert [one.start for one in found] == [START + 7 * DAY, START + 8 * DAY, START + 9 * DAY]
    assert sum(bool(measured(served(seed=seed)).findings) for seed in range(30)) == 0


def test_a_failed_job_is_a_finding():
    rows = [
        ("e1", START + DAY, "training", "info", "run-1", "fine"),
        ("e2", START + 2 * DAY, "job failed", None, "run-2", "out of memory"),
        ("e3", START + 3 * DAY, "ingest", "ERROR", "batch-7", None),
        ("e4", None, "job failed", "error", None, None),
        ("e5", START + DAY, "failover test", "info", "node-a", "went well"),
        ("e6", START + DAY, "fail-safe check", None, "node-a", "went well"),
    ]
    events = pl.DataFrame(rows, schema=NO_EVENTS.schema, orient="row")
    found = measured(served(), events).findings
    assert [(one.code, one.group, one.what) for one in found] == [
        ("failed-job", None, "job failed without a time: no summary"),
        ("failed-job", "run-2", "job failed at 2024-03-06 00:00: out of memory"),
        ("failed-job", "batch-7", "ingest at 2024-03-07 00:00: no summary"),
    ]
    assert (found[0].start, found[0].end) == (None, None)
    assert found[1].query == "log.events.filter(pl.col('event_id') == 'e2')"


def test_missing_and_impossible_latencies_gaps_and_groups_are_facts():
    frame = served().filter((pl.col("occurred_at") < START + 3 * DAY) | (pl.col("occurred_at") >= START + 5 * DAY))
    place = pl.int_range(pl.len())
    frame = frame.with_columns(
        latency_ms=pl.when(place < 100)
        .then(None)
        .when(place == 200)
        .then(-1.0)
        .when(place == 201)
        .then(float("nan"))
        .otherwise("latency_ms"),
        model_version=pl.when(place < 50).then(None).otherwise("model_version"),
    )
    found = measured(frame)
    assert found.facts == (
        f"latency is missing in 100 of {frame.height:,} predictions, which are in no quantile",
        "2 latencies are negative or not finite, and are in no quantile",
        "there is a day or more without predictions, the first from 2024-03-07 00:00",
        "50 predictions state no group",
    )
    first = found.table.row(0, named=True)
    assert found.table.filter(pl.col("group").is_null())["p50_ms"].to_list() == [None]
    assert first["rows"] > 0
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["rows"] == frame.height


def test_one_row_has_a_rate_and_no_interval_of_latency():
    row = measured(served().head(1)).table.row(0, named=True)
    assert (row["rows"], row["error_low"], row["p50_low_ms"], row["p99_high_ms"]) == (1, 0.0, None, None)
    assert row["error_high"] == pytest.approx(0.975)


def test_days_are_those_of_the_zone():
    table = measured(served(days=4), zone="Europe/Berlin").table
    assert table["window_start"].min() == START - timedelta(hours=1)


@pytest.mark.parametrize(("every", "by"), [("2d", "version"), ("1d", "colour")])
def test_what_cannot_be_asked_is_refused(every, by):
    with pytest.raises(MisuseError, match="operations are not measured"):
        measured(served(), every=every, by=by)
    with pytest.raises(LogError, match="no predictions"):
        measure_operations(lambda *_: served(), pl.DataFrame({"hour": [], "rows": []}), NO_EVENTS)


def test_a_log_is_asked_and_its_query_fetches_the_failures(make_log):
    log = al.open(
        make_log(
            predictions=lambda frame: frame.with_columns(
                error=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("timeout")), node=pl.lit('it\'s a "node"')
            )
        )
    )
    found = log.operations(every="1mo", by="node")
    failed = next(one for one in found.findings if one.code == "failed-predictions")
    rows = eval(failed.query, {"log": log, "pl": pl})
    assert rows.height == failed.concerned == 6
    assert "<" not in found._repr_html_().replace("<ul>", "").replace("</ul>", "").replace("<li>", "").replace(
        "</li>", ""
    )


def test_the_flights_ran_without_a_failure(flights):
    found = al.open(flights).operations(every="1mo")
    assert (found.rows, found.failed, found.findings) == (99_953, 0, ())
    assert set(found.table["group"]) == {"1.0.0", "2.0.0", "2.0.1", "3.0.0", "4.0.0-rc.1"}


def test_a_day_without_a_midnight_and_the_half_hours_of_a_zone_lose_no_row(make_log):
    first = datetime(2017, 10, 13, 12, tzinfo=UTC)
    log = al.open(
        make_log(predictions=lambda frame: frame.with_columns(occurred_at=first + pl.duration(hours=ROW * 2)))
    )
    days = log.operations(every="1d", zone="America/Sao_Paulo").table
    assert days["window_start"].to_list()[2:4] == [
        datetime(2017, 10, day, 3 - (day == 16), tzinfo=UTC) for day in (15, 16)
    ]
    assert days["window_end"].to_list()[:3] == days["window_start"].to_list()[1:4]
    late = datetime(2024, 3, 4, 18, 45, tzinfo=UTC)
    log = al.open(
        make_log("late", predictions=lambda frame: frame.with_columns(occurred_at=late - pl.duration(hours=ROW)))
    )
    days = log.operations(every="1d", zone="Asia/Kolkata").table
    assert (days["rows"].sum(), days["rows"].to_list()[-1]) == (40, 1)
    assert days["window_start"].to_list()[-1] == datetime(2024, 3, 4, 18, 30, tzinfo=UTC)
    assert log.onset(["income"], zone="Asia/Kolkata").rows == 40


@pytest.fixture
def untimed(make_log):
    """Return a log of forty predictions of which four have no time, three of them as they failed."""
    early, failed = ROW % 10 == 0, (ROW % 10 == 0) & (ROW > 0)
    return al.open(
        make_log(
            predictions=lambda frame: frame.with_columns(
                occurred_at=pl.when(~early).then("occurred_at"), error=pl.when(failed).then(pl.lit("timeout"))
            )
        )
    )


UNTIMED = "predictions without a time, which are in no window: 4, and 3 of them failed"


def test_what_failed_without_a_time_is_a_finding_and_its_query_fetches_it(untimed):
    found = untimed.operations()
    (one,) = found.findings
    assert (one.code, one.start, one.end, one.group) == ("failed-predictions", None, None, "1")
    assert (one.value, one.rows, one.concerned) == (3.0, 4, 3)
    assert eval(one.query, {"log": untimed}).height == 3
    assert found.summary()[0].startswith("0 of 36 predictions failed: ")
    assert found.summary()[0].endswith("; besides, 3 without a time failed.")
    assert UNTIMED in found.facts
    assert found.findings_table()["start"].to_list() == [None]
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["failed_untimed"] == 3


def test_every_question_about_time_says_how_many_have_none(untimed):
    assert UNTIMED in untimed.onset(every="1h").facts
    assert UNTIMED in untimed.segments(since="2024-03-05", until="2024-03-06", minimum=2).facts
    assert UNTIMED in untimed.cause(after=("2024-03-05", "2024-03-06"), minimum=5, anyway=True).facts


def test_a_watch_fires_for_what_failed_without_a_time(untimed):
    watched = untimed.watch(since="2030-01-01")
    (alert,) = [one for one in watched.alerts if one.rule.kind == "operations"]
    assert (alert.column, alert.value, alert.rows) == ("failed-predictions without a time", 3.0, 4)
    assert (alert.window_start, watched.exit_code) == (None, 1)
    assert any(UNTIMED in sentence for sentence in watched.summary())


def test_an_error_without_a_character_is_none(make_log):
    error = pl.when(ROW < 3).then(pl.lit("timeout")).when(ROW < 20).then(pl.lit(""))
    log = al.open(make_log(predictions=lambda frame: frame.with_columns(error=error)))
    found = log.operations()
    assert found.failed == 3
    (one,) = [one for one in found.findings if one.code == "failed-predictions"]
    assert eval(one.query, {"log": log}).height == 3

"""What is counted in the place of rows, and what can be asked of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

import audit_lab as al
from audit_lab.capture.recorder import spool_writer
from audit_lab.capture.recorder.aggregates import Aggregates
from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.log.keys.pseudonym import PseudonymKey

START = datetime(2026, 5, 4, tzinfo=UTC)
KEPT = Aggregates(bins={"amount": [0, 10, 60]}, categories={"city": ["Bern", "Oslo"]})


def served(hours=96, each=40, seed=2):
    """Return predictions of four days; on the last the amounts and cities are others."""
    drawn = np.random.default_rng(seed)
    for hour in range(hours):
        late = hour >= 72
        for number in range(each):
            yield {
                "at": START + timedelta(hours=hour, seconds=number),
                "amount": float(drawn.gamma(2, 30 if late else 10)),
                "city": str(drawn.choice(["Bern", "Oslo", "Ys"], p=[0.2, 0.2, 0.6] if late else [0.6, 0.3, 0.1])),
                "score": float(drawn.random()),
                "failed": number == 0,
            }


@pytest.fixture(scope="module")
def counted(recorded_for_all):
    everything = list(served())
    with recorded_for_all.recorder(aggregates=KEPT, rows=False) as recorder:
        for one in everything:
            ticket = recorder.record(
                {"amount": one["amount"], "city": one["city"], "note": "Wilhelmina"},
                None if one["failed"] else one["score"],
                decision="yes" if one["score"] > 0.5 else "no",
                occurred_at=one["at"],
                **({"error": "ValueError: x"} if one["failed"] else {}),
            )
        status = recorder.status()
    recorded_for_all.seal()
    return recorded_for_all, pl.DataFrame(everything), ticket, status


def test_counts_are_those_of_what_was_served_and_no_row_is_recorded(counted):
    log, everything, ticket, status = counted
    assert (status.recorded, status.not_sampled, ticket.is_sampled) == (0, everything.height, False)
    opened = al.open(log.folder)
    assert opened.predictions.collect().is_empty()
    found = opened.aggregates()
    assert found.served == everything.height
    cells = found.cells.group_by("column", "cell").agg(pl.col("rows").sum())
    told = {(column, cell): rows for column, cell, rows in cells.iter_rows()}
    amount = everything["amount"]
    assert told["amount", "[0, 10)"] == (amount < 10).sum()
    assert told["amount", "[10, 60)"] == ((amount >= 10) & (amount < 60)).sum()
    assert told["amount", ">= 60"] == (amount >= 60).sum()
    assert told["city", "Oslo"] == (everything["city"] == "Oslo").sum()
    assert told["city", "(other)"] == (everything["city"] == "Ys").sum()
    assert told["decision", "yes"] == (everything["score"] > 0.5).sum()
    assert told["(predictions)", "failed"] == told["score", "(missing)"] == everything["failed"].sum()
    hours = found.cells.filter(column="(predictions)", cell="served")
    assert hours["rows"].to_list() == [40] * 96
    means = found.means("1d").filter(column="amount")
    days = (
        everything.group_by(pl.col("at").dt.truncate("1d"))
        .agg(mean=pl.col("amount").mean(), deviation=pl.col("amount").std(ddof=0))
        .sort("at")
    )
    assert means["mean"].to_list() == pytest.approx(days["mean"].to_list())
    assert means["deviation"].to_list() == pytest.approx(days["deviation"].to_list())
    assert "Wilhelmina" not in found.cells.write_json() + str(log.table("events").to_dicts())


def test_what_moved_is_found_in_the_counts(counted):
    log, everything, *_ = counted
    found = al.open(log.folder).aggregates().drift((START, START + timedelta(days=2)))
    verdicts = {(row["window_start"].day, row["column"]): row["verdict"] for row in found.to_dicts()}
    assert {name for (day, name), verdict in verdicts.items() if verdict == "moved"} == {"amount", "city"}
    assert {day for (day, _), verdict in verdicts.items() if verdict == "moved"} == {7}
    assert set(verdicts.values()) == {"moved", "as before"}
    row = found.filter(column="amount", window_start=START + timedelta(days=3)).row(0, named=True)
    edges = [-np.inf, 0, 10, 60, np.inf]
    before, after = (
        np.histogram(everything.filter(pl.col("at") < START + timedelta(days=2))["amount"], edges)[0][1:],
        np.histogram(everything.filter(pl.col("at") >= START + timedelta(days=3))["amount"], edges)[0][1:],
    )
    p, q = before / before.sum(), after / after.sum()
    assert row["psi"] == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_the_log_says_that_no_single_decision_can_be_reconstructed(counted):
    log, everything, ticket, _ = counted
    opened = al.open(log.folder)
    said = " ".join(opened.coverage().summary())
    assert (
        f"0 of {everything.height:,} predictions that recorders counted were recorded: of the others there is" in said
    )
    assert "by the rule aggregates only" in said
    with pytest.raises(NotFoundError, match="no single one can be shown or reconstructed"):
        opened.decision(ticket.prediction_id)
    assert "Of a single prediction these counts show nothing." in opened.aggregates().summary()


def test_counts_of_parts_add_up_and_rows_may_stand_beside_them(recorded, monkeypatch):
    monkeypatch.setattr(spool_writer, "_NOTICED_S", 0.0)
    with recorded.recorder(aggregates=KEPT) as recorder:
        for number in range(5):
            recorder.record({"amount": number * 30, "city": None}, 0.5, occurred_at=START).wait()
    recorded.seal()
    assert recorded.table("events").filter(kind="recorder.aggregates").height > 1
    found = al.open(recorded.folder).aggregates()
    assert (found.served, recorded.predictions.height) == (5, 5)
    told = dict(found.cells.filter(column="amount").select("cell", "rows").iter_rows())
    assert (told["[0, 10)"], told["[10, 60)"], told[">= 60"], told["(missing)"]) == (1, 1, 3, 0)
    assert found.cells.filter(column="city", cell="(missing)")["rows"].to_list() == [5]


def test_values_are_counted_as_a_redaction_leaves_them(recorded, tmp_path):
    PseudonymKey("k", (), b"k" * 32).write(tmp_path)
    profile = tmp_path / "redaction.toml"
    profile.write_text('format = "audit_lab.source-redaction"\nversion = 1\nname = "x"\n[columns]\ncity = "mask"\n')
    kept = Aggregates(categories={"city": ["Bern", "****"]})
    with recorded.recorder(aggregates=kept, rows=False, redaction=profile) as recorder:
        recorder.record({"city": "Bern"}, 0.5)
        recorder.record(recorder.take({"city": "Bern"}), 0.5)
    recorded.seal()
    assert dict(
        al.open(recorded.folder)
        .aggregates()
        .cells.filter(column="city", cell="****")
        .select("cell", "rows")
        .iter_rows()
    ) == {"****": 2}


def test_what_cannot_be_counted_is_refused(recorded):
    for wrong in (
        {"bins": {"a": [1, 1]}},
        {"bins": {"a": []}},
        {"categories": {"a": "Bern"}},
        {"categories": {"score": ["x"]}},
    ):
        with pytest.raises(MisuseError):
            Aggregates(**wrong)
    with pytest.raises(MisuseError, match="without rows and aggregates"):
        recorded.recorder(rows=False)
    empty = al.open(recorded.folder).aggregates()
    assert empty.served == 0
    assert "No aggregates" in empty.summary()[0]
    with pytest.raises(LogError, match="no counts"):
        empty.drift((START, START + timedelta(days=1)))
    with pytest.raises(MisuseError, match="no zone"):
        empty.drift((START.replace(tzinfo=None), START))


def aggregates_said(columns: str, rows: str = "1") -> str:
    about = '"hour": 0, "model_name": "m", "model_version": "1", "failed": 0, "decisions": {}'
    return f'{{{about}, "rows": {rows}, "columns": {columns}}}'


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"rules": [{"rule": "x", "rate": 1e999, "seen": 1e999, "recorded": 0}], "columns": [], "model": "m"}',
        '{"rules": 7, "columns": {"a": 1}, "model": "m", "profile": "p", "sha256": "s", "hour": 1e30}',
        aggregates_said('{"a": {"missing": 0, "unfit": 0, "edges": [1], "counts": [1, 2, 3], "sum": 1}}'),
        aggregates_said('{"a": {"missing": 0, "unfit": 0, "edges": [1], "counts": [1, 2, 3, 4]}}'),
        aggregates_said('{"a": {"missing": 0, "unfit": 0, "edges": [1]}}'),
        aggregates_said("{}", rows="1e30"),
        aggregates_said("{}", rows="-1"),
    ],
)
def test_events_of_another_s_log_that_cannot_be_understood_say_nothing(make_log, payload):
    kinds = ["recorder.aggregates", "recorder.sampled", "recorder.redaction"]
    events = pl.DataFrame(
        {"event_id": kinds, "kind": kinds, "at": [START] * 3, "recorded_at": [START] * 3, "payload": [payload] * 3}
    ).with_columns(subject=pl.lit("writer"))
    opened = al.open(make_log(events=events))
    assert opened.aggregates("m").cells.is_empty()
    assert opened.coverage().predictions == 40
    assert opened.decision("p-001").prediction_id == "p-001"


def test_numbers_of_numpy_are_counted_as_the_numbers_that_they_hold(recorded):
    kept = Aggregates(bins={"amount": [0, 10]}, categories={"kind": ["3"]})
    values = [(5, 3), (np.int64(5), np.int64(3)), (np.float32(5), np.str_("3")), (pd.NA, pd.NA), (np.bool_(1), "x")]
    with recorded.recorder(aggregates=kept, rows=False) as recorder:
        for amount, kind in values:
            recorder.record({"amount": amount, "kind": kind}, np.float32(0.5))
    recorded.seal()
    (event,) = recorded.table("events").filter(kind="recorder.aggregates").to_dicts()
    columns = json.loads(event["payload"])["columns"]
    assert (columns["amount"]["counts"], columns["amount"]["missing"], columns["amount"]["unfit"]) == ([0, 3, 0], 1, 1)
    assert columns["kind"] == {"missing": 1, "unfit": 0, "categories": {"(other)": 1, "3": 3}}
    assert columns["score"]["sum"] == 2.5

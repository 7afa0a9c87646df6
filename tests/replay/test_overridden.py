"""What a person made of a decision afterwards is told beside the replay, and a contest is no override."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl

import audit_lab as al

AT = datetime(2024, 4, 1, tzinfo=UTC)


def overrides(*rows):
    names = ("kind", "actor", "decision_before", "decision_after")
    return pl.DataFrame(
        [
            {"prediction_id": "p-001", "recorded_at": AT + timedelta(days=day), **dict(zip(names, row, strict=True))}
            for day, row in enumerate(rows)
        ],
        schema_overrides={"decision_before": pl.String, "decision_after": pl.String},
    )


def replayed(make_log, *rows):
    return al.open(make_log(overrides=overrides(*rows))).decision("p-001").replay()


def test_an_override_is_told(make_log):
    replay = replayed(make_log, ("override", "k.meier", "deny", "approve"))
    assert replay.replayed["decision"] == "deny"
    assert replay.why.endswith("Afterwards k.meier changed 'deny' to 'approve'.")
    assert replay.override["actor"] == "k.meier"


def test_an_override_of_something_else_is_told(make_log):
    replay = replayed(make_log, ("override", "k.meier", "approve", "deny"))
    assert replay.why.endswith("The replay gives 'deny', which is not what the override says it changed.")


def test_a_contest_is_none_and_the_last_override_counts(make_log):
    contested = replayed(make_log, ("contest", "applicant", "deny", None))
    assert contested.override is None
    assert "Afterwards" not in contested.why


def test_a_contest_after_an_override_does_not_hide_it(make_log):
    replay = replayed(make_log, ("override", "k.meier", "deny", "approve"), ("contest", "applicant", "approve", None))
    assert replay.override["actor"] == "k.meier"


def test_its_document_is_plain_json(make_log):
    replay = replayed(make_log, ("override", "k.meier", "deny", "approve"))
    document = json.loads(json.dumps(replay.to_dict()))
    assert document["override"]["recorded_at"] == "2024-04-01T00:00:00+00:00"
    assert document["verdict"] == "EXACT"

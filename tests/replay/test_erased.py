"""An erased prediction is counted as erased: not as incomplete, and never replayed on nulls."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_lab.errors import ModelError
from audit_lab.explain.of_decision import explain_decision
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.store import open_store
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.replay.coverage import coverage
from audit_lab.replay.reconstruction import reconstruct
from audit_lab.replay.runner import Runner
from audit_lab.replay.single import replay_decision
from audit_lab.seal import key_file


@pytest.fixture
def log(make_log, tmp_path, monkeypatch):
    """Forty loans, sealed on arrival; of two everything is erased, of a third its inputs, of a fourth its subject."""
    monkeypatch.setattr(key_file, "_COST", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = make_log()
    vault = tmp_path / "vault"
    clock = lambda: datetime(2026, 3, 1, tzinfo=UTC)
    seal_log(folder, actor="Jane", vault=vault, passphrase=b"x", clock=clock)
    writer = open_writer(folder, vault=vault, passphrase=b"x", clock=clock)
    why = {"actor": "desk", "reason": "request"}
    erase(writer, prediction_ids=["p-003", "p-007"], **why)
    erase(writer, prediction_ids=["p-011"], fields={"inputs/loans": ["income"]}, **why)
    erase(writer, prediction_ids=["p-013"], fields={"predictions": ["subject_id", "request_id"]}, **why)
    return folder


def test_coverage_counts_erased_predictions_by_that_name(make_log, log):
    assert coverage(open_store(make_log("unsealed"))).replayable == 40
    found = coverage(open_store(log))
    assert found.table.select("code", "predictions", "first_id").rows() == [
        ("erased", 3, "p-003"),
        ("replayable", 37, "p-000"),
    ]
    assert (
        "3 of loans 1 cannot: What a replay needs was erased from this row; the log shows when and why, and nothing of "
        "what it was. First: p-003."
    ) in found.summary()
    assert found.sequence_gaps.height == 0


@pytest.mark.parametrize(
    ("asked", "gaps"),
    [
        ("p-002", []),
        ("p-003", ["erased", "erased"]),
        ("p-011", ["erased"]),
        ("p-013", ["partly-erased"]),
    ],
)
def test_a_decision_names_what_was_erased_of_it(log, asked, gaps):
    parts = reconstruct(open_store(log), asked)
    assert [gap.code for gap in parts.gaps if "erased" in gap.code] == gaps


def test_a_gap_lists_the_fields(log):
    first, second = (gap for gap in reconstruct(open_store(log), "p-003").gaps if gap.code == "erased")
    assert first.what == (
        "Erased from the prediction: decision, decision_rule, error, outputs, parameters, request_id, subject_id, "
        "trace_id."
    )
    assert second.what == "Erased from the inputs: city, income, years."


def test_an_erased_decision_is_neither_replayed_nor_explained_on_nulls(log):
    store = open_store(log)
    replay = replay_decision(store, reconstruct(store, "p-003"), Runner(store))
    assert (str(replay.verdict), replay.code) == ("UNREPLAYABLE", "erased")
    with pytest.raises(ModelError, match="p-003 cannot be explained: What a replay needs was erased") as caught:
        explain_decision(store, reconstruct(store, "p-003"), "shap")
    assert caught.value.code == "erased"
    assert str(replay_decision(store, reconstruct(store, "p-013"), Runner(store)).verdict) == "EXACT"

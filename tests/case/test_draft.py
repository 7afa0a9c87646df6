"""The drafted report: each sentence from an exhibit, and what no exhibit shows is not known."""

from __future__ import annotations

import json

import polars as pl

from audit_lab.case.draft import Sentence, draft_sections
from audit_lab.case.frame_files import parquet_bytes
from audit_lab.case.representation import Representation


def _said(case):
    return {section.title: section.sentences for section in draft_sections(case)}


def _keep(case, monkeypatch, kind, files, **facts):
    monkeypatch.setattr("audit_lab.case.casefile.represent", lambda *_: Representation(kind, files, **facts))
    exhibit = case.keep(None, kind)
    monkeypatch.undo()
    return exhibit


def _frame(ids):
    return parquet_bytes(pl.DataFrame({"prediction_id": ids}))


def test_a_report_of_an_empty_case_knows_nothing(case):
    said = _said(case)
    assert said["Cause"] == (Sentence("Not known: no exhibit of this case shows the cause."),)
    assert said["Findings"] == (Sentence("No finding was stated."),)
    unknown = [sentence.text for sentence in said["What is not known"]]
    assert len([text for text in unknown if text.startswith("Not known: no exhibit")]) == 6
    assert "Whether the log is complete: no proof covers a decision that was never logged." in unknown


def test_onset_cause_and_replays_are_told_by_their_exhibits(case, monkeypatch):
    _keep(case, monkeypatch, "onset", {"onset.json": b"{}", "summary.json": b'["It began on 1 July."]'})
    _keep(case, monkeypatch, "cause", {"cause.json": b"{}", "summary.json": json.dumps(["US vanished."] * 9).encode()})
    _keep(case, monkeypatch, "replay", {"replay.json": b'{"verdict":"EXACT","why":"equal","prediction_id":"p1"}'})
    said = _said(case)
    assert said["Onset"] == (Sentence("It began on 1 July.", "exhibit 1"),)
    assert said["Cause"][-1] == Sentence("The exhibit says 1 more sentences.", "exhibit 2")
    assert said["Replay"] == (Sentence("Replay of p1: EXACT: equal", "exhibit 3"),)


def test_affected_decisions_are_counted_and_named(case, monkeypatch):
    ids = [f"p{number:02}" for number in range(22)]
    files = {"impact.json": b"{}", "summary.json": b'["22 change."]', "affected.parquet": _frame(ids)}
    _keep(case, monkeypatch, "impact", files)
    first, second = _said(case)["Affected decisions"]
    assert first == Sentence("22 change.", "exhibit 1")
    assert second.text.startswith("22 decisions are affected: p00, p01,")
    assert second.text.endswith("p19 and 2 more.")


def test_the_version_in_force_and_gaps_are_told_by_a_decision(case, monkeypatch):
    shown = {
        "prediction_id": "p1",
        "occurred_at": "2015-07-01",
        "decision": "late",
        "model_name": "delay",
        "stated_version": "2",
        "score": 0.5,
        "threshold": 0.3,
        "final_decision": "on time",
        "in_force": {"statement": "2 was in force."},
        "lineage": [{"from": "a", "relation": "used", "to": "b"}],
        "gaps": [{"code": "x", "what": "No run.", "effect": "Nobody knows who trained it."}],
    }
    model = {"model_name": "delay", "model_version": "2", "artifact_sha256": "cd" * 32}
    _keep(case, monkeypatch, "decision", {"decision.json": json.dumps(shown).encode()}, models=(model,))
    said = _said(case)
    assert [sentence.text for sentence in said["What happened"]] == [
        "The prediction p1 of 2015-07-01 was decided late by delay 2, with score 0.5 against the threshold 0.3.",
        "It was overridden later; what stands is on time.",
    ]
    assert [sentence.text for sentence in said["Version in force and its lineage"]] == [
        "2 was in force.",
        "Lineage: a used b.",
        f"The artifact of delay 2 has SHA-256 {'cd' * 32}.",
    ]
    assert Sentence("No run. Nobody knows who trained it.", "exhibit 1") in said["What is not known"]


def test_what_was_stated_names_where(case):
    case.keep(pl.DataFrame({"a": [1]}), "rows")
    case.finding("US vanished", [1], "high")
    case.action("Map it", kind="corrective", owner="Rex", due="2026-12-01")
    case.event("2015-07-01T00:00:00Z", "noticed", by="Ida")
    said = _said(case)
    assert said["Findings"] == (Sentence("US vanished (confidence: high)", "finding F1, exhibits 1"),)
    assert said["Actions"] == (Sentence("Corrective: Map it; owner Rex, due 2026-12-01, open", "action A1"),)
    assert said["Timeline"] == (Sentence("1 July 2015, 00:00:00 UTC: noticed", "stated by Ida"),)


def test_local_time_stands_beside_utc(create):
    case = create(timezone="Europe/Berlin")
    case.event("2015-07-01T00:00:00Z", "noticed")
    (sentence,) = _said(case)["Timeline"]
    assert sentence.text == ("1 July 2015, 02:00:00 CEST (Europe/Berlin, UTC+02:00), that is 00:00:00 UTC: noticed")


def test_a_report_is_a_draft_until_somebody_approved(case):
    path = case.draft_report()
    assert path == case.folder / "report.md"
    assert "**DRAFT, computed from the exhibits of the case." in path.read_text()
    assert case.draft_report().read_text() == path.read_text()
    assert [line.action for line in case.custody] == ["created", "report drafted"]


def test_a_report_takes_nothing_as_markup(create):
    case = create(question="<script>alert(1)</script> [x](http://evil)")
    case.conclude("# Not a heading\n- *no* item")
    text = case.draft_report().read_text()
    assert "\\<script\\>alert(1)\\</script\\> \\[x\\](http://evil)" in text
    assert "- \\# Not a heading - \\*no\\* item (stated in the case)" in text

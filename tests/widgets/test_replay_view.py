"""The view of one replay: verdict, meaning, next step, where it parts, and the code that makes it again."""

from __future__ import annotations

import json

import polars as pl
import pytest
from reproducing import shown_by

import audit_lab as al
from audit_lab.dossier.reproduction import MEANINGS
from audit_lab.replay.verdict import EFFECTS, Verdict
from audit_lab.widgets import ReplayView
from audit_lab.widgets.replay import _CLOSING, _NEXT

HOSTILE = "<img src=x onerror=alert(1)>"
LIVE = "application/vnd.jupyter.widget-view+json"
VIEW = "application/vnd.audit-lab.view+json"


def otherwise(frame):
    """Put another score on record for p-001, far beyond the tolerance, and another decision for p-002."""
    is_first, is_second = pl.col("prediction_id") == "p-001", pl.col("prediction_id") == "p-002"
    score = pl.col("outputs").struct.field("score")
    outputs = pl.struct(
        pl.when(is_first).then(1 - score).otherwise(score).alias("score"),
        pl.col("outputs").struct.field("label"),
    )
    decision = pl.when(is_second).then(pl.lit(HOSTILE)).otherwise(pl.col("decision"))
    return frame.with_columns(outputs.alias("outputs"), decision.alias("decision"))


@pytest.fixture
def log(make_log):
    return al.open(make_log(predictions=otherwise, inputs_loans=lambda frame: frame.head(38)))


CASES = [
    ("p-003", {}, Verdict.EXACT, "exact"),
    ("p-001", {}, Verdict.DIVERGED, "score-differs"),
    ("p-001", {"causes": False}, Verdict.DIVERGED, "score-differs"),
    ("p-002", {}, Verdict.DIVERGED, "decision-differs"),
    ("p-039", {}, Verdict.UNREPLAYABLE, "inputs-missing"),
]


@pytest.mark.parametrize(("name", "asked", "verdict", "code"), CASES, ids=str)
def test_it_says_verdict_reason_meaning_and_next_step_and_its_code_makes_it_again(log, name, asked, verdict, code):
    replay = log.decision(name).replay(**asked)
    assert (replay.verdict, replay.code) == (verdict, code)
    view = al.view(replay)
    assert isinstance(view, ReplayView)
    shown = view.static_html()
    assert f">{verdict}</span>" in shown
    for said in (MEANINGS[verdict], _NEXT.get(verdict) or _CLOSING[code], EFFECTS.get(code, "")):
        assert said.replace("'", "&#x27;") in shown
    assert view.children[0].value == shown
    assert [line for line in (MEANINGS[verdict], replay.why) if line not in view.text().splitlines()] == []
    bundle = view._repr_mimebundle_()
    assert set(bundle) == {LIVE, VIEW, "text/html", "text/plain"}
    assert bundle["text/html"] == shown
    again = shown_by(view.code(), log=log)
    assert again.static_html() == shown
    assert again.subject.to_dict() == replay.to_dict()


def test_the_step_at_which_they_parted_is_marked(log):
    shown = al.view(log.decision("p-001").replay(causes=False)).static_html()
    assert shown.count("no: here they part") == 1
    assert shown.index(">score<") < shown.index("no: here they part") < shown.index(">label<")
    shown = al.view(log.decision("p-002").replay(causes=False)).static_html()
    assert shown.index(">decision<") < shown.index("no: here they part")
    assert "here they part" not in al.view(log.decision("p-003").replay()).static_html()


def test_what_was_searched_for_causes_is_told_only_where_it_was(log):
    searched = log.decision("p-001").replay()
    assert searched.explanation.statement.replace("'", "&#x27;") in al.view(searched).static_html()
    assert "changes were tried" not in al.view(log.decision("p-001").replay(causes=False)).static_html()


def test_texts_of_the_log_are_escaped(log):
    shown = al.view(log.decision("p-002").replay()).static_html()
    assert HOSTILE not in shown
    assert "&lt;img src=x" in shown


def test_every_code_has_a_next_step():
    assert set(_CLOSING) == set(EFFECTS)
    assert {*_NEXT, Verdict.UNREPLAYABLE} == set(Verdict)


def test_it_is_kept_as_an_exhibit_of_its_case(log, tmp_path):
    case = al.Case.create("C-1", log, question="Why?", actor="Ida", purpose="a review", folder=tmp_path / "cases")
    replay = log.decision("p-003").replay()
    exhibit = al.view(replay).keep(case)
    assert exhibit.kind == "replay"
    assert json.loads((exhibit.folder / "replay.json").read_text())["verdict"] == "EXACT"
    assert "EXACT" in (exhibit.folder / "shown.html").read_text()
    assert exhibit.query == "log.decision('p-003@part-00000:3').replay()"

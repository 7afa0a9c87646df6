"""What comes of changed inputs: the real model, threshold and rules, beside the original."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.what_if import Refusal, Side
from audit_lab.explain.what_if.asking import _unrepeated
from audit_lab.explain.what_if.trial import Ran


def test_score_and_decision_are_those_of_the_bare_library(loans):
    recorded = loans.decision().inputs
    before, decided = loans.bare(recorded)
    for income in (1_200.0, 3_999.0, 4_001.0, 8_900.0):
        for city in ("Bern", "Rome"):
            found = loans.ask({"income": income, "city": city})
            score, decision = loans.bare(recorded, income=income, city=city)
            assert (found.changed.score, found.changed.decision) == (score, decision)
            assert (found.original.score, found.original.decision) == (before, decided)
            assert found.flips == (decision != decided)


def test_a_rule_decides_whatever_the_score(loans):
    found = loans.ask({"income": 8_900.0}).change({"years": 0})
    assert found.changed.rule == "newcomer"
    assert found.changed.decision == "deny"
    assert found.changed.label == "good"
    assert found.threshold == 0.5
    assert "rule 'newcomer' \N{RIGHTWARDS ARROW} decision 'deny'" in " ".join(found.summary())


def test_the_original_stays_in_view_through_every_state(loans):
    first = loans.ask({"income": 1_200.0})
    second = first.change({"city": "Rome", "years": 12})
    assert second.changes == {"income": 1_200.0, "city": "Rome", "years": 12}
    assert second.recorded == second.original == first.original
    assert second.recorded.score == loans.decision().prediction["outputs"]["score"]
    assert second.reset("income", "years").changes == {"city": "Rome"}
    assert second.reset().changes == {}
    assert first.changes == {"income": 1_200.0}


def test_without_a_change_it_is_the_original(loans):
    found = loans.ask()
    assert found.changed == found.original
    assert found.flips is False
    assert "Nothing is changed." in found.summary()
    assert found.digest == loans.ask({"income": loans.decision().inputs["income"]}).digest


def test_only_what_is_changed_is_marked(loans):
    found = loans.ask({"income": 1_200})
    marked = {each.feature: (each.is_changed, each.value) for each in found.inputs}
    recorded = loans.decision().inputs
    assert marked == {
        "income": (True, 1_200.0),
        "city": (False, recorded["city"]),
        "years": (False, recorded["years"]),
    }
    assert found.rows["is_changed"].to_list() == [True, False, False]


def test_units_are_told(loans):
    assert "income 1,200 EUR instead of" in " ".join(loans.ask({"income": 1_200}).summary())


def test_missing_is_put_in_as_none(loans):
    found = loans.ask({"income": None})
    assert found.changed.score == loans.bare(loans.decision().inputs, income=None)[0]
    assert [remark.code for remark in found.remarks] == ["never-missing"]


def test_a_value_beyond_all_that_were_recorded_is_allowed_and_said(loans):
    found = loans.ask({"income": 1e9})
    (remark,) = found.remarks
    assert (remark.feature, remark.code) == ("income", "outside-range")
    assert remark.sentence.startswith(
        "No recorded decision had such a value: income 1,000,000,000 EUR is above all of them"
    )
    assert remark.sentence.endswith("in the 40 recorded decisions of loans.")
    assert remark.sentence in found.summary()


def test_an_unknown_category_is_said_with_what_the_model_makes_of_it(loans):
    found = loans.ask({"city": "Atlantis"})
    assert found.changed.score == loans.bare(loans.decision().inputs, city="Atlantis")[0]
    assert [remark.code for remark in found.remarks] == ["never-recorded", "unknown-category"]
    assert found.remarks[1].sentence == (
        "'Atlantis' is none of the 3 categories of city that the signature names (Bern, Oslo, Rome). The model makes "
        "of it what it makes of a missing city: all comes out the same."
    )


def test_a_decision_that_does_not_replay_is_answered_with_a_caution_first(make_log, loans):
    folder = make_log(
        "other",
        predictions=lambda frame: frame.with_columns(
            outputs=pl.struct(pl.col("outputs").struct.field("score") + 0.2, pl.col("outputs").struct.field("label"))
        ),
    )
    found = al.open(folder).decision("p-030").what_if({"income": 1_200.0}, explain=None)
    plain = loans.ask({"income": 1_200.0})
    assert (found.replay_code, found.replays) == ("score-differs", False)
    assert found.recorded.score == pytest.approx(plain.recorded.score + 0.2)
    assert (found.original, found.changed, found.flips) == (plain.original, plain.changed, plain.flips)
    assert found.summary()[0].startswith("Caution: the original does not replay as recorded (score-differs). ")
    assert found.headline.endswith("; the original does not replay as recorded")


def test_a_score_that_was_not_recorded_is_nothing_to_compare_with(make_log):
    lacking = lambda frame: frame.with_columns(outputs=pl.lit(None, dtype=frame.schema["outputs"]))
    found = al.open(make_log(predictions=lacking)).decision("p-030").what_if({"income": 1_200.0}, explain=None)
    assert (found.replay_code, found.replays) == ("output-missing", False)
    assert found.recorded.score is None
    assert found.summary()[0] == (
        "Caution: the original's score is not on record, so whether it replays cannot be told."
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"inputs_loans": lambda frame: frame.filter(pl.col("prediction_id") != "p-030")}, "inputs-missing"),
        ({"artifact": b"another file"}, "artifact-digest-mismatch"),
        ({"model_versions": lambda frame: frame.clear()}, "version-not-registered"),
    ],
)
def test_inputs_that_cannot_be_run_are_refused_with_the_reason(make_log, changed, code):
    decision = al.open(make_log(**changed)).decision("p-030")
    with pytest.raises(ModelError, match=r"other inputs of the prediction p-030 cannot be tried") as refused:
        decision.what_if({"income": 1_200.0})
    assert refused.value.code == code


def test_an_artifact_that_is_exchanged_meanwhile_is_not_answered_from_memory(loans):
    found = loans.ask({"income": 1_200.0})
    (loans.folder / "artifacts" / "loans-1.ubj").write_bytes(b"another file")
    with pytest.raises(ModelError) as refused:
        found.change({"income": 1_300.0})
    assert refused.value.code == "artifact-digest-mismatch"


def test_changes_are_feature_to_value(loans):
    with pytest.raises(MisuseError, match="changes are a list"):
        loans.ask([("income", 1)])
    with pytest.raises(MisuseError, match="'nothing' is no input of this decision's model"):
        loans.ask({"income": 1_200.0}).reset("nothing")


def test_an_override_is_told_and_the_systems_decision_is_asked_about(make_log, loans):
    decision = loans.decision()
    own = decision.prediction["decision"]
    other = {"deny": "approve", "approve": "deny"}[own]
    folder = make_log(
        "overridden",
        overrides=pl.DataFrame(
            {
                "prediction_id": ["p-030"],
                "recorded_at": [decision.prediction["occurred_at"] + timedelta(hours=1)],
                "kind": ["override"],
                "actor": ["ann"],
                "decision_before": [own],
                "decision_after": [other],
            }
        ),
    )
    found = al.open(folder).decision("p-030").what_if({"income": 1_200.0}, explain=None)
    assert found.overridden_to == other
    assert found.original.decision == own
    assert f"A person changed the decision to {other!r} afterwards; what is asked" in " ".join(found.summary())


def test_a_model_that_does_not_repeat_itself_is_reported():
    one, two = (Side(score, "bad", "threshold", "deny") for score in (0.6, 0.7))
    refusal = Refusal("model-error", "no")
    assert _unrepeated(Ran((one, one, two, two), None), has_changes=True) == []
    assert _unrepeated(Ran((one, one, refusal, refusal), None), has_changes=True) == []
    (said,) = _unrepeated(Ran((one, two), None), has_changes=False)
    assert said.startswith("The model gives the same recorded inputs two answers: score 0.6 ")
    (said,) = _unrepeated(Ran((one, one, two, refusal), None), has_changes=True)
    assert said.startswith("The model gives the same changed inputs two answers: score 0.7 ")
    nothing = Side(float("nan"), None, None, None)
    assert _unrepeated(Ran((nothing, Side(float("nan"), None, None, None)), None), has_changes=False) == []


def test_the_code_reproduces_the_state(loans):
    found = loans.ask({"income": 1_200.0}).change({"city": "Rome"})
    names = {}
    exec(found.code().replace("al.view(found)\n", ""), names)
    assert names["found"].digest == found.digest
    assert names["found"].canonical() == found.canonical()


def test_the_answer_is_json_and_another_state_has_another_digest(loans):
    found = loans.ask({"income": 1_200.0})
    document = found.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["changes"] == {"income": 1200.0}
    assert document["digest"] == loans.ask({"income": 1_200}).digest != found.change({"years": 9}).digest
    assert repr(found).startswith("WhatIf: 1 input changed: the decision ")


def test_another_process_with_another_hash_seed_gives_the_same_bytes(loans):
    program = (
        "import sys, audit_lab as al; d = al.open(sys.argv[1]).decision('p-030'); "
        "sys.stdout.write(d.what_if({'income': 1200.0, 'city': 'Atlantis'}).canonical().decode())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program, str(loans.folder)],
        env={**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(loans.folder / "own")},
        capture_output=True,
        check=True,
    ).stdout
    found = loans.ask({"income": 1_200.0, "city": "Atlantis"}, explain="shap")
    assert printed == found.canonical()
    assert json.loads(printed)["changed_attribution"] == found.changed_attribution.digest


def test_the_journal_has_each_state(make_log, tmp_path):
    journal = tmp_path / "journal.jsonl"
    log = al.open(make_log(), actor="ann", purpose="hearing", journal=journal)
    log.decision("p-030").what_if({"income": 1_200.0}, explain=None).change({"years": 9})
    text = journal.read_text()
    assert text.count("what if p-030@") == 2
    assert "changes income=1200.0, years=9" in text


def test_texts_of_a_log_are_escaped(make_log):
    hostile = "<script>alert(1)</script>\x1b[31m"
    folder = make_log(
        predictions=lambda frame: frame.with_columns(decision=pl.lit(hostile), decision_rule=pl.lit(hostile))
    )
    found = al.open(folder).decision("p-030").what_if({"city": hostile}, explain=None)
    html = found._repr_html_()
    assert "<script>" not in html
    assert "\x1b" not in html + "".join(found.summary()) + found.headline
    assert "&lt;script&gt;" in html

"""What a dossier says about decisions of real logs, those with a planted fault among them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import audit_lab as al
from audit_lab.dossier.content import FORMATS
from audit_lab.dossier.owners import unowned_codes
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.explain.counterfactual import Constraints
from audit_lab.explain.describing import Decided

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DENIED = "01998055-5ecf-745a-a696-974017e5e57a"
OVERRIDDEN = "019440ef-a4db-7e15-82df-e21a55ac27cb"
CONTESTED = "01975e5f-3ee8-7caa-bd85-9cfbc33bddc8"
NO_INPUTS = "014c68bd-01c7-759a-be4f-b39b88f73532"
NOT_REGISTERED = "0150c5e9-77a7-76b2-ab3c-52497c4299d6"
OTHER_ARTIFACT = "0150ea21-c957-79f4-8477-344655cc2b6a"


@pytest.fixture
def credit_log(credit):
    return al.open(credit)


@pytest.fixture
def flights_log(flights):
    return al.open(flights)


def fact(facts, name):
    return next(each.value for each in facts if each.name == name)


def row(found, code):
    return next(each for each in found.wanting if each.code == code)


def test_a_denial_is_answered_in_three_sentences(credit_log):
    found = credit_log.decision(DENIED).dossier(timezone="Europe/Berlin", made_at=MADE)
    what, why, held = found.answer
    assert what == (
        "On 25 September 2025, 12:05:02 CEST (Europe/Berlin, UTC+02:00), that is 10:05:02 UTC, credit-approval 2.0.0 "
        "decided 'deny' about applicant-9108."
    )
    assert why.startswith("The model's score of 0.7146 against the threshold of 0.5 made the decision; no other rule")
    assert "these moved the probability of 'bad' most: status_of_existing_checking_account (+14." in why
    assert held == (
        "Run again, the recorded model gives the recorded answer to the last bit. Nothing that should be on "
        "record was found missing. The log's integrity was not checked."
    )


def test_it_says_which_version_was_stated_and_in_force_and_who_approved_it(credit_log):
    found = credit_log.decision(DENIED).dossier(timezone="Europe/Berlin", made_at=MADE)
    assert fact(found.version, "Stated by the prediction") == "credit-approval 2.0.0"
    assert fact(found.version, "In force by deployments").startswith("Deployments agree: 2.0.0 was in force")
    assert "with 100 % of the traffic by henrik.lund" in fact(found.version, "Deployed")
    assert [(each.what, each.who, each.at.short()) for each in found.approvals] == [
        ("submitted", "ines.moreau (model developer)", "2025-08-25 10:00"),
        ("approved", "karel.novak (model risk officer)", "2025-08-28 10:00"),
        ("promoted", "henrik.lund (head of credit)", "2025-08-29 10:00"),
    ]


def test_every_input_stands_in_it_with_its_unit_the_weightiest_first(credit_log):
    decision = credit_log.decision(DENIED)
    found = decision.dossier(made_at=MADE)
    assert {each.feature for each in found.inputs} == set(decision.inputs)
    assert found.inputs[0].feature == "status_of_existing_checking_account"
    assert abs(found.inputs[0].share) == 1.0
    amount = next(each for each in found.inputs if each.feature == "credit_amount")
    assert (amount.value, amount.unit, amount.told) == ("11816", "Deutsche Mark", "11816 Deutsche Mark")
    contributions = [abs(each.contribution) for each in found.inputs]
    assert contributions == sorted(contributions, reverse=True)


def test_the_sentences_are_those_of_the_explanation_it_names(credit_log):
    decision = credit_log.decision(DENIED)
    found, attribution = decision.dossier(made_at=MADE), decision.explain()
    units = {each.name: each.unit for each in decision.signature.features}
    decided = Decided.of(decision.prediction, decision.final_decision)
    assert found.why.sentences == tuple(attribution.describe(units, decided))
    assert found.source.attribution_sha256 == attribution.digest
    assert found.source.artifact_sha256 == decision.model_version["artifact_sha256"]


def test_reasons_and_the_nearest_change_are_told_where_they_are_asked_for(credit_log, credit):
    found = credit_log.decision(DENIED).dossier(
        codes=credit.parent / "credit_reasons.json",
        counterfactual=Constraints(immutable=("age_in_years",)),
        made_at=MADE,
    )
    assert "1. Balance of checking account with us, or no such account (C01)" in found.why.reasons
    assert "Principal reasons: Balance of checking account with us" in found.answer[1]
    assert found.why.changed.is_found
    assert "it would have been 'approve'" in found.why.changed.sentences[0]
    assert found.source.reason_codes_sha256 is not None
    assert found.source.counterfactual_sha256 is not None


def test_neither_is_told_where_it_is_not(decide):
    found = decide().dossier(made_at=MADE)
    assert (found.why.reasons, found.why.changed) == ((), None)


def test_what_a_person_changed_stands_in_the_first_sentence(credit_log):
    found = credit_log.decision(OVERRIDDEN).dossier(made_at=MADE)
    assert found.answer[0].endswith("Afterwards nadia.osei (credit officer) changed that; what stands is 'approve'.")
    assert (found.decision, found.standing) == ("'deny'", "'approve'")
    assert ("override", "nadia.osei (credit officer)", "'deny' to 'approve': second income shown after the score") in [
        (each.what, each.who, each.told) for each in found.afterwards
    ]
    assert "A person changed the decision: what follows explains what the system gave before." in found.why.sentences


def test_a_contest_and_its_answer_are_told_in_order_of_time(credit_log):
    found = credit_log.decision(CONTESTED).dossier(made_at=MADE)
    assert [each.what for each in found.afterwards][:2] == ["contest", "contest answer"]
    assert found.afterwards[1].told == "'deny' stands: checked again with the savings: the decision stands"
    assert row(found, "contested").owner.names == (
        "applicant (subject), by the contest of 2025-06-12",
        "henrik.lund (head of credit), by the contest answer of 2025-06-21",
    )


@pytest.mark.parametrize(
    ("prediction_id", "code", "owner"),
    [
        (NO_INPUTS, "inputs-missing", "the writer writer-a, on node node-a (a system), by the prediction's own row"),
        (NOT_REGISTERED, "version-not-registered", "on-call.operations, who deployed 2.0.1 on 2015-11-02"),
        (
            OTHER_ARTIFACT,
            "artifact-digest-mismatch",
            "lena.fischer (model developer), who submitted 4.0.0-rc.1 on 2015-11-03",
        ),
    ],
)
def test_a_planted_fault_is_told_with_who_owns_it(flights_log, prediction_id, code, owner):
    found = flights_log.decision(prediction_id).dossier(made_at=MADE)
    assert found.replay.verdict == "UNREPLAYABLE"
    assert found.replay.code == code
    assert found.answer[2].startswith("It can NOT be run again.")
    assert code in found.answer[2]
    assert not found.why.is_explained
    assert found.why.sentences[0].startswith("There is no explanation: ")
    assert owner in row(found, code).owner.words()
    assert len(found.to_pdf()) > 10_000


def test_a_gap_that_nobody_is_named_for_says_so(decide):
    found = decide("p-005", lineage=None).dossier(made_at=MADE)
    gap = row(found, "lineage-missing")
    assert gap.owner.words() == "Owner: whoever trained the version, and owns its data; the log names nobody."


def test_the_owner_of_the_data_owns_what_is_missing_of_its_lineage(decide):
    datasets = pl.DataFrame({"dataset_id": ["d"], "version": ["1"], "owner": ["data.team"]})
    edges = pl.DataFrame(
        {
            "edge_id": ["e1", "e2", "e3"],
            "from_node": ["model:loans@1", "run:r1", "dataset:d@1"],
            "relation": ["wasGeneratedBy", "used", "wasDerivedFrom"],
            "to_node": ["run:r1", "dataset:d@1", "model:loans@1"],
        }
    )
    found = decide(datasets=datasets, lineage=edges).dossier(made_at=MADE)
    assert row(found, "lineage-cycle").owner.names == ("data.team, owner of the data set d 1",)


def test_every_gap_finding_and_refusal_has_a_duty():
    assert unowned_codes() == ()


def test_a_record_that_does_not_replay_is_told_as_that(decide):
    def raised(frame):
        outputs = pl.struct(pl.col("outputs").struct.field("score") * 0.5, pl.col("outputs").struct.field("label"))
        return frame.with_columns(outputs.alias("outputs"))

    found = decide("p-003", predictions=raised).dossier(made_at=MADE)
    assert found.replay.verdict == "DIVERGED"
    assert "does NOT give what is on record" in found.answer[2]
    assert row(found, "score-differs").owner.duty == "whoever registered the version, with whoever runs the writer"
    caution = "The replay does not give what is on record: what follows explains what the model gives now."
    assert caution in found.why.sentences


def test_a_rule_that_decided_is_told_before_the_score(make_log):
    log = al.open(make_log())
    ruled = log.find("decision_rule = 'newcomer'")["prediction_id"][0]
    found = log.decision(ruled).dossier(made_at=MADE)
    assert (
        found.why.decided_by == "The decision rule 'newcomer' (inputs.years < 2) made the decision, whatever the score."
    )
    assert found.answer[1].startswith(found.why.decided_by)
    assert found.why.sentences[0] == (
        "A rule, 'newcomer', made the decision: what follows explains the model's score only."
    )


def test_whether_the_log_was_checked_is_told(make_log):
    log = al.open(make_log())
    unchecked = log.decision("p-003").dossier(made_at=MADE)
    assert unchecked.integrity.verdict == "NOT CHECKED"
    assert row(unchecked, "integrity-not-checked").owner.words() == (
        "Owner: whoever asked for this dossier; the log names nobody."
    )
    checked = log.decision("p-003").dossier(made_at=MADE, verification=log.verify(remembered=False))
    assert checked.integrity.verdict == "UNANCHORED"
    assert "integrity-not-checked" not in {each.code for each in checked.wanting}
    assert "The log's integrity was checked: UNANCHORED." in checked.answer[2]


def test_a_log_that_fails_verification_is_told_as_that(make_log):
    folder = make_log()
    (path,) = (folder / "outcomes").glob("*.parquet")
    pl.read_parquet(path).with_columns(label=pl.lit("bad")).write_parquet(path)
    log = al.open(folder)
    with pytest.raises(IntegrityError) as failed:
        log.verify(remembered=False)
    found = log.decision("p-003").dossier(made_at=MADE, verification=failed.value.report)
    assert found.integrity.verdict == "FAILED"
    assert found.integrity.findings
    assert row(found, "integrity-failed").effect.startswith("Nothing here holds before that is cleared up.")


def test_who_asks_and_why_stands_on_it_and_the_journal_has_the_question(make_log, tmp_path):
    log = al.open(make_log(), actor="n.osei", purpose="complaint 4711", journal=tmp_path / "journal")
    found = log.decision("p-003").dossier(timezone="Europe/Oslo", made_at=MADE)
    assert found.asked_by == "n.osei: complaint 4711"
    assert found.source.compared_with == 39
    lines = (tmp_path / "journal").read_text()
    (asked,) = [line for line in lines.splitlines() if "dossier p-003@" in line]
    assert '"rows":40' in asked.replace(" ", "")
    assert "dossier p-003@" in lines
    assert "timezone Europe/Oslo" in lines
    assert "inputs.income" in lines
    assert any("access journal" in sentence for sentence in found.personal)


def test_what_is_personal_is_named_and_nobody_asking_is_told(decide):
    found = decide().dossier(made_at=MADE)
    assert found.personal[0].startswith("Personal data by the log's rules, shown here: predictions.decision, ")
    assert "and 3 inputs" in found.personal[0]
    assert found.personal[-1] == "No journal has this question, for nobody said who asks and why."


def test_the_same_question_gives_the_same_bytes_and_another_moment_the_same_digest(make_log):
    folder = make_log()
    first = al.open(folder).decision("p-003").dossier(made_at=MADE)
    again = al.open(folder).decision("p-003").dossier(made_at=MADE)
    later = al.open(folder).decision("p-003").dossier(made_at=MADE + timedelta(days=1))
    assert (again.to_json(), again.to_html(), again.to_pdf()) == (first.to_json(), first.to_html(), first.to_pdf())
    assert later.digest == first.digest
    assert later.to_json() != first.to_json()


def test_without_a_moment_it_is_made_now(decide):
    before = datetime.now(UTC).replace(microsecond=0)
    made = datetime.fromisoformat(decide().dossier().made_at.utc)
    assert before <= made <= datetime.now(UTC)


@pytest.mark.parametrize("kind", FORMATS)
def test_it_is_written_as_the_file_s_ending_says(decide, tmp_path, kind):
    path = tmp_path / "letters" / f"letter{kind}"
    found = decide().dossier(path, made_at=MADE)
    content = {".pdf": found.to_pdf(), ".html": found.to_html().encode(), ".json": found.to_json()}
    assert path.read_bytes() == content[kind]


def test_the_json_has_all_of_it_and_its_digest(decide):
    found = decide().dossier(made_at=MADE)
    document = json.loads(found.to_json())
    assert document == found.to_dict() | {"made_at": document["made_at"]}
    assert document["digest"] == found.digest
    assert document["made_at"]["utc"] == "2026-01-02T03:04:05.000000+00:00"
    assert document["format"] == "audit-lab dossier 1"


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"path": "letter.docx"}, "cannot be written to 'letter.docx'"),
        ({"paper": "a3"}, "no paper 'a3'"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ({"codes": "nowhere.json"}, "nowhere.json"),
        ({"counterfactual": Constraints(immutable=("nothing",))}, "nothing"),
        ({"environment": "other"}, "no environment 'other'"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(decide, given, match):
    with pytest.raises(MisuseError, match=match):
        decide().dossier(**given)


def test_steps_are_told_as_they_are_done(decide):
    steps = []
    decide().dossier(made_at=MADE, counterfactual=True, progress=lambda what, count: steps.append((what, count)))
    assert steps == [("replay", 1), ("explanation", 1), ("counterfactual", 1)]

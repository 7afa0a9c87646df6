"""The command that gives the reasons of a decision: as text, as JSON, and with codes that cannot be used."""

from __future__ import annotations

import json

import pytest

#: Denied by the rule although the score was favourable: nothing has to be explained, so this is quick.
BY_RULE = "01949388-1c8e-76e6-86a9-6814bb8ffbd9"
BY_A_PERSON = "01995872-e81a-7bab-9013-417dd507ab63"


@pytest.fixture
def codes(credit):
    return credit.parent / "credit_reasons.json"


def test_a_rule_is_named_in_the_words_of_the_codes(run, credit, codes):
    answer = run("reasons", "--log", str(credit), "--codes", str(codes), BY_RULE)

    assert (answer.code, answer.err) == (0, "")
    assert "1. Amount of credit requested exceeds what we grant (R01)" in answer.out
    assert "Reason codes: version 2025-01, SHA-256 " in answer.out


def test_a_reason_that_is_not_mapped_makes_it_exit_1(run, credit, codes):
    answer = run("reasons", "--log", str(credit), "--codes", str(codes), "--json", BY_A_PERSON)

    assert answer.code == 1
    assert (answer.json["basis"], answer.json["is_complete"]) == ("override", False)
    assert answer.json["unmapped"][0].startswith("No reason is mapped for what a person (credit officer) decided")


def test_codes_for_another_model_are_misuse(run, credit, codes, tmp_path):
    other = tmp_path / "codes.json"
    other.write_text(json.dumps({**json.loads(codes.read_text()), "model": "delay-risk"}))

    answer = run("reasons", "--log", str(credit), "--codes", str(other), BY_RULE)

    assert (answer.code, answer.out) == (2, "")
    assert "are for delay-risk 1.0.0, 2.0.0, not for credit-approval 1.0.0" in answer.err


def test_the_journal_says_which_codes_were_used(run, credit, codes, tmp_path):
    journal = tmp_path / "journal"
    options = ("--actor", "a.auditor", "--purpose", "a complaint", "--journal", str(journal))

    assert run("reasons", "--log", str(credit), "--codes", str(codes), *options, BY_RULE).code == 0

    written = "".join(path.read_text() for path in [journal, *journal.rglob("*")] if path.is_file())
    assert "codes 2025-01; codes_sha256 " in written


def test_a_reference_is_chosen_by_name_and_one_that_is_not_known_is_misuse(run, credit, codes):
    denied = "01998055-5ecf-745a-a696-974017e5e57a"
    options = ("reasons", "--log", str(credit), "--codes", str(codes), "--json")
    answer = run(*options, "--reference", "approved", denied)

    assert answer.json["reference"]["name"] == "approved"
    assert "(the reference 'approved': 49 of 49 not adverse decisions of credit-approval 2.0.0" in answer.json["notice"]
    assert answer.code == int(not answer.json["is_complete"])
    wrong = run(*options, "--reference", "richest", denied)
    assert wrong.code == 2
    assert wrong.json["error"]["message"] == "there is no reference 'richest'"


def test_an_artifact_that_is_trusted_is_named_as_for_a_replay(run, credit, codes):
    answer = run("reasons", "--log", str(credit), "--codes", str(codes), "--trust", "sha256:beef", BY_RULE)

    assert answer.code == 2
    assert "sha256:beef" in answer.err

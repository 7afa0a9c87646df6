"""Reason codes: what is read, and every fault of a document refused with a message that names it."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from audit_lab.errors import MisuseError
from audit_lab.explain.reasons import ReasonCodes
from audit_lab.replay.decision_rules import Rule
from audit_lab.replay.signature import Signature

SIGNATURE = Signature.parse(
    json.dumps(
        {
            "features": [{"name": "income", "dtype": "float"}, {"name": "city", "dtype": "str"}],
            "output": {
                "kind": "probability",
                "positive": "bad",
                "negative": "good",
                "decisions": {"bad": "deny", "good": "approve"},
            },
        }
    )
)
RULES = (Rule("newcomer", "inputs.income < 2", "refer"),)
DOCUMENT = {
    "format": "audit_lab.reason-codes",
    "format_version": 1,
    "version": "7",
    "model": "loans",
    "model_versions": ["1", "2"],
    "adverse_decisions": ["deny", "refer"],
    "features": [
        {"feature": "income", "code": "A", "reason": "Too low", "direction": "lower"},
        {"feature": "income", "code": "B", "reason": "Too high", "direction": "higher"},
        {"feature": "city", "code": "C", "reason": "Place", "group": "home", "caution": "Look twice."},
    ],
    "rules": [{"rule": "newcomer", "code": "R", "reason": "Too new"}],
}


def changed(*path, **members):
    """Return the document with members of one of its objects changed; None removes one."""
    document = copy.deepcopy(DOCUMENT)
    place = document
    for step in path:
        place = place[step]
    for name, value in members.items():
        place.pop(name, None)
        if value is not None:
            place[name] = value
    return document


def read(document):
    return ReasonCodes.parse(json.dumps(document).encode())


def check(document, model="loans", version="1"):
    read(document).check(model, version, SIGNATURE, RULES)


def test_entries_are_found_by_feature_and_direction():
    codes = read(DOCUMENT)

    assert [codes.entry("income", side).code for side in ("lower", "higher")] == ["A", "B"]
    assert codes.entry("income", None) is None
    assert codes.entry("city", "higher").caution == "Look twice."
    assert codes.entry("years", None) is None
    assert codes.rule("newcomer").code == "R"
    assert codes.rule("other") is None


def test_the_digest_is_of_the_content_and_not_of_its_layout():
    spaced = ReasonCodes.parse(json.dumps(DOCUMENT, indent=4, sort_keys=True).encode())

    assert spaced == read(DOCUMENT)
    assert read(changed(version="8")).sha256 != spaced.sha256


def test_codes_that_fit_are_accepted():
    check(DOCUMENT)
    check(changed(model_versions=None), version="99")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "should be a JSON object"),
        (changed(format="other"), "not of the format audit_lab.reason-codes, version 1"),
        (changed(format_version=2), "not of the format audit_lab.reason-codes, version 1"),
        (changed(version=None), "lacks the members version"),
        (changed(version=7), "a version is no text"),
        (changed(model=" "), "a model is no text"),
        (changed(extra=1), "unknown members 'extra'"),
        (changed(adverse_decisions=[]), "names no adverse decision"),
        (changed(adverse_decisions=None), "lacks the members adverse_decisions"),
        (changed(features={}), "features is no list"),
        (changed("features", 2, code=None), "an entry for a feature lacks the members code"),
        (changed("features", 2, reason="two\nlines"), "a reason is no text of one line"),
        (changed("features", 2, reason="x" * 501), "a reason is no text of one line"),
        (changed("features", 2, code=5), "a code is no text"),
        (changed("features", 2, direction="sideways"), "the direction of city is not one of higher, lower"),
        (changed("features", 1, direction="lower"), "income has more than one entry that could hold"),
        (changed("features", 1, direction=None), "income has more than one entry that could hold"),
        (changed("features", 1, code="A"), "the code A stands for two reasons"),
        (changed("rules", 0, direction="lower"), "unknown members 'direction'"),
        (changed(rules=DOCUMENT["rules"] * 2), "newcomer has more than one entry"),
    ],
)
def test_a_document_that_cannot_be_meant_is_refused(document, message):
    with pytest.raises(MisuseError, match=message):
        read(document)


@pytest.mark.parametrize(
    ("document", "asked", "message"),
    [
        (DOCUMENT, {"model": "cards"}, "the reason codes 7 are for loans 1, 2, not for cards 1"),
        (DOCUMENT, {"version": "3"}, "are for loans 1, 2, not for loans 3"),
        (changed("features", 2, feature="town"), {}, r"name features that the model lacks \(loans 1\): town"),
        (changed("features", 2, direction="lower"), {}, "give a direction to features that are no numbers.*: city"),
        (changed("rules", 0, rule="elder"), {}, "name rules that it lacks.*: elder"),
        (changed(adverse_decisions=["denied"]), {}, "call decisions adverse that it never makes.*: denied"),
        (changed(adverse_decisions=["deny", "approve"]), {}, "call every decision of loans 1 adverse"),
    ],
)
def test_codes_that_do_not_fit_the_model_are_refused(document, asked, message):
    with pytest.raises(MisuseError, match=message):
        check(document, **asked)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b'{"version":"1","version":"2"}', "has the member 'version' more than once"),
        (b"\xff", "is not UTF-8"),
        (b" " * 1_000_001, "is longer than 1,000,000 bytes"),
    ],
)
def test_bytes_that_are_no_document_are_refused(content, message):
    with pytest.raises(MisuseError, match=message):
        ReasonCodes.parse(content)


def test_a_file_that_is_not_there_is_misuse(tmp_path):
    with pytest.raises(MisuseError, match="no readable file of reason codes at .*none.json"):
        ReasonCodes.read(tmp_path / "none.json")


def test_the_example_names_every_feature_and_rule_of_the_credit_model(credit):
    import audit_lab as al

    codes = ReasonCodes.read(Path(credit).parent / "credit_reasons.json")
    for row in al.open(credit).model_versions.collect().iter_rows(named=True):
        signature = Signature.parse(row["signature"])
        rules = [Rule(**rule) for rule in json.loads(row["decision_rules"])]
        codes.check(row["model_name"], row["model_version"], signature, rules)
        assert {entry.subject for entry in codes.features} == set(signature.names)
        assert {entry.subject for entry in codes.rules} == {rule.name for rule in rules}

"""The report on a good bundle: what it says, and whose keys a trust file accepts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, TrustedKey

ATTESTATION = "attestation.dsse.json"


def test_the_clean_bundle_is_unanchored_and_says_what_it_did_not_check(bundle):
    report = bundle.report()
    assert report.verdict is Verdict.UNANCHORED
    assert report.findings == ()
    assert report.anchors == ()
    assert len(report.checked) == 6
    assert any("inclusion of rows" in line for line in report.not_checked)
    assert any("could have made it today" in line for line in report.notes)
    assert report.signers == (f"jane@bank (key id {bundle.key.public.key_id[:16]})",)


def test_equal_contents_give_equal_bytes(bundle):
    assert bundle.archive() == type(bundle)().archive()


def test_all_findings_are_collected(bundle):
    files = bundle.files()
    files["data/README.html"] = b"1"
    files["data/custody.jsonl"] = b"2"
    del files["bagit.txt"]
    assert len(bundle.found_in(files)) == 3


def test_without_any_trust_nothing_is_accepted(bundle):
    report = bundle.report(trust=Trust())
    assert report.verdict is Verdict.FAILED
    assert [finding.code for finding in report.findings] == ["signature.key-not-trusted"]
    assert report.signers == ()


def test_a_key_accepted_for_any_origin(bundle):
    assert bundle.report(trust=Trust((TrustedKey(bundle.key.public, "investigator", "*"),))).holds


def test_a_key_accepted_for_several_origins(bundle):
    entries = tuple(TrustedKey(bundle.key.public, "investigator", origin) for origin in ("credit", "flights"))
    assert bundle.report(trust=Trust(entries)).holds
    revoked = replace(entries[0], revoked_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert bundle.found(trust=Trust((revoked, entries[1]))) == [("signature.key-revoked", ATTESTATION)]


def test_a_demonstration_key_is_said_to_prove_nothing(bundle):
    bundle.key = replace(bundle.key, name="demonstration-investigator")
    trust = Trust((TrustedKey(bundle.key.public, "investigator", "*"),))
    report = bundle.attest(signer="demonstration-investigator").report(trust=trust)
    assert report.holds
    assert any("demonstration key" in note and "proves nothing" in note for note in report.notes)

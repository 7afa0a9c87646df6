"""Attacks on a bundle: the clean one passes, each attack gets its finding (attacks 15 to 20, 25, 28, 35)."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.seal.digests import format_manifest, sha256
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


def test_one_byte_changed_in_any_file_names_that_file(bundle):
    files = bundle.files()
    for name, content in files.items():
        changed = bytes([content[0] ^ 1]) + content[1:]
        found = bundle.found_in({**files, name: changed})
        if name == ATTESTATION:
            assert found == [("json.not-json", ATTESTATION)]
        else:
            assert found == [("bundle.file-changed", name)]


def test_one_bit_flipped_in_every_byte_is_never_accepted(bundle):
    content = bytearray(bundle.archive())
    assert len(content) < 40_000
    for at in range(len(content)):
        content[at] ^= 1 << at % 8
        report = bundle.report(bytes(content))
        assert not report.holds, at
        assert report.findings, at
        content[at] ^= 1 << at % 8
    assert bundle.report(bytes(content)).holds


def test_an_added_file(bundle):
    assert bundle.found_in({**bundle.files(), "data/x": b""}) == [("bundle.file-added", "data/x")]


def test_an_added_file_at_the_root(bundle):
    for name in ("timestamp.tsr", "signatures/x.dsse.json", "evil.html"):
        assert bundle.found_in({**bundle.files(), name: b""}) == [("bundle.file-added", name)]


def test_a_removed_file(bundle):
    files = bundle.files()
    for name in set(files) - {ATTESTATION}:
        remaining = {other: content for other, content in files.items() if other != name}
        assert bundle.found_in(remaining) == [("bundle.file-missing", name)]


def test_a_renamed_file(bundle):
    files = bundle.files()
    files["data/README2.html"] = files.pop("data/README.html")
    assert bundle.found_in(files) == [
        ("bundle.file-added", "data/README2.html"),
        ("bundle.file-missing", "data/README.html"),
    ]


def test_an_edited_manifest(bundle):
    files = bundle.files()
    lines = files["manifest-sha256.txt"].splitlines(keepends=True)
    files["manifest-sha256.txt"] = b"".join(lines[1:])
    assert bundle.found_in(files) == [("bundle.file-changed", "manifest-sha256.txt")]


def test_a_file_and_its_manifests_edited_together(bundle):
    files = bundle.files()
    files["data/README.html"] = b"<p>another story</p>"
    digests = {name: sha256(content) for name, content in files.items() if name.startswith("data/")}
    files["manifest-sha256.txt"] = format_manifest(digests)
    tags = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt")
    files["tagmanifest-sha256.txt"] = format_manifest({name: sha256(files[name]) for name in tags})
    assert {file for _, file in bundle.found_in(files)} == {
        "data/README.html",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
    }


def test_all_findings_are_collected(bundle):
    files = bundle.files()
    files["data/README.html"] = b"1"
    files["data/custody.jsonl"] = b"2"
    del files["bagit.txt"]
    assert len(bundle.found_in(files)) == 3


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_spliced_archive_is_never_accepted(bundle, data):
    content = bundle.archive()
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(len(content), start + 400)))
    put = data.draw(st.binary(max_size=100) | st.just(content[start : start + 200]))
    changed = content[:start] + put + content[end:]
    assert changed == content or not bundle.report(changed).holds


def test_a_document_too_large_to_parse_is_refused(bundle):
    report = bundle.report(bundle.archive({**bundle.files(), "data/custody.jsonl": b" " * (2**24 + 1)}))
    assert report.verdict is Verdict.REFUSED
    assert [(f.code, f.file) for f in report.findings] == [("archive.document-too-large", "data/custody.jsonl")]


# --- signatures -------------------------------------------------------------------------------------------------------


def _payload(bundle):
    return base64.b64decode(json.loads(bundle.files()[ATTESTATION])["payload"])


def test_without_any_trust_nothing_is_accepted(bundle):
    report = bundle.report(trust=Trust())
    assert report.verdict is Verdict.FAILED
    assert [finding.code for finding in report.findings] == ["signature.key-not-trusted"]
    assert report.signers == ()


def test_signed_again_by_a_stranger(bundle):
    bundle.payload["data/README.html"] = b"<p>another story</p>"
    bundle.key = bundle.stranger
    bundle.attest(signer="mallory")
    assert bundle.found() == [("signature.key-not-trusted", ATTESTATION)]


def test_two_signatures_by_strangers(bundle):
    other = replace(bundle.stranger, name="mallory-2")
    envelope = bundle.signed(_payload(bundle), bundle.stranger, other)
    assert (
        bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("signature.key-not-trusted", ATTESTATION)] * 2
    )


def test_a_strangers_signature_beside_the_right_one(bundle):
    envelope = bundle.signed(_payload(bundle), bundle.key, bundle.stranger)
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("signature.key-not-trusted", ATTESTATION)]


def test_the_signature_stripped(bundle):
    value = {**json.loads(bundle.files()[ATTESTATION]), "signatures": []}
    stripped = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    report = bundle.report(bundle.archive({**bundle.files(), ATTESTATION: stripped}))
    assert report.verdict is Verdict.REFUSED
    assert report.findings[0].code == "envelope.no-signature"


def test_the_attestation_removed(bundle):
    files = bundle.files()
    del files[ATTESTATION]
    assert bundle.found_in(files) == [("signature.missing", ATTESTATION)]


def test_the_payload_edited_under_the_old_signature(bundle):
    value = json.loads(bundle.files()[ATTESTATION])
    value["payload"] = base64.b64encode(_payload(bundle).replace(b"Why?", b"How?")).decode()
    edited = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    codes = [code for code, _ in bundle.found_in({**bundle.files(), ATTESTATION: edited})]
    assert codes == ["signature.invalid", "case.other-case"]


def test_the_payload_encoded_again_with_the_same_meaning(bundle):
    value = json.loads(bundle.files()[ATTESTATION])
    value["payload"] = base64.b64encode(json.dumps(json.loads(_payload(bundle))).encode()).decode()
    edited = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    assert bundle.found_in({**bundle.files(), ATTESTATION: edited}) == [("signature.invalid", ATTESTATION)]


def test_the_right_key_for_another_payload_type(bundle):
    envelope = bundle.signed(_payload(bundle), bundle.key, kind="text/plain")
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("signature.wrong-payload-type", ATTESTATION)]


def test_a_statement_of_another_kind(bundle):
    statement = {**json.loads(_payload(bundle)), "predicateType": "urn:other"}
    envelope = bundle.signed(json.dumps(statement).encode(), bundle.key)
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("attestation.unknown-kind", ATTESTATION)]


def test_a_predicate_of_a_later_version(bundle):
    statement = json.loads(_payload(bundle))
    statement["predicate"]["version"] = 3
    envelope = bundle.signed(json.dumps(statement).encode(), bundle.key)
    found = bundle.found_in({**bundle.files(), ATTESTATION: envelope})
    assert found == [("attestation.version-unknown", ATTESTATION)]


def test_a_predicate_that_states_two_versions(bundle):
    statement = {**json.loads(_payload(bundle)), "predicateType": "urn:audit-lab:predicate:investigation:1"}
    envelope = bundle.signed(json.dumps(statement).encode(), bundle.key)
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("attestation.unknown-kind", ATTESTATION)]


def test_a_redaction_of_another_kind(bundle):
    statement = json.loads(_payload(bundle))
    statement["predicate"]["redaction"] = {
        "profile": "p",
        "profile_sha256": "0" * 64,
        "columns": {"subject_id": "blur"},
        "not_searched": [],
        "investigation_sha256": "0" * 64,
    }
    envelope = bundle.signed(json.dumps(statement).encode(), bundle.key)
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("attestation.malformed", ATTESTATION)]


def test_no_subjects(bundle):
    statement = {**json.loads(_payload(bundle)), "subject": []}
    envelope = bundle.signed(json.dumps(statement).encode(), bundle.key)
    assert bundle.found_in({**bundle.files(), ATTESTATION: envelope}) == [("statement.no-subjects", ATTESTATION)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"role": "log"}, "signature.key-not-trusted"),
        ({"origin": "credit"}, "signature.wrong-origin"),
        ({"revoked_from": datetime(2027, 1, 1, tzinfo=UTC)}, "signature.key-revoked"),
        ({"revoked_from": datetime(2025, 1, 1, tzinfo=UTC)}, "signature.key-revoked"),
    ],
)
def test_a_key_that_the_trust_file_limits(bundle, change, code):
    trust = Trust((replace(TrustedKey(bundle.key.public, "investigator", "flights"), **change),))
    assert bundle.found(trust=trust) == [(code, ATTESTATION)]


def test_a_key_accepted_for_any_origin(bundle):
    assert bundle.report(trust=Trust((TrustedKey(bundle.key.public, "investigator", "*"),))).holds


def test_a_key_accepted_for_several_origins(bundle):
    entries = tuple(TrustedKey(bundle.key.public, "investigator", origin) for origin in ("credit", "flights"))
    assert bundle.report(trust=Trust(entries)).holds
    revoked = replace(entries[0], revoked_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert bundle.found(trust=Trust((revoked, entries[1]))) == [("signature.key-revoked", ATTESTATION)]


def test_a_signer_who_names_another(bundle):
    assert bundle.attest(signer="ceo@bank").found() == [("signature.signer-differs", ATTESTATION)]


def test_a_demonstration_key_is_said_to_prove_nothing(bundle):
    bundle.key = replace(bundle.key, name="demonstration-investigator")
    trust = Trust((TrustedKey(bundle.key.public, "investigator", "*"),))
    report = bundle.attest(signer="demonstration-investigator").report(trust=trust)
    assert report.holds
    assert any("demonstration key" in note and "proves nothing" in note for note in report.notes)


# --- what a trusted signer signed, and should not have ----------------------------------------------------------------


def test_an_exhibit_not_named_by_its_digest(bundle):
    bundle.payload[f"{bundle.exhibit}/table.csv"] = b"a\n2\n"
    assert bundle.found() == [("case.exhibit-file-wrong", f"{bundle.exhibit}/table.csv")]


def test_an_exhibit_swapped_with_its_digest(bundle):
    bundle.payload[f"{bundle.exhibit}/table.csv"] = b"a\n2\n"
    value = json.loads(bundle.payload["data/investigation.json"])
    value["exhibits"][0]["files"][0]["sha256"] = sha256(b"a\n2\n")
    bundle.edit_investigation(exhibits=value["exhibits"])
    assert bundle.found() == [("case.exhibit-id-wrong", "data/investigation.json")]


def test_an_exhibit_that_nobody_lists(bundle):
    bundle.payload["data/exhibits/999-x/secret.csv"] = b""
    assert bundle.found() == [("case.exhibit-unlisted", "data/exhibits/999-x/secret.csv")]


def test_an_exhibit_file_that_is_not_there(bundle):
    del bundle.payload[f"{bundle.exhibit}/table.csv"]
    assert bundle.found() == [("case.exhibit-file-missing", f"{bundle.exhibit}/table.csv")]


def test_a_finding_that_rests_on_nothing(bundle):
    bundle.edit_investigation(findings=[{"id": "F1", "claim": "c", "supported_by": [{"x": 1}], "confidence": "high"}])
    assert bundle.found() == [("case.support-missing", "data/investigation.json")]


def test_an_investigation_of_another_case(bundle):
    bundle.edit_investigation(case={"id": "INC-2", "question": "Why?"})
    assert bundle.found() == [("case.other-case", "data/investigation.json")]


def test_an_investigation_that_names_another_checkpoint(bundle):
    bundle.attest(log_checkpoint="flights\n7\nAAAA\n")
    log = {"origin": "flights", "manifest_sha256": "ab" * 32, "checkpoint": "flights\n7\nAAAA\n"}
    bundle.edit_investigation(log=log)
    assert bundle.found() == []
    bundle.edit_investigation(log={**log, "checkpoint": "flights\n6\nAAAA\n"})
    assert bundle.found() == [("case.other-case", "data/investigation.json")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"version": 2}, "case.version-unknown"),
        ({"exhibits": {}}, "case.malformed"),
        ({"exhibits": [1]}, "json.not-an-object"),
        ({"case": []}, "case.malformed"),
        ({"extra": 1}, "json.member-unknown"),
    ],
)
def test_an_investigation_of_another_form(bundle, change, code):
    assert (code, "data/investigation.json") in bundle.edit_investigation(**change).found()


def test_custody_cut_short_or_of_another_case(bundle):
    assert bundle.attest(custody_lines=2).found() == [("custody.other-head", "data/custody.jsonl")]
    assert bundle.attest(custody_lines=1, custody_head="0" * 64).found() == [
        ("custody.other-head", "data/custody.jsonl")
    ]


def test_custody_with_a_broken_chain(bundle):
    bundle.payload["data/custody.jsonl"] *= 2
    assert bundle.found() == [("custody.line-repeated", "data/custody.jsonl")]


def test_custody_that_ends_after_the_signature(bundle):
    found = bundle.attest(signed_at="2025-01-01T00:00:00.000000Z").found()
    assert found == [("custody.time-out-of-order", "data/custody.jsonl")]


def test_html_made_from_another_notebook(bundle):
    html = bundle.payload["data/notebook/investigation.html"].replace(b"sha256", b"sha265")
    bundle.payload["data/notebook/investigation.html"] = html
    bundle.attest(notebook=replace(bundle.predicate.notebook, html_sha256=sha256(html)))
    assert bundle.found() == [("notebook.rendering-of-another", "data/notebook/investigation.html")]


def test_html_that_was_not_attested(bundle):
    bundle.payload["data/notebook/investigation.html"] += b"<p>more</p>"
    assert bundle.found() == [("notebook.other-rendering", "data/notebook/investigation.html")]


def test_a_notebook_that_was_not_attested(bundle):
    bundle.payload["data/notebook/investigation.ipynb"] += b"\n"
    assert bundle.found() == [
        ("notebook.other-notebook", "data/notebook/investigation.ipynb"),
        ("notebook.rendering-of-another", "data/notebook/investigation.html"),
    ]


def test_a_notebook_slipped_in(bundle):
    assert [code for code, _ in bundle.attest(notebook=None).found()] == ["notebook.not-attested"] * 2


def test_an_attested_notebook_left_out(bundle):
    del bundle.payload["data/notebook/investigation.ipynb"]
    assert bundle.found() == [("notebook.missing", ATTESTATION)]


def _places(value, path=()):
    """Yield the path of every member and item of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield (*path, name)
        yield from _places(item, (*path, name))


def _replaced(value, path, new):
    copy = json.loads(json.dumps(value))
    inside = copy
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = new
    return copy


STRANGE = [None, True, 7, "x", [], {}, [[]], [{"a": 1}], {"a": 1}]


def test_an_investigation_with_any_member_of_another_type_does_not_crash(bundle):
    good = json.loads(bundle.payload["data/investigation.json"])
    for path in _places(good):
        for strange in STRANGE:
            bundle.payload["data/investigation.json"] = json.dumps(_replaced(good, path, strange)).encode()
            assert isinstance(bundle.report().holds, bool), (path, strange)


def test_an_attestation_with_any_member_of_another_type_does_not_crash(bundle):
    files, good = bundle.files(), json.loads(_payload(bundle))
    for path in _places(good):
        for strange in STRANGE:
            statement = json.dumps(_replaced(good, path, strange)).encode()
            report = bundle.report(bundle.archive({**files, ATTESTATION: bundle.signed(statement, bundle.key)}))
            assert isinstance(report.holds, bool), (path, strange)

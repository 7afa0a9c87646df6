"""The time stamp of a bundle, by authorities that `openssl ts` plays; rfc3161-client judges the same tokens."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.time_anchors.timestamps import check_timestamp
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, TrustedAuthority
from audit_lab.verifier import examine_bundle
from audit_lab.verifier.time_stamp_token import check_token

sys.path.insert(0, str(Path(__file__).parents[1]))
from local_authority import make_local_authority

CONTENT = b"what was attested"
STAMP = "timestamp.tsr"
RSA = ("rsa:2048",)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    return lambda name, *args, **options: make_local_authority(tmp_path_factory.mktemp("a") / name, *args, **options)


@pytest.fixture(scope="module")
def authority(make):
    return make("trusted-clock")


@pytest.fixture(scope="module")
def token(authority):
    return authority.stamp(CONTENT)


def accepted(*authorities):
    return tuple(TrustedAuthority.parse(each.folder.name, each.root.read_text()) for each in authorities)


def code(token, content, *authorities):
    with pytest.raises(MalformedError) as caught:
        check_token(token, content, accepted(*authorities), STAMP)
    assert STAMP in caught.value.message
    return caught.value.code


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), RSA], ids=["ecdsa", "rsa"])
def test_a_token_gives_its_authority_its_time_and_how_exact_that_is(make, authority, kind):
    clock = make("clock", "accuracy = secs:2, millisecs:500, microsecs:7\n", kind=kind)
    before = datetime.now(UTC).replace(microsecond=0)
    token = clock.stamp(CONTENT)
    found = check_token(token, CONTENT, accepted(authority, clock), STAMP)
    assert (found.authority, found.accuracy.total_seconds()) == ("clock", 2.500007)
    assert before <= found.time <= datetime.now(UTC)
    other = check_timestamp(token, CONTENT, [clock.authority], STAMP)
    assert (other.time, other.accuracy) == (found.time, found.accuracy)


def test_a_token_over_other_bytes(token, authority):
    assert code(token, CONTENT + b"x", authority) == "timestamp.other-bytes"


def test_a_token_of_an_unknown_authority(token, make):
    assert code(token, CONTENT) == "timestamp.authority-not-trusted"
    assert code(token, CONTENT, make("trusted-clock")) == "timestamp.authority-not-trusted"  # in name alone


def test_a_certificate_that_is_not_for_time_stamps_alone(make):
    for usage in ("critical,timeStamping,codeSigning", "timeStamping"):
        clock = make("clock", usage="critical,timeStamping")
        token = clock.stamp(CONTENT)
        (clock.folder / "c.cnf").write_text(
            (clock.folder / "c.cnf").read_text().replace("critical,timeStamping", usage)
        )
        signing = (
            "-CA",
            "clock.pem",
            "-CAkey",
            "root.key",
            "-days",
            "9",
            "-extfile",
            "c.cnf",
            "-extensions",
            "stamper",
        )
        clock.openssl("x509", "-req", "-in", "stamper.csr", *signing, "-out", "other.pem")
        # openssl refuses to stamp with such a certificate, so it takes the place of the right one in a token
        from cryptography.x509 import load_pem_x509_certificate

        right, wrong = (
            load_pem_x509_certificate((clock.folder / n).read_bytes()) for n in ("stamper.pem", "other.pem")
        )
        assert right.public_key() == wrong.public_key()
        assert code(_exchanged(token, right, wrong), CONTENT, clock) in {"timestamp.malformed", "timestamp.invalid"}


def _exchanged(token, right, wrong):
    from cryptography.hazmat.primitives.serialization import Encoding

    return token.replace(right.public_bytes(Encoding.DER), wrong.public_bytes(Encoding.DER))


def test_an_expired_certificate_stamped_nothing_later(token, authority, monkeypatch):
    from audit_lab.verifier import time_stamp_token as module

    class Later(module._StampedInfo):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.time = self.time.replace(year=self.time.year + 11)

    monkeypatch.setattr(module, "_StampedInfo", Later)
    assert code(token, CONTENT, authority) == "timestamp.authority-not-trusted"


def test_every_bit_of_a_token_counts(token, authority):
    for at in range(len(token)):
        changed = token[:at] + bytes([token[at] ^ 1 << at % 8]) + token[at + 1 :]
        assert code(changed, CONTENT, authority).startswith("timestamp."), at
    for length in range(len(token)):
        assert code(token[:length], CONTENT, authority) == "timestamp.malformed"


@pytest.mark.parametrize("content", [b"", b"\x30\x80", b"token", b"\x30\x00", b"\x30\x82\xff\xff", bytes(65_537)])
def test_bytes_that_are_no_answer(content, authority):
    assert code(content, CONTENT, authority) == "timestamp.malformed"


def test_an_answer_that_grants_nothing(authority):
    assert code(authority.answer(b"no request"), CONTENT, authority) == "timestamp.malformed"


# --- in a bundle ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stamped(bundle, authority):
    """Return the files of a bundle whose attestation is stamped, and let its reader accept the authority."""
    bundle.trust = replace(bundle.trust, authorities=accepted(authority))
    files = bundle.files()
    return {**files, STAMP: authority.stamp(files["attestation.dsse.json"])}


def test_a_stamped_bundle_is_verified_and_says_when(bundle, stamped):
    report = bundle.report(bundle.archive(stamped))
    assert report.verdict is Verdict.VERIFIED
    (anchor,) = report.anchors
    assert anchor.startswith("the attestation, time-stamped by trusted-clock on 20")
    assert any(line.startswith("time stamp: over the attestation") for line in report.checked)
    assert not any("No timestamp" in note for note in report.notes)


def test_without_the_stamp_the_same_bundle_is_unanchored(bundle, stamped):
    del stamped[STAMP]
    report = bundle.report(bundle.archive(stamped))
    assert report.verdict is Verdict.UNANCHORED
    assert any("No timestamp" in note for note in report.notes)


def test_an_anchor_that_is_required(bundle, stamped, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(bundle.archive(stamped))
    assert examine_bundle(path, bundle.trust, require_anchor=True).verdict is Verdict.VERIFIED
    unknown = replace(bundle.trust, authorities=())
    report = examine_bundle(path, unknown, require_anchor=True)
    assert [finding.code for finding in report.findings] == ["anchor.missing"]


def test_a_reader_who_accepts_no_authority_is_told_so(bundle, stamped):
    report = bundle.report(bundle.archive(stamped), replace(bundle.trust, authorities=()))
    assert report.verdict is Verdict.UNANCHORED
    assert any(line.startswith("time stamp: the trust file accepts no authority") for line in report.not_checked)
    assert report.anchors == ()


def test_a_stamp_of_an_authority_that_is_not_accepted(bundle, stamped, make):
    trust = replace(bundle.trust, authorities=accepted(make("another")))
    assert bundle.found_in(stamped, trust) == [("timestamp.authority-not-trusted", STAMP)]


def test_a_stamp_over_another_bundle(bundle, stamped, authority):
    stamped[STAMP] = authority.stamp(b"another attestation")
    assert bundle.found_in(stamped) == [("timestamp.other-bytes", STAMP)]


def test_a_stamp_from_before_the_data(bundle, authority):
    bundle.attest(signed_at="2126-01-02T00:00:00.000000Z")
    bundle.trust = replace(bundle.trust, authorities=accepted(authority))
    files = bundle.files()
    files[STAMP] = authority.stamp(files["attestation.dsse.json"])
    assert bundle.found_in(files) == [("timestamp.before-data", STAMP)]


def test_something_else_in_the_place_of_a_stamp(bundle, stamped):
    stamped[STAMP] = b"stamped, honestly"
    assert bundle.found_in(stamped) == [("timestamp.malformed", STAMP)]
    assert bundle.found_in(stamped, replace(bundle.trust, authorities=())) == [("timestamp.malformed", STAMP)]


def test_a_bundle_changed_after_it_was_stamped(bundle, stamped):
    stamped["data/README.html"] = b"<p>another answer</p>"
    report = bundle.report(bundle.archive(stamped))
    assert report.verdict is Verdict.FAILED
    assert [finding.code for finding in report.findings] == ["bundle.file-changed"]


def test_a_demonstration_authority_anchors_nothing(bundle, make):
    clock = make("demonstration-clock")
    bundle.trust = replace(bundle.trust, authorities=accepted(clock))
    files = bundle.files()
    files[STAMP] = clock.stamp(files["attestation.dsse.json"])
    report = bundle.report(bundle.archive(files))
    assert (report.verdict, report.anchors) == (Verdict.UNANCHORED, ())
    assert any("demonstration authority" in note for note in report.notes)


# --- in a trust file --------------------------------------------------------------------------------------------------


def test_an_authority_in_a_trust_file(authority):
    text = 'format = "audit_lab.trust"\nversion = 1\n[[authority]]\nname = "clock"\n'
    found = Trust.parse(f"{text}certificates = '''\n{authority.root.read_text()}'''\n", "t")
    assert [(each.name, len(each.certificates)) for each in found.authorities] == [("clock", 1)]
    for more in ("", "certificates = ''", "certificates = 'none'", "certificates = 'x'\nroot = 1", "certificates = 7"):
        with pytest.raises(MisuseError, match=r"authority|certificate"):
            Trust.parse(text + more + "\n", "t")

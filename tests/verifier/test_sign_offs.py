"""Sign-offs in a bundle: the good ones hold and are named, each attack on one gets its finding (attacks 19 and 20)."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.report import Verdict
from audit_lab.seal.sign_off import USUAL_ROLE, SignOff, sign_off_envelope
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.sign_offs import sign_off_name

ATTESTATION = "attestation.dsse.json"
REX = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
ADA = SigningKey("ada@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35))))


@pytest.fixture
def trust(bundle):
    return Trust(
        (
            *bundle.trust.keys,
            TrustedKey(REX.public, "sign-off", "flights"),
            TrustedKey(ADA.public, "sign-off", "*"),
            TrustedKey(bundle.key.public, "sign-off", "flights"),
        ),
        "the test's trust",
    )


@pytest.fixture
def ruled(bundle):
    """Return a bundle whose case asks for a review and an approval by somebody else."""
    case = json.loads(bundle.payload["data/investigation.json"])["case"]
    rule = {"required": ["reviewed", "approved"], "two_persons": True}
    return bundle.edit_investigation(case={**case, "sign_offs": rule})


def said(files, key=REX, **changes):
    usual = {
        "attestation_sha256": sha256(files[ATTESTATION]),
        "case_id": "INC-1",
        "printed_name": "Rex Holm" if key is REX else "Ada Byron",
        "role": USUAL_ROLE[changes.get("meaning", "reviewed")],
        "meaning": "reviewed",
        "reason": "",
        "signed_at": "2026-01-03T00:00:00.000000Z",
        "signer": key.name,
    }
    return SignOff(**(usual | changes))


def signed(files, *sign_offs):
    """Return the files with sign-offs, each (what is said, the key)."""
    return files | {
        sign_off_name(stated.meaning, key.public): sign_off_envelope(stated, ATTESTATION, key)
        for stated, key in sign_offs
    }


def report(bundle, files, trust, **options):
    import io

    from audit_lab.verifier.bundle import examine_archive

    return examine_archive(io.BytesIO(bundle.archive(files)), "case.zip", trust, **options)


def codes(bundle, files, trust, **options):
    return [found.code for found in report(bundle, files, trust, **options).findings]


def test_a_bundle_that_nobody_signed_off_says_so(bundle, trust):
    found = report(bundle, bundle.files(), trust)
    assert found.verdict is Verdict.UNANCHORED
    assert "sign-offs: nobody but the investigator signed this bundle" in found.not_checked


def test_a_sign_off_holds_and_is_named(bundle, trust):
    files = bundle.files()
    found = report(bundle, signed(files, (said(files), REX)), trust)
    assert found.verdict is Verdict.UNANCHORED
    assert found.signers[1] == ("reviewed by Rex Holm, reviewer, at 2026-01-03T00:00:00.000000Z (key rex@bank)")
    assert any(line.startswith("sign-offs: each by a key") for line in found.checked)
    assert any("taken out of a bundle without a trace" in note for note in found.notes)


def test_the_case_s_own_rule_is_noted_until_it_is_required(ruled, trust):
    files = ruled.files()
    with_review = signed(files, (said(files), REX))
    noted = report(ruled, with_review, trust)
    assert noted.holds
    assert "By its own rule this bundle is not finished: nobody signed that it is approved" in noted.notes
    assert codes(ruled, with_review, trust, require_sign_offs=()) == ["sign-off.missing"]
    approval = said(files, ADA, meaning="approved")
    whole = signed(files, (said(files), REX), (approval, ADA))
    assert codes(ruled, whole, trust, require_sign_offs=()) == []
    assert codes(ruled, whole, trust, require_sign_offs=("authored",)) == ["sign-off.missing"]


def test_an_unknown_meaning_cannot_be_required(bundle, trust):
    with pytest.raises(MisuseError, match="'aproved' is no meaning"):
        report(bundle, bundle.files(), trust, require_sign_offs=("aproved",))


def test_a_rejection_is_told_first_and_fails_where_sign_offs_are_required(bundle, trust):
    files = bundle.files()
    rejected = said(files, ADA, meaning="rejected", reason="Exhibit 1 is of another week")
    whole = signed(files, (said(files), REX), (rejected, ADA))
    noted = report(bundle, whole, trust)
    assert noted.holds
    assert noted.notes[0].startswith("REJECTED: rejected by Ada Byron")
    assert codes(bundle, whole, trust, require_sign_offs=("reviewed",)) == ["sign-off.rejected"]


def test_author_and_approver_must_be_two_persons(bundle, trust):
    files = bundle.files()
    by_key = said(files, bundle.key, meaning="approved", printed_name="Somebody Else")
    assert codes(bundle, signed(files, (by_key, bundle.key)), trust) == ["sign-off.same-person"]
    by_name = said(files, REX, printed_name=" JANE ")
    assert codes(bundle, signed(files, (by_name, REX)), trust) == ["sign-off.same-person"]
    own = said(files, bundle.key, meaning="authored", printed_name="Jane")
    assert codes(bundle, signed(files, (own, bundle.key)), trust) == []


def test_a_case_may_do_without_two_persons(bundle, trust):
    case = json.loads(bundle.payload["data/investigation.json"])["case"]
    bundle.edit_investigation(case={**case, "sign_offs": {"required": ["approved"], "two_persons": False}})
    files = bundle.files()
    own = said(files, bundle.key, meaning="approved", printed_name="Jane")
    assert codes(bundle, signed(files, (own, bundle.key)), trust, require_sign_offs=()) == []

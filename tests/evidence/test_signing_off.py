"""Signing a bundle off: it must hold, the sign-off goes in whole or not at all, and a changed case voids it."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import audit_lab as al
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.evidence import Case, added_file, read_sign_offs, sign_off
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

REX = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
AT = datetime(2026, 2, 2, tzinfo=UTC)


@pytest.fixture
def pinned(key, trust):
    return Trust((*trust.keys, TrustedKey(REX.public, "sign-off", "*"), TrustedKey(key.public, "sign-off", "*")), "t")


@pytest.fixture
def ruled(make_case):
    return make_case(sign_offs=["approved"])


@pytest.fixture
def bundle(ruled, key, signed_at, tmp_path):
    return ruled.export(tmp_path / "out", key=key, signed_at=signed_at)


def approve(bundle, trust, **changes):
    said = {"printed_name": "Rex Holm", "role": "approver", "meaning": "approved", "signed_at": AT, "key": REX}
    return sign_off(bundle, trust=trust, **(said | changes))


def test_a_case_asks_for_an_approval_and_gets_it(bundle, pinned):
    with pytest.raises(IntegrityError, match=r"sign-off\.missing"):
        al.verify(bundle, pinned, require_sign_offs=())
    stated = approve(bundle, pinned, reason="The dates are right.")
    report = al.verify(bundle, pinned, require_sign_offs=())
    assert report.signers[1] == (
        "approved by Rex Holm, approver, at 2026-02-02T00:00:00.000000Z: The dates are right. (key rex@bank)"
    )
    assert read_sign_offs(bundle) == (stated,)


def test_the_rest_of_the_bundle_keeps_its_bytes(bundle, pinned):
    with zipfile.ZipFile(bundle) as file:
        before = {name: file.read(name) for name in file.namelist()}
    approve(bundle, pinned)
    with zipfile.ZipFile(bundle) as file:
        after = {name: file.read(name) for name in file.namelist()}
    assert set(after) - set(before) == {f"signatures/approved-{REX.public.key_id[:16]}.dsse.json"}
    assert {name: after[name] for name in before} == before


def test_an_unpacked_bundle_is_signed_off_too(bundle, pinned, tmp_path):
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "unpacked")
    approve(tmp_path / "unpacked", pinned)
    assert "approved by Rex Holm" in al.verify(tmp_path / "unpacked", pinned).signers[1]


def test_nobody_signs_what_does_not_hold(bundle, pinned):
    content = bytearray(bundle.read_bytes())
    content[content.index(b"US vanished")] ^= 1
    bundle.write_bytes(content)
    before = bundle.read_bytes()
    with pytest.raises(IntegrityError, match=r"bundle\.file-changed"):
        approve(bundle, pinned)
    assert bundle.read_bytes() == before


def test_the_author_cannot_approve(bundle, key, pinned):
    before = bundle.read_bytes()
    with pytest.raises(IntegrityError, match=r"sign-off\.same-person"):
        approve(bundle, pinned, key=key, printed_name="Somebody")
    assert bundle.read_bytes() == before
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


def test_the_author_cannot_approve_an_unpacked_bundle(bundle, key, pinned, tmp_path):
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "unpacked")
    with pytest.raises(IntegrityError, match=r"sign-off\.same-person"):
        approve(tmp_path / "unpacked", pinned, key=key, printed_name="Somebody")
    assert al.verify(tmp_path / "unpacked", pinned).holds


def test_one_key_says_one_thing_once(bundle, pinned):
    approve(bundle, pinned)
    with pytest.raises(MisuseError, match="signed already that INC-1.zip is approved"):
        approve(bundle, pinned)
    approve(bundle, pinned, meaning="rejected", reason="Read again: the window is wrong")
    assert [each.meaning for each in read_sign_offs(bundle)] == ["approved", "rejected"]


def test_a_bundle_that_changes_meanwhile_is_not_overwritten(bundle, pinned, monkeypatch):
    examine = added_file.examine_archive

    def slow(*arguments):
        approve_by_another()
        return examine(*arguments)

    def approve_by_another():
        monkeypatch.setattr(added_file, "examine_archive", examine)
        approve(bundle, pinned, meaning="reviewed", role="reviewer")

    monkeypatch.setattr(added_file, "examine_archive", slow)
    with pytest.raises(AuditLabError, match="Somebody else changed"):
        approve(bundle, pinned)
    assert [each.meaning for each in read_sign_offs(bundle)] == ["reviewed"]


def test_the_case_records_the_sign_off_and_voids_it_when_it_changes(ruled, bundle, pinned):
    said = {"printed_name": "Rex Holm", "role": "approver", "meaning": "approved", "key": REX, "trust": pinned}
    ruled.sign_off(bundle, signed_at=AT, **said)
    assert ruled.custody[-1].action == "signed off: approved"
    assert [str(each) for each in ruled.sign_offs(bundle)] == [
        "approved by Rex Holm, approver, at 2026-02-02T00:00:00.000000Z"
    ]
    ruled.keep(pl.DataFrame({"more": [1]}), "More")
    (void,) = ruled.sign_offs(bundle)
    assert str(void).startswith("VOID (the case changed after it was signed")
    with pytest.raises(MisuseError, match="has changed since"):
        ruled.sign_off(bundle, signed_at=AT, **(said | {"meaning": "reviewed"}))


def test_a_bundle_of_another_case(bundle, make_case):
    with pytest.raises(MisuseError, match="is of another case than INC-2"):
        make_case("others", "INC-2").sign_offs(bundle)


def test_the_rule_stands_in_the_investigation(bundle):
    with zipfile.ZipFile(bundle) as file:
        case = json.loads(file.read("data/investigation.json"))["case"]
    assert case["sign_offs"] == {"required": ["approved"], "persons": 2}


def test_a_case_keeps_its_rule(make_case):
    case = make_case("ruled", sign_offs=["reviewed", "approved"], persons=3)
    again = Case.open(case.folder).about
    assert (again.sign_offs, again.persons) == (("reviewed", "approved"), 3)
    with pytest.raises(MisuseError, match="'liked' is no meaning"):
        make_case("others", sign_offs=["liked"])
    for persons, asked in ((0, ["approved"]), (3, ["approved"]), (4, ["reviewed", "approved"])):
        with pytest.raises(MisuseError, match=f"by {persons} persons"):
            make_case("others", sign_offs=asked, persons=persons)


@pytest.mark.parametrize(
    ("asked", "two", "persons"),
    [(["approved"], True, 2), (["reviewed", "approved"], True, 3), (["reviewed", "approved"], False, 1)],
)
def test_the_rule_of_an_earlier_release_is_read_as_strictly_as_it_was(make_case, asked, two, persons):
    case = make_case("ruled", sign_offs=asked)
    place = case.folder / "case.toml"
    place.write_text(place.read_text().replace("persons = 2", f"two_persons = {str(two).lower()}"))
    assert Case.open(case.folder).about.persons == persons


def test_sign_offs_are_not_asked_of_a_log(flights):
    with pytest.raises(MisuseError, match="Sign-offs stand in evidence bundles"):
        al.verify(flights, require_sign_offs=("approved",))

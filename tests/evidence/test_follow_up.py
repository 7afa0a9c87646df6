"""What a case says stands in its bundle, and on the page that opens it."""

from __future__ import annotations

import json
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.case import CaseEditedWarning
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.evidence import verify_in_full
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, TrustedKey

REX = SigningKey("rex@bank", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


@pytest.fixture
def followed(make_case):
    """A case in which everything is said, in a zone of its own."""

    def make(folder="cases"):
        case = make_case(folder, timezone="Europe/Berlin")
        case.action("Map <b>US</b> to AA", kind="corrective", owner="Rex Holm", due="2026-12-01")
        case.event("2015-07-01T00:00:00Z", "The desk noticed", by="Ida")
        case.comment("Did you ask the <i>vendor</i>?", "F1")
        case.change_status("under review", "ready for Rex")
        case.draft_report()
        return case

    return make


def _read(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_all_of_it_is_in_the_bundles_files(followed, key, trust, tmp_path):
    path = followed().export(tmp_path, key=key)
    assert verify_in_full(path, trust).verdict is Verdict.UNANCHORED
    files = _read(path)
    said = json.loads(files["data/investigation.json"])
    assert [each["owner"] for each in said["actions"]] == ["Rex Holm"]
    assert said["timeline"][0]["at"] == "2015-07-01T00:00:00.000000Z"
    assert (said["exhibits"][0]["rows"], said["exhibits"][0]["kept_by"]) == (2, "jane")
    follow_up = json.loads(files["data/follow-up.json"])
    assert [each["about"] for each in follow_up["comments"]] == ["F1"]
    assert [each["status"] for each in follow_up["status"]] == ["under review"]
    assert b"DRAFT" in files["data/report.md"]
    assert b"DRAFT" in files["data/report.html"]
    assert b"US vanished (confidence: high)" in files["data/report.html"]


def test_the_page_says_all_of_it_and_takes_nothing_as_markup(followed, key, tmp_path):
    page = _read(followed().export(tmp_path, key=key))["data/README.html"].decode()
    for text in (
        "Case INC-1 (under review), about the log",
        "<td>Map &lt;b&gt;US&lt;/b&gt; to AA</td><td>Rex Holm</td>",
        '<td class="when">2015-07-01 00:00:00</td><td class="when">2015-07-01 02:00:00</td><td>The desk noticed</td>',
        "<td>Did you ask the &lt;i&gt;vendor&lt;/i&gt;?</td>",
        "<td>ready for Rex</td>",
        '<a href="report.html">the incident report (draft)</a>',
    ):
        assert text in page
    first, _, details = page.partition('<div class="details">')
    assert all(heading in first for heading in ("Answer", "Findings", "What was checked", "Who signed it"))
    assert all(heading in details for heading in ("Timeline", "Comments", "Exhibits"))
    assert "Edited by hand" not in page


def test_two_exports_are_equal(followed, key, signed_at, tmp_path):
    one, two = (
        followed(folder).export(tmp_path / folder / "out", key=key, signed_at=signed_at) for folder in ("a", "b")
    )
    assert one.read_bytes() == two.read_bytes()


def test_an_edit_by_hand_is_in_custody_and_on_the_page(followed, key, tmp_path):
    case = followed()
    path = case.folder / "actions.toml"
    path.write_text(path.read_text().replace("Rex Holm", "Eva Lund"))
    with pytest.warns(CaseEditedWarning, match=r"actions\.toml"):
        bundle = case.export(tmp_path, key=key)
    files = _read(bundle)
    assert b'"action":"edited by hand"' in files["data/custody.jsonl"]
    assert b"<li>actions.toml (noted 2026-01-01T" in files["data/README.html"]


def test_a_comment_after_a_sign_off_leaves_it_standing_and_an_action_does_not(
    followed, key, tmp_path, trust, signed_at
):
    case = followed()
    bundle = case.export(tmp_path, key=key, signed_at=signed_at)
    case.sign_off(bundle, key=key, printed_name="Jane", meaning="authored", trust=trust)
    case.comment("signed")
    case.change_status("closed", "signed")
    assert [each.void for each in case.sign_offs(bundle)] == [None]
    case.change_status("reopened", "more to do")
    case.action("x", kind="preventive", owner="Ida", due="2027-01-01")
    assert case.sign_offs(bundle)[0].void is not None


def test_a_report_is_no_draft_once_an_accepted_key_approved_the_bundle(followed, key, trust, signed_at, tmp_path):
    case = followed()
    bundle = case.export(tmp_path, key=key, signed_at=signed_at)
    pinned = Trust((*trust.keys, TrustedKey(REX.public, "sign-off", "*")), "the test's trust")
    with pytest.raises(IntegrityError, match=r"sign-off\.missing"):
        case.draft_report(bundle, trust=pinned)
    case.sign_off(bundle, key=REX, printed_name="Rex Holm", meaning="approved", trust=pinned)
    text = case.draft_report(bundle, trust=pinned).read_text()
    assert "**Approved by " in text
    assert "Rex Holm" in text
    assert "DRAFT" not in text
    with pytest.raises(IntegrityError, match=r"sign-off\.key-not-trusted"):
        case.draft_report(bundle, trust=trust)
    case.conclude("Something else.")
    with pytest.raises(MisuseError, match="has changed since"):
        case.draft_report(bundle, trust=pinned)
    assert "DRAFT" in case.draft_report().read_text()

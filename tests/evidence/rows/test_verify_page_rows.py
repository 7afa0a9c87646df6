"""``verify.html`` follows proven rows into their log, and finds what the verifier finds, where it looks."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from dataclasses import replace

import pytest

from audit_lab.evidence.verify_page import checking_page
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.seal.trust import format_trust
from audit_lab.verifier.predicate import AttestedRows
from tests.browser.test_verify_page import DONE, Shown

pytestmark = pytest.mark.browser

INDEX = "data/proofs/log.json"
CHECKPOINT = "data/proofs/checkpoint"
PART = "data/proofs/rows/0004-predictions.json"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    return {**browser_type_launch_args, "executable_path": chromium}


def edited(name, kind, **changes):
    def edit(unpacked):
        unpacked.files[name] = replace(kind.parse(unpacked.files[name], name), **changes).to_bytes()

    return edit


def row(at, **changes):
    def edit(unpacked):
        rows = list(SegmentProof.parse(unpacked.files[PART], PART).rows)
        rows[at] = replace(rows[at], **{name: change(rows[at]) for name, change in changes.items()})
        edited(PART, SegmentProof, rows=tuple(rows))(unpacked)

    return edit


def gone(name):
    return lambda unpacked: unpacked.files.pop(name)


def added(name):
    return lambda unpacked: unpacked.files.update({name: b"{}"})


def other_checkpoint(unpacked):
    """State another root; nobody signs it, and the investigator attests it."""
    lines = unpacked.files[CHECKPOINT].decode().split("\n")
    lines[2] = b64encode(bytes(32)).decode()
    unpacked.files[CHECKPOINT] = "\n".join(lines).encode()


def not_signed(unpacked):
    lines = unpacked.files[CHECKPOINT].decode().split("\n")
    words = lines[4].rsplit(" ", 1)
    lines[4] = f"{words[0]} {words[1][:20]}{'AAAA' if words[1][20:24] != 'AAAA' else 'BBBB'}{words[1][24:]}"
    unpacked.files[CHECKPOINT] = "\n".join(lines).encode()


def spaced(unpacked):
    unpacked.files[PART] = json.dumps(json.loads(unpacked.files[PART])).encode()


def no_segment(unpacked):
    index = LogProof.parse(unpacked.files[INDEX], INDEX)
    edited(PART, SegmentProof, statement=index.genesis, entry_index=0, entry_path=index.genesis_path)(unpacked)


#: What is changed, before the investigator signs again.
CHANGES = {
    "nothing": lambda unpacked: None,
    "a row's bytes": row(0, row_bytes=lambda each: each.row_bytes[:-3] + b"x" + each.row_bytes[-2:]),
    "a row's path cut": row(0, path=lambda each: each.path[:-1]),
    "a row's path lengthened": row(0, path=lambda each: (*each.path, bytes(32))),
    "a row's path of zeros": row(0, path=lambda each: tuple(bytes(32) for _ in each.path)),
    "a row under another number": row(2, row=lambda each: each.row + 1),
    "a row far out": row(2, row=lambda each: 10_000),
    "an entry elsewhere": edited(PART, SegmentProof, entry_index=0),
    "an entry that is no segment's": no_segment,
    "another checkpoint": other_checkpoint,
    "a signature that is not the log's": not_signed,
    "a file of proofs gone": gone(PART),
    "the index gone": gone(INDEX),
    "a file that no proof is about": added("data/proofs/more.json"),
    "more rows attested": lambda unpacked: unpacked.attest(rows=AttestedRows(99, ())),
    "an index that is none": lambda unpacked: unpacked.files.update({INDEX: b"{}"}),
    "a proof with spaces": spaced,
}
#: What only the verifier looks at: what a row discloses.
LEFT = ("disclosure.", "values.", "value.", "row-bytes.")


def test_the_page_finds_what_the_verifier_finds(browser, unpacked, both_keys, tmp_path):
    (tmp_path / "verify.html").write_bytes(checking_page())
    page = browser.new_page()
    page.goto((tmp_path / "verify.html").as_uri())
    page.locator("#investigator-keys").fill(format_trust(both_keys.keys))
    differing, clean, predicate = {}, dict(unpacked.files), unpacked.predicate
    for name, change in CHANGES.items():
        unpacked.files, unpacked.predicate = dict(clean), predicate
        change(unpacked)
        content = unpacked.archive()
        page.locator("#archive").set_input_files([{"name": "x", "mimeType": "application/zip", "buffer": content}])
        page.wait_for_selector(DONE, state="attached")
        shown, found = Shown(page), sorted(unpacked.found(both_keys))
        assert bool(found) == (name != "nothing"), name
        expected = [each for each in found if not each[0].startswith(LEFT)]
        if shown.findings() != expected:
            differing[name] = (shown.findings(), expected)
        if name == "nothing":
            assert any("rows: each in its segment" in line for line in shown.checked)
            assert any("for the log's checkpoint" in line for line in shown.signers)
    page.close()
    assert differing == {}


def test_without_the_logs_key_its_checkpoint_is_the_investigators_word(browser, unpacked, trust, tmp_path):
    (tmp_path / "verify.html").write_bytes(checking_page())
    page = browser.new_page()
    page.goto((tmp_path / "verify.html").as_uri())
    page.locator("#investigator-keys").fill(format_trust(trust.keys))
    content = unpacked.archive()
    page.locator("#archive").set_input_files([{"name": "x", "mimeType": "application/zip", "buffer": content}])
    shown = Shown(page)
    page.close()
    assert (shown.verdict, shown.found) == ("UNANCHORED", [])
    assert any(line.startswith("signature over the log's checkpoint") for line in shown.unchecked)
    assert not any(line.startswith("signature over the log's checkpoint") for line in shown.checked)

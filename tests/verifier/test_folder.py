"""The same bundle, unpacked."""

from __future__ import annotations

import os

import pytest

from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.seal.report import Verdict
from audit_lab.verifier import examine_bundle, verify_bundle


@pytest.fixture
def folder(bundle, tmp_path):
    for name, content in bundle.files().items():
        path = tmp_path / "case" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "case"


def _found(folder, trust):
    return [(finding.code, finding.file) for finding in examine_bundle(folder, trust).findings]


def test_an_unpacked_bundle_is_accepted(bundle, folder):
    assert verify_bundle(folder, bundle.trust).verdict is Verdict.UNANCHORED


def test_a_changed_file_is_named(bundle, folder):
    (folder / "data/custody.jsonl").write_bytes(b"{}\n")
    assert _found(folder, bundle.trust) == [("bundle.file-changed", "data/custody.jsonl")]


def test_a_symbolic_link_is_not_followed(bundle, folder):
    (folder / "data/README.html").unlink()
    (folder / "data/README.html").symlink_to("/etc/passwd")
    assert _found(folder, bundle.trust) == [("archive.symbolic-link", "data/README.html")]


def test_a_link_to_a_folder_is_not_followed(bundle, folder):
    (folder / "data/loop").symlink_to(folder)
    assert _found(folder, bundle.trust) == [("archive.symbolic-link", "data/loop")]


def test_a_pipe_is_not_opened(bundle, folder):
    os.mkfifo(folder / "data/pipe")
    assert _found(folder, bundle.trust) == [("archive.special-file", "data/pipe")]


def test_an_added_file_is_named(bundle, folder):
    (folder / "data/more.txt").write_bytes(b"")
    assert _found(folder, bundle.trust) == [("bundle.file-added", "data/more.txt")]


def test_nothing_there_is_misuse(tmp_path, bundle):
    with pytest.raises(MisuseError, match=r"none\.zip cannot be read"):
        verify_bundle(tmp_path / "none.zip", bundle.trust)


def test_an_archive_on_disk(bundle, tmp_path):
    path = tmp_path / "case.zip"
    path.write_bytes(bundle.archive())
    assert verify_bundle(path, bundle.trust).verdict is Verdict.UNANCHORED
    with pytest.raises(IntegrityError) as caught:
        verify_bundle(path, bundle.trust, require_anchor=True)
    assert [finding.code for finding in caught.value.report.findings] == ["anchor.missing"]


def test_an_empty_folder_is_refused(bundle, tmp_path):
    report = examine_bundle(tmp_path, bundle.trust)
    assert (report.verdict, report.findings[0].code) == (Verdict.REFUSED, "signature.missing")

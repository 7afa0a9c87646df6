"""The archive's shape is refused before anything is extracted (attack 22)."""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
import zipfile

import pytest

from audit_lab.seal.report import Verdict


def _info(name="data/x", mode=0o100644, method=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.extract_version = 10
    info.create_system, info.external_attr, info.compress_type = 3, mode << 16, method
    return info


def _codes(bundle, entries):
    report = bundle.report(bundle.zipped(entries))
    assert report.verdict is Verdict.REFUSED
    return {finding.code for finding in report.findings}


def test_a_good_archive_passes(bundle):
    assert bundle.report().verdict is Verdict.UNANCHORED


def test_the_standard_library_reads_our_archive(bundle):
    with zipfile.ZipFile(io.BytesIO(bundle.archive())) as file:
        assert file.testzip() is None
        assert {info.filename: file.read(info) for info in file.infolist()} == bundle.files()
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.skipif(shutil.which("unzip") is None, reason="needs the unzip command")
def test_unzip_finds_no_fault_with_our_archive(bundle, tmp_path):
    (tmp_path / "case.zip").write_bytes(bundle.archive())
    subprocess.run(["unzip", "-tq", "case.zip"], cwd=tmp_path, check=True, capture_output=True)


def test_a_truncated_archive(bundle):
    content = bundle.archive()
    for length in range(0, len(content), 97):
        assert bundle.report(content[:length]).verdict is Verdict.REFUSED


def test_everything_that_is_wrong_is_found_at_once(bundle):
    entries = [(_info("../a"), b"1"), (_info("b", mode=stat.S_IFLNK | 0o777), b"x"), (_info("/c"), b"2")]
    assert _codes(bundle, entries) >= {"archive.path-escape", "archive.symbolic-link", "archive.absolute-path"}


def test_a_refused_archive_says_what_was_not_checked(bundle):
    report = bundle.report(b"")
    assert len(report.checked) == 1
    assert any("signature" in line for line in report.not_checked)

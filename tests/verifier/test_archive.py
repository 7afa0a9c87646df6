"""The archive's shape is refused before anything is extracted (attack 22)."""

from __future__ import annotations

import io
import shutil
import stat
import struct
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


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../evil", "archive.path-escape"),
        ("data/../../evil", "archive.path-escape"),
        ("/etc/passwd", "archive.absolute-path"),
        ("C:/evil", "archive.drive-letter"),
        ("data\\..\\evil", "archive.backslash-in-name"),
        ("data/\u00e9", "archive.name-not-portable"),
        ("data/folder/", "archive.folder-entry"),
    ],
)
def test_names_that_lead_elsewhere(bundle, name, code):
    assert code in _codes(bundle, [(_info(name), b"x")])


def test_a_nul_in_a_name(bundle):
    content = bundle.zipped([(_info("data/xy"), b"x")]).replace(b"data/xy", b"data/\x00y")
    assert ("archive.nul-in-name", "data/\x00y") in bundle.found(content)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (stat.S_IFLNK | 0o777, "archive.symbolic-link"),
        (stat.S_IFIFO | 0o644, "archive.special-file"),
        (stat.S_IFCHR | 0o644, "archive.special-file"),
        (stat.S_IFBLK | 0o644, "archive.special-file"),
        (stat.S_IFDIR | 0o755, "archive.special-file"),
        (stat.S_IFREG | stat.S_ISUID | 0o755, "archive.header-changed"),
    ],
)
def test_what_is_no_plain_file(bundle, mode, code):
    assert _codes(bundle, [(_info(mode=mode), b"/etc/passwd")]) >= {code}


def test_a_duplicate_entry(bundle):
    assert "archive.duplicate-entry" in _codes(bundle, [(_info("data/x"), b"1"), (_info("data/x"), b"2")])


@pytest.mark.parametrize(
    "names", [("data/README.html", "data/readme.HTML"), ("data/e\u0301", "data/\u00e9"), ("data/x", "data/x/y")]
)
def test_names_that_a_file_system_confuses(bundle, names):
    assert "archive.colliding-names" in _codes(bundle, [(_info(name), b"x") for name in names])


def test_a_compressed_bomb_is_refused_unread(bundle):
    content = bundle.zipped([(_info(method=zipfile.ZIP_DEFLATED), b"\0" * 20_000_000)])
    assert ("archive.compressed", "data/x") in bundle.found(content)


def test_an_encrypted_entry(bundle):
    content = bytearray(bundle.zipped([(_info(), b"x")]))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert ("archive.encrypted", "data/x") in bundle.found(bytes(content))


@pytest.mark.parametrize("extra", [b"\0", b"x" * 100, b"\0" * 70_000])
def test_data_after_the_end(bundle, extra):
    assert bundle.found(bundle.archive() + extra)[0][0] in {"archive.trailing-data", "archive.not-a-zip"}


def test_data_before_the_start(bundle):
    assert bundle.report(b"#!/bin/sh\n" + bundle.archive()).verdict is Verdict.REFUSED


def test_leading_data_with_offsets_that_fit(bundle):
    buffer = io.BytesIO(b"#!/bin/sh\n")
    buffer.seek(0, 2)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr(_info(), b"x")
    assert bundle.found(buffer.getvalue()) == [("archive.leading-data", "data/x")]


def test_hidden_data_between_entries(bundle):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(_info("data/a"), b"1")
        file.fp.write(b"hidden")
        file.start_dir = file.fp.tell()
        file.writestr(_info("data/b"), b"2")
    assert bundle.found(buffer.getvalue()) == [("archive.hidden-data", "data/b")]


def test_overlapping_entries(bundle):
    content = bytearray(bundle.zipped([(_info("data/a"), b"1" * 50), (_info("data/b"), b"2" * 50)]))
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    assert ("archive.overlapping", "data/b") in bundle.found(bytes(content))


def test_a_size_beyond_the_end(bundle):
    content = bytearray(bundle.zipped([(_info("data/a"), b"1")]))
    record = content.index(b"PK\x01\x02")
    content[record + 20 : record + 28] = struct.pack("<II", 2**31, 2**31)
    assert ("archive.size-beyond-end", "data/a") in bundle.found(bytes(content))


def test_sizes_that_disagree(bundle):
    content = bytearray(bundle.zipped([(_info("data/a"), b"1")]))
    record = content.index(b"PK\x01\x02")
    content[record + 20 : record + 24] = struct.pack("<I", 7)
    assert ("archive.sizes-disagree", "data/a") in bundle.found(bytes(content))


def test_ten_million_declared_entries(bundle):
    content = bytearray(bundle.archive())
    content[-14:-10] = b"\xff\xff\xff\xff"
    assert bundle.found(bytes(content)) == [("archive.too-many-entries", "(the archive)")]


def test_unsorted_entries(bundle):
    assert _codes(bundle, [(_info("data/b"), b"2"), (_info("data/a"), b"1")]) == {"archive.not-sorted"}


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all, but long enough to be one" * 3])
def test_what_is_no_zip(bundle, content):
    assert bundle.found(content) == [("archive.not-a-zip", "(the archive)")]


def test_a_truncated_archive(bundle):
    content = bundle.archive()
    for length in range(0, len(content), 97):
        assert bundle.report(content[:length]).verdict is Verdict.REFUSED


def test_a_changed_header_names_its_entry(bundle):
    content = bytearray(bundle.archive())
    at = content.index(b"data/custody.jsonl") - 20  # the time in the entry's local header
    content[at] ^= 1
    assert bundle.found(bytes(content)) == [("archive.header-changed", "data/custody.jsonl")]


def test_everything_that_is_wrong_is_found_at_once(bundle):
    entries = [(_info("../a"), b"1"), (_info("b", mode=stat.S_IFLNK | 0o777), b"x"), (_info("/c"), b"2")]
    assert _codes(bundle, entries) >= {"archive.path-escape", "archive.symbolic-link", "archive.absolute-path"}


def test_a_refused_archive_says_what_was_not_checked(bundle):
    report = bundle.report(b"")
    assert len(report.checked) == 1
    assert any("signature" in line for line in report.not_checked)

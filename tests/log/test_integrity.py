"""Digests of segments against the manifest."""

from __future__ import annotations

import shutil

import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError


def codes(folder):
    with pytest.raises(IntegrityError) as caught:
        al.open(folder).verify()
    return [(finding.code, finding.file) for finding in caught.value.report.findings]


def test_whole_log_is_unanchored_and_says_what_was_not_checked(make_log):
    report = al.open(make_log()).verify()
    assert report.verdict == "UNANCHORED"
    assert "6 segments" in report.checked[0]
    assert any("not sealed" in text for text in report.not_checked)


def test_any_changed_byte_names_the_segment(make_log):
    folder = make_log()
    path = folder / "outcomes" / "part-00000.parquet"
    whole = path.read_bytes()
    for position in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert codes(folder) == [("log.segment-changed", "outcomes/part-00000.parquet")]


def test_every_finding_is_listed(make_log):
    folder = make_log()
    (folder / "lineage" / "part-00000.parquet").unlink()
    shutil.copy(folder / "outcomes" / "part-00000.parquet", folder / "outcomes" / "part-00001.parquet")
    (folder / "deployments" / "part-00000.parquet").write_bytes(b"short")
    assert codes(folder) == [
        ("log.segment-changed", "deployments/part-00000.parquet"),
        ("log.segment-missing", "lineage/part-00000.parquet"),
        ("log.segment-unlisted", "outcomes/part-00001.parquet"),
    ]


def test_sample_logs_hold(flights, credit):
    for path in (flights, credit):
        assert al.open(path).verify().holds

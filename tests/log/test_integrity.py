"""Digests of segments against the manifest."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError, LogError, MisuseError


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


def edit_manifest(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_row_count_that_the_manifest_misstates_is_found(make_log):
    folder = make_log()
    edit_manifest(folder, lambda manifest: manifest["tables"]["predictions"]["segments"][0].update(rows=7))
    assert codes(folder) == [("log.rows-misstated", "predictions/part-00000.parquet")]


def test_log_has_no_anchor_to_require(make_log):
    folder = make_log()
    with pytest.raises(IntegrityError) as caught:
        al.verify(folder, require_anchor=True)
    assert [finding.code for finding in caught.value.report.findings] == ["log.no-anchor"]
    assert al.verify(folder).verdict == "UNANCHORED"


def test_foreign_folder_is_pointed_to_a_mapping(tmp_path):
    with pytest.raises(MisuseError, match="neither an audit log nor an evidence bundle"):
        al.verify(tmp_path)


def test_one_file_in_two_tables_is_refused(make_log):
    folder = make_log()
    edit_manifest(folder, lambda manifest: manifest["tables"].update(outcomes=manifest["tables"]["predictions"]))
    with pytest.raises(LogError, match="segment of two tables"):
        al.open(folder)


def test_notes_that_are_no_list_are_refused(make_log):
    folder = make_log()
    edit_manifest(folder, lambda manifest: manifest.update(notes="abc"))
    with pytest.raises(LogError, match="notes is not a list"):
        al.open(folder)


def test_segment_without_its_key_is_refused_by_name(make_log):
    folder = make_log()
    path = folder / "inputs" / "loans" / "part-00000.parquet"
    pl.read_parquet(path).drop("prediction_id").write_parquet(path)
    with pytest.raises(LogError, match=r"inputs/loans/part-00000\.parquet lacks prediction_id"):
        al.open(folder).inputs()

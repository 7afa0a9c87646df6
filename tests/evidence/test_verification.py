from __future__ import annotations

import zipfile
from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.evidence import export_case
from audit_lab.evidence.verification import verify
from audit_lab.log.files.write import write_log
from audit_lab.seal.report import Verdict


def test_a_bundle_as_an_archive_and_as_a_folder(case, key, trust, tmp_path):
    path = export_case(case, tmp_path, key=key)
    assert verify(path, trust).verdict is Verdict.UNANCHORED
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    assert verify(str(tmp_path / "unpacked"), trust).verdict is Verdict.UNANCHORED
    with pytest.raises(IntegrityError, match="anchor.missing"):
        verify(path, trust, require_anchor=True)


def test_a_bundle_that_brings_a_log_manifest_is_still_a_bundle(case, key, trust, tmp_path):
    with zipfile.ZipFile(export_case(case, tmp_path, key=key)) as file:
        file.extractall(tmp_path / "unpacked")
    (tmp_path / "unpacked" / "manifest.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match=r"bundle.file-added in manifest\.json"):
        verify(tmp_path / "unpacked", trust)


def test_a_log(tmp_path):
    row = {"prediction_id": ["p1"], "occurred_at": [datetime(2026, 1, 1, tzinfo=UTC)]}
    write_log(tmp_path / "log", {"predictions": pl.DataFrame(row)}, {"origin": "o", "description": "", "notes": []})
    assert verify(tmp_path / "log").verdict is Verdict.UNANCHORED
    segment = next((tmp_path / "log").rglob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-1])
    with pytest.raises(IntegrityError):
        verify(tmp_path / "log")


def test_nothing_there(tmp_path):
    with pytest.raises(MisuseError, match="none cannot be read"):
        verify(tmp_path / "none")


def test_the_folder_of_a_case_is_said_to_be_one(case, tmp_path):
    with pytest.raises(MisuseError, match=r"is the folder of a case, .*audit-lab export .*INC-1.* --out FOLDER"):
        verify(case.folder)
    assert list(tmp_path.rglob("*.zip")) == []


def test_a_folder_that_holds_bundles_names_them(case, key, tmp_path):
    export_case(case, tmp_path / "out", key=key)
    with pytest.raises(MisuseError, match=r"out holds bundles, or archives, .*: audit-lab verify .*INC-1\.zip"):
        verify(tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out" / "INC-1.zip") as file:
        file.extractall(tmp_path / "one" / "INC-1")
    with pytest.raises(MisuseError, match=r"one holds bundles, or archives, .*: audit-lab verify .*one/INC-1$"):
        verify(tmp_path / "one")


def test_what_is_for_logs_only(case, key, tmp_path):
    with pytest.raises(MisuseError, match="only the check of a log takes vault, and"):
        verify(export_case(case, tmp_path, key=key), vault=tmp_path)

"""A case whose folder is no longer whole is not exported, and the investigator is told what to restore."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from datetime import timedelta

import pytest

from audit_lab.case.case_folder import CaseEditedWarning
from audit_lab.errors import AuditLabError
from audit_lab.evidence import export_case
from audit_lab.evidence.differences import diff

pytestmark = pytest.mark.filterwarnings("ignore::audit_lab.case.case_folder.CaseEditedWarning")


def _read(path):
    with zipfile.ZipFile(path) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


def _refused(case, key, out, match):
    with pytest.raises(AuditLabError, match=match) as caught:
        export_case(case, out, key=key)
    assert not out.exists()
    return caught.value


def test_a_finding_that_rests_on_an_exhibit_that_is_gone(case, key, tmp_path):
    exhibit = case.exhibits[0]
    shutil.rmtree(exhibit.folder)
    error = _refused(
        case, key, tmp_path / "out", f"finding F1 of the case INC-1 rests on {exhibit.id[:12]}, which is no"
    )
    assert "Restore the exhibit" in error.next_step


def test_a_finding_whose_exhibit_was_mistyped_by_hand(case, key, tmp_path):
    path = case.folder / "findings.json"
    path.write_bytes(path.read_bytes().replace(case.exhibits[0].id.encode(), b"0" * 64))
    _refused(case, key, tmp_path / "out", "finding F1 of the case INC-1 rests on 000000000000, which is no")


def test_an_event_that_is_shown_by_an_exhibit_that_is_gone(case, key, tmp_path):
    case.event("2026-01-01T00:00:00Z", "It vanished", exhibit=1)
    path = case.folder / "timeline.toml"
    path.write_text(path.read_text().replace(case.exhibits[0].id, "0" * 64))
    _refused(case, key, tmp_path / "out", "event E1 of the case INC-1 rests on 000000000000, which is no")


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
@pytest.mark.parametrize("content", [b"carrier,rows\nAA,99\n", None])
def test_an_exhibit_that_was_changed_or_cut(case, key, tmp_path, name, content):
    path = case.exhibits[0].folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    where = re.escape(f"exhibits/{case.exhibits[0].folder.name}/{name} of the case INC-1 is not as it was kept")
    assert "Restore the case's folder" in _refused(case, key, tmp_path / "out", where).next_step


def test_a_case_whose_custody_record_is_gone(case, key, tmp_path):
    (case.folder / "custody.jsonl").unlink()
    _refused(case, key, tmp_path / "out", "case in .*INC-1 has no custody record")
    with pytest.raises(AuditLabError, match="case in .*INC-1 has no custody record"):
        case.comment("nothing of it may begin anew")
    assert not (case.folder / "custody.jsonl").exists()
    (case.folder / "custody.jsonl").write_bytes(b"")
    _refused(case, key, tmp_path / "out", "custody.jsonl does not end with a whole line")


def test_a_case_whose_creation_was_cut_off_is_created(case, make_case):
    for path in case.folder.iterdir():
        if path.name != "case.toml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.warns(CaseEditedWarning, match="case.toml"):
        again = make_case()
    assert [line.action for line in again.custody][:2] == ["edited by hand", "opened again"]


def test_a_case_exported_twice_gives_the_same_bytes(case, key, signed_at, tmp_path):
    one, two, three = (case.export(tmp_path / name, key=key, signed_at=signed_at) for name in ("one", "two", "three"))
    assert one.read_bytes() == two.read_bytes() == three.read_bytes()
    assert [line.action for line in case.custody][-3:] == ["exported"] * 3


def test_a_case_exported_twice_differs_in_the_stated_time_alone(case, key, signed_at, trust, tmp_path):
    one = case.export(tmp_path / "one", key=key, signed_at=signed_at)
    two = case.export(tmp_path / "two", key=key, signed_at=signed_at + timedelta(days=1))
    assert {change.part for change in diff(one, two, trust).changes} == {"times", "pages"}
    first, second = _read(one), _read(two)
    assert {name for name in first if first[name] != second[name] and name.startswith("data/")} == {
        "data/README.html",
        "data/ro-crate-metadata.json",
    }


def test_an_export_before_a_change_stays_in_the_record(case, key, tmp_path):
    case.export(tmp_path / "one", key=key)
    case.comment("sent to the bank")
    case.export(tmp_path / "two", key=key)
    lines = _read(case.export(tmp_path / "three", key=key))["data/custody.jsonl"].splitlines()
    assert [json.loads(line)["action"] for line in lines][-2:] == ["exported", "commented"]

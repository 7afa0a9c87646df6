"""The demonstration works on a sealed copy of its log, and leaves the log as it is."""

from __future__ import annotations

import shutil

import audit_lab as al
from audit_lab.cli.sealed_copy import sealed_copy


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_copy_is_sealed_once_and_the_log_stays_as_it_was(make_log, tmp_path):
    log, out = make_log("loans"), tmp_path / "out"
    before = contents(log)
    made = sealed_copy(log, out)
    assert contents(log) == before
    report = al.open(made.log).verify(made.trust, vault=made.vault, remembered=False)
    assert any("hashes recomputed from their values" in line for line in report.checked)
    assert any("is a demonstration log" in note for note in report.notes)
    first = contents(out)
    assert sealed_copy(log, out) == made
    assert contents(out) == first


def test_another_log_takes_its_place_and_what_was_left_half_done_is_done_again(make_log, tmp_path):
    log, out = make_log("loans"), tmp_path / "out"
    made = sealed_copy(log, out)
    (log / "manifest.json").write_text((log / "manifest.json").read_text() + "\n")
    (out / "log" / "loans.aside").mkdir()
    before = (made.log / "checkpoint").read_bytes()
    assert sealed_copy(log, out) == made
    assert (made.log / "checkpoint").read_bytes() != before
    shutil.rmtree(made.log)
    shutil.copytree(log, made.log)  # killed between copying and sealing
    shutil.rmtree(made.vault)
    assert al.open(sealed_copy(log, out).log).verify(made.trust, remembered=False).findings == ()

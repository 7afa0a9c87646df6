"""Attacks 12 and 33: erased values come back, erasures are forged, or happen without a record."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from audit_lab.log.erasure.erasure import erase
from audit_lab.log.erasure.kept import Kept
from audit_lab.log.writing.holds import place_hold, release_hold
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry_kinds import EraseEntry, PlacementEntry

SUBJECT = "subject-1"


@pytest.fixture
def erased(sealed_log):
    """The small log after the erasure of one subject, with what was in its files before."""
    before = {path: (sealed_log.folder / path).read_bytes() for path in sealed_log.files("predictions")}
    with sealed_log.writer() as writer:
        erase(writer, subject_id=SUBJECT, actor="dpo", reason="art. 17")
    sealed_log.before = before
    return sealed_log


def test_lawful_erasure_is_no_finding(erased):
    report = erased.report()
    assert (report.verdict, report.findings) == ("UNANCHORED", ())
    assert "66 rows: their hashes recomputed from their values" in report.checked
    assert any(isinstance(entry, EraseEntry) for entry in erased.entries)
    values = pl.concat([erased.read(path) for path in erased.files("predictions")])
    assert SUBJECT not in values["subject_id"].to_list()


def test_lawful_erasure_holds_without_the_vault_too(erased):
    assert erased.found(vault=None) == set()


def test_erased_value_put_back_into_the_file(erased):
    path, file = next(iter(erased.state.files["predictions"].items()))
    erased.rewrite(path, lambda frame: frame.with_columns(subject_id=pl.col("subject_id").fill_null(SUBJECT)))
    assert erased.found() == {"log.segment-changed", "log.erased-value-present"}
    (meaning,) = erased.meaning("log.erased-value-present")
    segment = file.holds[0].segment
    rows = (1, 5, 9) if segment == min(erased.state.segments["predictions"]) else (3, 7)
    places = ", ".join(f"{segment}:{row} subject_id" for row in rows)
    assert meaning == f"fields that were recorded as erased hold a value: {places}"


def test_file_from_before_the_erasure_put_back(erased):
    new = erased.files("predictions")[0]
    (erased.folder / new).write_bytes(next(iter(erased.before.values())))
    assert erased.found() == {"log.segment-older"}


def test_file_from_before_the_erasure_lying_about_is_told(erased):
    path, content = next(iter(erased.before.items()))
    (erased.folder / path).write_bytes(content)
    report = erased.report()
    assert report.findings == ()
    assert any(note.startswith(f"{path} is the file from before an erasure") for note in report.notes)


def test_field_that_stays_is_still_protected(erased):
    path = erased.files("predictions")[0]
    erased.rewrite(path, lambda frame: frame.with_columns(model_version=pl.lit("2")))
    assert erased.found() == {"log.segment-changed", "log.rows-root-differs", "log.row-changed"}


def test_missing_and_changed_kept_files(erased):
    kept = min((erased.folder / "kept" / "predictions").rglob("*.kept"))
    name = kept.relative_to(erased.folder).as_posix()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert [(each.code, each.file) for each in erased.report().findings] == [("log.kept-changed", name)]
    kept.unlink()
    report = erased.report()
    assert [(each.code, each.file) for each in report.findings] == [("log.kept-missing", name)]
    assert any("erased rows of predictions/" in text for text in report.not_checked)


def test_value_nulled_without_any_record(sealed_log):
    path = sealed_log.files("predictions")[1]
    sealed_log.rewrite(path, lambda frame: frame.with_columns(subject_id=pl.lit(None, dtype=pl.String)))
    assert sealed_log.found() == {"log.segment-changed", "log.rows-root-differs", "log.row-changed"}


def test_row_key_destroyed_without_any_record(sealed_log):
    segment = sealed_log.files("predictions")[1][12:-8]
    sealed_log.vault.destroy_row_keys("predictions", segment, [4])
    assert sealed_log.found() == {"log.rows-root-differs", "log.erasure-missing"}
    assert sealed_log.meaning("log.erasure-missing") == [
        f"the keys of these rows are destroyed, and no erase entry says why: {segment}:4"
    ]


class TestByTheLogsOwnKey:
    def test_nothing_changed_is_no_finding(self, erased):
        erased.seal_again(lambda entry: entry)
        assert erased.found() == set()

    def test_erase_entry_left_out(self, erased):
        erased.seal_again(lambda entry: None if isinstance(entry, EraseEntry) else entry)
        found = erased.found()
        assert "log.erasure-missing" in found
        assert "log.rows-root-differs" in found

    def test_erase_entry_that_names_other_rows(self, erased):
        def change(entry):
            is_first = isinstance(entry, EraseEntry) and entry.table == "predictions"
            return replace(entry, rows=(0,)) if is_first else entry

        erased.seal_again(change)
        assert "log.erasure-forged" in erased.found()

    def test_erase_entry_that_names_fewer_fields(self, erased):
        def change(entry):
            is_erasure = isinstance(entry, EraseEntry) and entry.table == "predictions"
            return replace(entry, fields=("subject_id",)) if is_erasure else entry

        erased.seal_again(change)
        assert erased.found() == {"log.erasure-forged"}

    def test_erase_entry_without_a_file(self, sealed_log):
        placed = next(entry for entry in sealed_log.entries if isinstance(entry, PlacementEntry))
        kept = sealed_log.folder / "kept" / "x.kept"
        kept.parent.mkdir()
        columns = [
            name for name, _ in sealed_log.state.segments["predictions"][segment_of(sealed_log)].statement.schema
        ]
        content = made_up(columns)
        kept.write_bytes(content)
        forged = EraseEntry(
            origin=placed.origin,
            sealed_at="2026-03-04T09:30:00.000000Z",
            table="predictions",
            segment=segment_of(sealed_log),
            rows=(4,),
            fields=tuple(columns),
            reason="made up",
            actor="nobody",
            old_sha256="0" * 64,
            new_sha256="1" * 64,
            kept="kept/x.kept",
            kept_sha256=sha256(content),
        )
        sealed_log.seal_more(forged)
        assert sealed_log.found() == {"log.erasure-forged", "log.erased-value-present", *ROW_DIFFERS}


ROW_DIFFERS = {"log.rows-root-differs", "log.row-changed"}


def segment_of(log):
    return log.files("predictions")[1][12:-8]


def made_up(columns):
    digests = {str(place): ["0" * 64] for place in range(len(columns))}
    frame = pl.DataFrame({"_row": pl.Series([4], dtype=pl.UInt32), **digests})
    return Kept(tuple(columns), frame).to_bytes()


class TestHolds:
    def test_erasure_after_the_release_is_lawful(self, sealed_log):
        with sealed_log.writer() as writer:
            place_hold(writer, "case-7", actor="legal", reason="lawsuit", prediction_ids=["p-013"])
            release_hold(writer, "case-7", actor="legal", reason="settled")
            erase(writer, prediction_ids=["p-013"], actor="dpo", reason="art. 17")
        assert sealed_log.found() == set()

    def test_erasure_of_others_under_a_hold_is_lawful(self, sealed_log):
        with sealed_log.writer() as writer:
            place_hold(writer, "case-7", actor="legal", reason="lawsuit", prediction_ids=["p-013"])
            erase(writer, prediction_ids=["p-014"], actor="dpo", reason="art. 17")
        assert sealed_log.found() == set()

    def test_erasure_that_a_hold_forbade_is_found(self, sealed_log, monkeypatch):
        with sealed_log.writer() as writer:
            place_hold(writer, "case-7", actor="legal", reason="lawsuit", prediction_ids=["p-013"])
            monkeypatch.setattr("audit_lab.log.erasure.erasure.hindering_holds", lambda *_: ())
            erase(writer, prediction_ids=["p-013"], actor="dpo", reason="art. 17")
        assert sealed_log.found() == {"log.hold-broken"}
        assert "it erased values of p-013 while the hold case-7 forbade it" in sealed_log.meaning("log.hold-broken")
        report = sealed_log.report(vault=None)
        assert report.findings == ()
        assert any("the hold case-7 forbade: that takes the log's vault" in text for text in report.not_checked)

    def test_hold_on_a_subject_cannot_be_checked_once_the_subject_is_erased(self, sealed_log):
        with sealed_log.writer() as writer:
            place_hold(writer, "case-8", actor="legal", reason="lawsuit", subjects=["subject-2"])
            erase(writer, prediction_ids=["p-013"], actor="dpo", reason="art. 17")
        report = sealed_log.report()
        assert report.findings == ()
        assert any("the subjects of the hold case-8: whose they were is erased" in text for text in report.not_checked)

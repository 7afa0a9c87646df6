"""Digests of segments against the manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import IntegrityError, LogError, MisuseError
from audit_lab.log.integrity import verify
from audit_lab.log.keys.vault import Vault
from audit_lab.log.store import open_store
from audit_lab.log.writing.arrival import seal_log
from audit_lab.seal.digests import sha256
from audit_lab.seal.entry_kinds import SegmentEntry
from audit_lab.seal.strict_json import canonical_json


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


def test_unsealed_segment_that_is_no_parquet_file_is_named(make_log):
    folder = make_log()
    path = folder / "outcomes" / "part-00000.parquet"
    path.write_bytes(b"PAR1" + bytes(64) + b"PAR1")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stated = {"sha256": digest, "size_bytes": path.stat().st_size}
    edit_manifest(folder, lambda manifest: manifest["tables"]["outcomes"]["segments"][0].update(stated))
    assert codes(folder) == [("log.file-unreadable", "outcomes/part-00000.parquet")]


def test_segment_without_its_key_is_refused_by_name(make_log):
    folder = make_log()
    path = folder / "inputs" / "loans" / "part-00000.parquet"
    pl.read_parquet(path).drop("prediction_id").write_parquet(path)
    with pytest.raises(LogError, match=r"inputs/loans/part-00000\.parquet lacks prediction_id"):
        al.open(folder).inputs()


class TestSealed:
    """The check of a sealed log: what it says, and what the log's own writer could have misstated."""

    def test_whole_log_says_what_was_checked_and_what_was_not(self, sealed_log):
        report = sealed_log.report()
        assert (report.verdict, report.findings) == ("UNANCHORED", ())
        assert report.subject == f"log demonstration-loans/log at {sealed_log.folder}"
        assert report.checked[0].startswith("21 entries lead to the root of the checkpoint (")
        assert "manifest.json is what the entries lead to, byte for byte" in report.checked
        assert "size and SHA-256 of 10 files of rows and 10 files of row hashes beside them" in report.checked
        assert any(text.startswith("completeness: ") for text in report.not_checked)
        assert any("demonstration log" in note for note in report.notes)
        assert report.signers[0].startswith("demonstration-loans/log (")

    def test_log_may_be_given_open_or_by_its_place(self, sealed_log):
        store = open_store(sealed_log.folder)
        for log in (store, store.folder, sealed_log.folder, str(sealed_log.folder)):
            assert verify(log, vault=sealed_log.vault_folder, remembered=False).verdict == "UNANCHORED"

    def test_store_opened_as_of_an_earlier_state_is_checked_as_it_is_now(self, sealed_log):
        (sealed_log.folder / sealed_log.files("predictions")[2]).unlink()
        store = open_store(sealed_log.folder, as_of=13)
        with pytest.raises(IntegrityError) as caught:
            verify(store, remembered=False)
        assert [finding.code for finding in caught.value.report.findings] == ["log.segment-missing"]

    def test_rows_can_be_left_out_and_the_report_says_so(self, sealed_log):
        report = sealed_log.report(rows=False)
        assert report.findings == ()
        assert any(text.startswith("rows: files were checked by their digests only") for text in report.not_checked)

    def test_progress_is_told_in_bytes_and_rows(self, sealed_log):
        done = {"files": 0, "rows": 0}

        def progress(what, count):
            done[what] += count

        sealed_log.report(progress=progress)
        files = [path for path in sealed_log.folder.rglob("*") if path.suffix in {".parquet", ".leaves"}]
        assert done == {"files": sum(path.stat().st_size for path in files), "rows": 66}

    def test_vault_of_another_log_is_refused(self, sealed_log, tmp_path):
        Vault.create("demonstration-cards/log", tmp_path / "other")
        with pytest.raises(MisuseError, match="is the vault of the log demonstration-cards/log"):
            sealed_log.report(vault=tmp_path / "other")

    def test_folder_without_a_log_is_refused(self, tmp_path):
        with pytest.raises(MisuseError):
            verify(tmp_path)

    def test_usual_folder_is_used_to_remember(self, sealed_log, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        assert verify(sealed_log.folder).verdict == "UNANCHORED"
        assert verify(sealed_log.folder).verdict == "VERIFIED"
        assert len(list((tmp_path / "state" / "audit_lab" / "remembered").glob("*.note"))) == 1

    def test_state_folder_that_cannot_be_written_is_told_and_does_no_harm(self, sealed_log, tmp_path):
        (tmp_path / "file").write_text("")
        report = sealed_log.report(remembered=tmp_path / "file" / "below")
        assert report.verdict == "UNANCHORED"
        assert any("cannot be remembered" in note for note in report.notes)

    def test_log_sealed_on_arrival_says_from_when_on(self, make_log, tmp_path):
        folder = make_log()
        seal_log(folder, actor="tests", vault=tmp_path / "vault", passphrase=b"tests")
        report = verify(
            folder, vault=Vault.open("tests/loans", tmp_path / "vault", passphrase=b"tests"), remembered=False
        )
        assert any("sealed on arrival" in note for note in report.notes)
        assert "Invented." in report.notes

    def test_empty_log_and_empty_segment_hold(self, sealed_log, small_log):
        with sealed_log.writer() as writer:
            writer.append({"predictions": small_log.some_predictions(0, 0)})
        assert sealed_log.found() == set()

    def test_numbers_that_a_writer_left_out_are_told(self, sealed_log, small_log):
        with sealed_log.writer() as writer:
            writer.append({"predictions": small_log.some_predictions(33, 36)})
        report = sealed_log.report()
        assert report.findings == ()
        told = "writer 'writer-1' left out 3 of its sequence numbers between 0 and 35"
        assert any(note.startswith(told) for note in report.notes)


class TestMisstatedByTheLogItself:
    """What only somebody with the log's key can seal: statements that the rows do not bear out."""

    @staticmethod
    def restate(sealed_log, **changes):
        first = sealed_log.files("predictions")[0][12:-8]

        def change(entry):
            is_meant = isinstance(entry, SegmentEntry) and entry.segment == first
            return replace(entry, **changes) if is_meant else entry

        sealed_log.seal_again(change)

    def test_nothing_changed_is_no_finding(self, sealed_log):
        self.restate(sealed_log)
        assert sealed_log.found() == set()

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"first_time": "2026-03-04T08:59:00.000000Z"}, "log.times-misstated"),
            ({"last_time": None}, "log.times-misstated"),
            ({"first_sequence": 1}, "log.sequence-misstated"),
            ({"last_sequence": 99}, "log.sequence-misstated"),
            ({"writer_id": "writer-2"}, "log.sequence-misstated"),
            ({"rows_root": "0" * 64}, "log.rows-root-differs"),
            ({"leaves_sha256": "0" * 64}, "log.leaves-changed"),
        ],
    )
    def test_statement_that_its_rows_do_not_bear_out(self, sealed_log, changes, code):
        self.restate(sealed_log, **changes)
        assert sealed_log.found() == {code}

    def test_root_that_the_sealed_row_hashes_do_not_lead_to_is_told_as_such(self, sealed_log):
        self.restate(sealed_log, rows_root="0" * 64)
        (meaning,) = sealed_log.meaning("log.rows-root-differs")
        assert meaning.endswith("agrees with the rows and not with the root")

    def test_schema_that_the_file_does_not_have(self, sealed_log):
        path = sealed_log.files("predictions")[0]
        schema = dict(sealed_log.state.segments["predictions"][path[12:-8]].statement.schema)
        stated = tuple({**schema, "decision": "i64"}.items())
        digest = sha256(canonical_json([list(column) for column in stated]))
        self.restate(sealed_log, schema=stated, schema_sha256=digest)
        assert sealed_log.found() == {"log.schema-differs"}
        assert sealed_log.meaning("log.schema-differs")[0].endswith("decision is str, not i64")

    def test_placement_that_holds_a_segment_which_was_never_stated(self, sealed_log):
        first = sealed_log.files("predictions")[0][12:-8]
        sealed_log.seal_again(
            lambda entry: None if isinstance(entry, SegmentEntry) and entry.segment == first else entry, strict=False
        )
        report = sealed_log.report()
        assert report.verdict == "REFUSED"
        assert "log.entry-contradiction" in {finding.code for finding in report.findings}

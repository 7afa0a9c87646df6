"""Proofs that are changed without a signature, left out, or under keys that the reader does not know."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from audit_lab.evidence.archive_writer import write_archive
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.seal.row_proofs import LogProof
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.verifier.bundle import examine_archive

INDEX = "data/proofs/log.json"
CHECKPOINT = "data/proofs/checkpoint"
PART = "data/proofs/rows/0004-predictions.json"
NO_KEY = "signature over the log's checkpoint: the trust file names no key of the log 'demonstration-loans'"


def unsigned(unpacked, trust, change):
    """Return what is found in the bundle once files were changed that nobody signed again."""
    files = bundle_files(unpacked.files, unpacked.predicate, unpacked.key)
    change(files)
    buffer = io.BytesIO()
    write_archive(buffer, files)
    return [(each.code, each.file) for each in examine_archive(buffer, "case.zip", trust).findings]


@pytest.mark.parametrize("name", [INDEX, CHECKPOINT, PART])
def test_what_was_changed_is_named_once_and_not_read(unpacked, both_keys, name):
    assert unsigned(unpacked, both_keys, lambda files: files.update({name: b"x"})) == [("bundle.file-changed", name)]
    assert unsigned(unpacked, both_keys, lambda files: files.pop(name)) == [("bundle.file-missing", name)]


def test_a_checkpoint_that_was_never_put_in(unpacked, both_keys):
    del unpacked.files[CHECKPOINT]
    assert unpacked.found(both_keys) == [("rows.file-missing", CHECKPOINT)]


def test_a_checkpoint_that_is_none(unpacked, both_keys):
    unpacked.files[CHECKPOINT] = b"x"
    assert unpacked.found(both_keys) == [("note.no-final-newline", CHECKPOINT)]


@pytest.mark.parametrize(("stated", "code"), [("x", "note.no-final-newline"), (None, "note.no-final-newline")])
def test_an_attested_checkpoint_that_is_none(unpacked, both_keys, stated, code):
    found = unpacked.attest(log_checkpoint=stated).found(both_keys)
    assert found == [("case.other-case", "data/investigation.json"), (code, CHECKPOINT)]


def test_growth_from_nothing_is_said_not_to_be_checked(unpacked, both_keys):
    unpacked.files[INDEX] = replace(LogProof.parse(unpacked.files[INDEX], "index"), growth=None).to_bytes()
    report = unpacked.report(both_keys)
    assert report.holds
    assert "growth of the log: the bundle starts from no earlier checkpoint" in report.not_checked


@pytest.mark.parametrize("changes", [{"segment": "another"}, {"table": "another"}])
def test_an_index_that_speaks_of_another_segment(unpacked, both_keys, changes):
    index = LogProof.parse(unpacked.files[INDEX], "index")
    parts = [replace(part, **changes) if part.name == "0004-predictions" else part for part in index.parts]
    unpacked.files[INDEX] = replace(index, parts=tuple(parts)).to_bytes()
    assert unpacked.found(both_keys) == [("rows.part-differs", PART)]


def test_an_index_that_counts_rows_to_another_part(unpacked, both_keys):
    index = LogProof.parse(unpacked.files[INDEX], "index")
    more = {"0004-predictions": 1, index.parts[0].name: -1}
    parts = tuple(replace(part, rows=part.rows + more.get(part.name, 0)) for part in index.parts)
    unpacked.files[INDEX] = replace(index, parts=parts).to_bytes()
    first = f"data/proofs/rows/{index.parts[0].name}.json"
    assert unpacked.found(both_keys) == [("rows.part-differs", first), ("rows.part-differs", PART)]


@pytest.mark.parametrize("changes", [{"role": "sign-off"}, {"role": "investigator"}])
def test_a_log_key_in_another_role_signs_no_checkpoint(unpacked, trust, loans, changes):
    report = unpacked.report(Trust((*trust.keys, replace(loans.key, **changes)), "t"))
    assert report.holds
    assert any(line.startswith(NO_KEY) for line in report.not_checked)


def test_the_key_of_another_log_is_no_key_of_this_one(unpacked, trust):
    other = TrustedKey(replace(unpacked.key.public, name="another-log"), "log", "*")
    report = unpacked.report(Trust((*trust.keys, other), "t"))
    assert report.holds
    assert any(line.startswith(NO_KEY) for line in report.not_checked)


def test_the_log_s_key_under_the_name_of_another_log(unpacked, trust, loans):
    renamed = replace(loans.key, public=replace(loans.key.public, name="another-log"))
    assert unpacked.found(Trust((*trust.keys, renamed), "t")) == [("signature.wrong-origin", CHECKPOINT)]

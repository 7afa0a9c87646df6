"""Attacks on the rows of a bundle, signed again by its investigator: each is found, by its own code."""

from __future__ import annotations

import io
import json
import sys
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_lab.evidence.archive_writer import chunks_of, write_archive
from audit_lab.evidence.full_verifier import examine_in_full
from audit_lab.evidence.leaving import Leaving, log_of, rows_of
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.custody import time_text
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.report import Verdict
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.seal.trust import Trust, TrustedAuthority, TrustedKey
from audit_lab.verifier.age import Known
from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.named_rows import named_rows
from audit_lab.verifier.predicate import AttestedRedaction, AttestedRows

sys.path.insert(0, str(Path(__file__).parents[2]))
from local_authority import make_local_authority

INDEX = "data/proofs/log.json"
CHECKPOINT = "data/proofs/checkpoint"
PART = "data/proofs/rows/0004-predictions.json"
TABLE = "data/rows/log/0004-predictions.parquet"


def edit_index(unpacked, **changes):
    unpacked.files[INDEX] = replace(LogProof.parse(unpacked.files[INDEX], "index"), **changes).to_bytes()
    return unpacked


def edit_part(unpacked, **changes):
    unpacked.files[PART] = replace(SegmentProof.parse(unpacked.files[PART], "part"), **changes).to_bytes()
    return unpacked


def edit_row(unpacked, at, **changes):
    rows = list(SegmentProof.parse(unpacked.files[PART], "part").rows)
    rows[at] = replace(rows[at], **changes)
    return edit_part(unpacked, rows=tuple(rows))


def rows_in(unpacked):
    return SegmentProof.parse(unpacked.files[PART], "part").rows


def parts_in(unpacked):
    return list(LogProof.parse(unpacked.files[INDEX], "index").parts)


def test_the_bundle_itself_holds(unpacked, both_keys):
    assert unpacked.found(both_keys) == []


def test_a_value_of_a_row_is_another(unpacked, both_keys):
    shown = [each.replace(b"Annemarie", b"Annamaria") for each in rows_in(unpacked)[0].disclosures]
    edit_row(unpacked, 0, disclosures=tuple(shown))
    assert unpacked.found(both_keys) == [("disclosure.unmatched", f"{PART}, row 1")]


def test_a_row_with_other_bytes_is_not_in_its_segment(unpacked, both_keys):
    committed = rows_in(unpacked)[0].row_bytes
    digest = committed[-64:]
    edit_row(unpacked, 0, row_bytes=committed[:-64] + bytes(reversed(digest)))
    assert ("proof.root-differs", f"{PART}, row 1") in unpacked.found(both_keys)


def test_a_plain_row_with_another_value_is_not_in_its_segment(unpacked, both_keys):
    name = "data/proofs/rows/0002-model_versions.json"
    proof = SegmentProof.parse(unpacked.files[name], "part")
    row = replace(proof.rows[0], row_bytes=proof.rows[0].row_bytes.replace(b"s5:loans", b"s5:Loans"))
    unpacked.files[name] = replace(proof, rows=(row,)).to_bytes()
    assert unpacked.found(both_keys) == [("proof.root-differs", f"{name}, row 0")]


def test_a_path_that_is_cut_or_lengthened(unpacked, both_keys):
    path = rows_in(unpacked)[0].path
    edit_row(unpacked, 0, path=path[:-1])
    assert unpacked.found(both_keys) == [("proof.too-short", f"{PART}, row 1")]
    edit_row(unpacked, 0, path=(*path, path[0]))
    assert unpacked.found(both_keys) == [("proof.too-long", f"{PART}, row 1")]


def test_a_row_under_the_number_of_another(unpacked, both_keys):
    rows = rows_in(unpacked)
    edit_part(unpacked, rows=(replace(rows[0], row=0), *rows[1:]))
    assert unpacked.found(both_keys) == [("proof.root-differs", f"{PART}, row 0")]


def test_a_disclosure_of_another_row(unpacked, both_keys):
    first, second, _ = rows_in(unpacked)
    edit_row(unpacked, 1, disclosures=(*first.disclosures[:1], *second.disclosures[1:]))
    assert unpacked.found(both_keys) == [("disclosure.unmatched", f"{PART}, row 2")]


def test_a_segment_whose_statement_is_not_in_the_logs_tree(unpacked, both_keys):
    statement = json.loads(SegmentProof.parse(unpacked.files[PART], "part").statement)
    statement["writer_id"] = "somebody-else"
    content = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    edit_part(unpacked, statement=content)
    assert unpacked.found(both_keys) == [("proof.root-differs", PART)]


def test_a_statement_at_another_place_in_the_tree(unpacked, both_keys):
    index = SegmentProof.parse(unpacked.files[PART], "part").entry_index
    edit_part(unpacked, entry_index=index - 1)
    assert unpacked.found(both_keys) == [("proof.root-differs", PART)]


def test_an_entry_that_is_no_segments(unpacked, both_keys):
    index = LogProof.parse(unpacked.files[INDEX], "index")
    edit_part(unpacked, statement=index.genesis, entry_index=0, entry_path=index.genesis_path)
    assert unpacked.found(both_keys) == [("record-proof.no-statement", PART)]


def test_a_first_entry_that_is_not_the_logs(unpacked, both_keys):
    index = LogProof.parse(unpacked.files[INDEX], "index")
    edit_index(unpacked, genesis=index.genesis.replace(b'"notes":[', b'"notes":["Trust me.",', 1).replace(b",]", b"]"))
    assert unpacked.found(both_keys) == [("proof.root-differs", INDEX)]


def test_a_checkpoint_that_the_log_never_grew_from(unpacked, both_keys):
    index = LogProof.parse(unpacked.files[INDEX], "index")
    first, size, _, *rest = index.growth.checkpoint.decode().split("\n")
    forged = "\n".join([first, size, b64encode(bytes(32)).decode(), *rest]).encode()
    edit_index(unpacked, growth=replace(index.growth, checkpoint=forged))
    assert unpacked.found(both_keys) == [("proof.inconsistent", INDEX)]


def test_growth_from_another_log(unpacked, both_keys):
    growth = LogProof.parse(unpacked.files[INDEX], "index").growth
    edit_index(unpacked, growth=replace(growth, checkpoint=b"another" + growth.checkpoint))
    assert unpacked.found(both_keys) == [("rows.other-log", INDEX)]


def test_growth_from_the_checkpoint_that_the_reader_knows(unpacked, both_keys):
    growth = LogProof.parse(unpacked.files[INDEX], "index").growth
    known = parse_checkpoint(growth.checkpoint, "known").checkpoint
    report = unpacked.report(both_keys, known=Known(known))
    assert report.findings == ()
    assert any(line.startswith("growth of the log from the checkpoint that you know") for line in report.checked)
    shorter = unpacked.report(both_keys, known=Known(replace(known, size=known.size - 1)))
    assert any(line.startswith("growth of the log from the checkpoint that you know") for line in shorter.not_checked)


def test_growth_from_another_history_than_the_reader_knows(unpacked, both_keys):
    growth = LogProof.parse(unpacked.files[INDEX], "index").growth
    known = replace(parse_checkpoint(growth.checkpoint, "known").checkpoint, root=bytes(32))
    report = unpacked.report(both_keys, known=Known(known))
    assert [each.code for each in report.findings] == ["bundle.forked-log"]


def test_another_checkpoint_of_the_same_log(unpacked, both_keys):
    unpacked.files[CHECKPOINT] = LogProof.parse(unpacked.files[INDEX], "index").growth.checkpoint
    assert unpacked.found(both_keys) == [("rows.other-checkpoint", CHECKPOINT)]


def test_a_signature_that_is_not_the_logs(unpacked, both_keys):
    note = unpacked.files[CHECKPOINT]
    unpacked.files[CHECKPOINT] = note[:-6] + (b"AAAA=" if note[-6:-2] != b"AAAA" else b"BBBA=") + b"\n"
    assert unpacked.found(both_keys) == [("note.signature-invalid", CHECKPOINT)]


def test_a_log_that_began_with_another_key_than_the_pinned_one(unpacked, trust, loans):
    other = TrustedKey(SigningKey.generate(loans.key.public.name).public, "log", "*")
    assert unpacked.found(Trust((*trust.keys, other), "t")) == [("signature.key-not-trusted", CHECKPOINT)]


def test_a_key_of_the_log_that_was_revoked(unpacked, trust, loans):
    revoked = replace(loans.key, revoked_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert unpacked.found(Trust((*trust.keys, revoked), "t")) == [("signature.key-revoked", CHECKPOINT)]


def test_a_time_stamp_dates_what_a_revoked_key_of_the_log_signed(unpacked, trust, loans, tmp_path):
    authority = make_local_authority(tmp_path / "clock")
    accepted = (TrustedAuthority.parse("clock", authority.root.read_text()),)
    now = datetime.now(UTC)
    unpacked.attest(signed_at=time_text(now))
    files = {name: b"".join(chunks_of(content)) for name, content in unpacked.bundle().items()}
    buffer = io.BytesIO()
    write_archive(buffer, {**files, "timestamp.tsr": authority.stamp(files["attestation.dsse.json"])})

    def examined(revoked_from):
        revoked = replace(loans.key, revoked_from=revoked_from)
        return examine_archive(buffer, "case.zip", Trust((*trust.keys, revoked), "t", accepted))

    after = examined(now + timedelta(hours=1))
    assert [(finding.code, finding.file) for finding in after.findings] == []
    assert after.verdict is Verdict.VERIFIED
    assert any(
        "is revoked from" in note and "the time stamp dates the checkpoint before" in note for note in after.notes
    )
    assert any("for the log's checkpoint" in signer for signer in after.signers)
    before = examined(now - timedelta(hours=1))
    assert [(finding.code, finding.file) for finding in before.findings] == [("signature.key-revoked", CHECKPOINT)]


def test_rows_of_another_log_than_the_cases(unpacked, trust):
    unpacked.attest(log_origin="flights")
    found = unpacked.found(trust)
    assert ("rows.other-log", CHECKPOINT) in found


@pytest.mark.parametrize("name", [PART, TABLE])
def test_a_file_of_rows_that_is_gone(unpacked, both_keys, name):
    del unpacked.files[name]
    assert ("rows.file-missing", name) in unpacked.found(both_keys)


def test_proofs_that_are_gone(unpacked, both_keys):
    for name in list(unpacked.files):
        if name.startswith(("data/proofs/", "data/rows/log/")):
            del unpacked.files[name]
    assert unpacked.found(both_keys) == [("rows.proofs-missing", INDEX), ("rows.count-differs", INDEX)]


@pytest.mark.parametrize("name", ["data/proofs/more.json", "data/rows/log/0009-predictions.parquet"])
def test_a_file_that_no_proof_is_about(unpacked, both_keys, name):
    unpacked.files[name] = b"{}"
    assert unpacked.found(both_keys) == [("rows.unlisted", name)]


def test_an_index_that_names_another_table(unpacked, both_keys):
    parts = parts_in(unpacked)
    edit_index(unpacked, parts=(*parts[:3], replace(parts[3], table="overrides")))
    assert unpacked.found(both_keys) == [("rows.part-differs", PART)]


def test_more_rows_are_attested_than_proven(unpacked, both_keys):
    unpacked.attest(rows=AttestedRows(9, ()))
    assert unpacked.found(both_keys) == [("rows.count-differs", INDEX)]


def test_the_same_row_twice(unpacked, both_keys):
    parts = parts_in(unpacked)
    again = replace(parts[3], name="0005-predictions")
    edit_index(unpacked, parts=(*parts, again))
    unpacked.files[f"data/proofs/rows/{again.name}.json"] = unpacked.files[PART]
    unpacked.files[f"data/rows/log/{again.name}.parquet"] = unpacked.files[TABLE]
    unpacked.attest(rows=AttestedRows(11, ()))
    assert {code for code, _ in unpacked.found(both_keys)} == {"rows.duplicate"}


@pytest.mark.parametrize("column", ["predictions.subject_id", "subject_id"])
def test_a_redaction_that_is_not_kept(unpacked, both_keys, column):
    redaction = AttestedRedaction("p", "0" * 64, {column: "drop"}, (), "0" * 64)
    unpacked.attest(redaction=redaction)
    assert ("rows.withheld-differs", PART) in unpacked.found(both_keys)
    edit_part(unpacked, withheld=("subject_id",))
    assert {code for code, _ in unpacked.found(both_keys)} == {"rows.withheld-shown"}


def test_a_column_that_is_withheld_without_saying_so(unpacked, both_keys):
    rows = [
        replace(row, disclosures=tuple(each for each in row.disclosures if b"s10:subject_id" not in each))
        for row in rows_in(unpacked)
    ]
    edit_part(unpacked, rows=tuple(rows), withheld=("subject_id",))
    assert unpacked.found(both_keys) == [("rows.withheld-differs", PART)]


def test_an_index_that_is_none(unpacked, both_keys):
    unpacked.files[INDEX] = b'{"format":"audit_lab.log-proof/9"}'
    assert ("record-proof.newer-version", INDEX) in unpacked.found(both_keys)


def test_a_proof_that_is_not_canonical(unpacked, both_keys):
    unpacked.files[PART] = unpacked.files[PART].replace(b'{"entry_index"', b'{ "entry_index"', 1)
    assert unpacked.found(both_keys) == [("record-proof.not-canonical", PART)]


def test_a_log_that_is_not_at_hand_is_said_to_be(loans, make_loans_case, tmp_path):
    case = make_loans_case(loans.folder)
    about = replace(case.about, log_path=str(tmp_path / "elsewhere"))
    rows = rows_of(case, log_of(about, [tmp_path]), Leaving())
    assert rows.files == {}
    assert rows.attested == AttestedRows(0, ("the log was not at hand when the bundle was made",))


def test_without_the_vault_only_what_is_no_personal_table_is_proven(loans, make_loans_case, tmp_path):
    case = make_loans_case(loans.folder)
    rows = rows_of(case, log_of(case.about, [tmp_path]), Leaving())
    assert rows.attested.proven == 1
    assert max(rows.files) == "data/rows/log/0001-model_versions.parquet"
    assert sum("only the log's vault has" in why for why in rows.attested.not_proven) == 3


def in_full(unpacked, trust, tmp_path):
    bundle = tmp_path / "again.zip"
    bundle.write_bytes(unpacked.archive())
    return examine_in_full(bundle, trust)


def rewritten(unpacked, change):
    """Sign another Parquet of the proven predictions."""
    buffer = io.BytesIO()
    change(pl.read_parquet(io.BytesIO(unpacked.files[TABLE]))).write_parquet(buffer)
    unpacked.files[TABLE] = buffer.getvalue()
    return unpacked


def test_the_full_verifier_compares_rows_with_their_bytes(unpacked, both_keys, tmp_path):
    report = in_full(unpacked, both_keys, tmp_path)
    assert report.findings == ()
    assert "rows as Parquet against their committed bytes, value by value" in report.checked
    assert not any(line.startswith("rows as Parquet") for line in report.not_checked)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda rows: rows.with_columns(decision=pl.lit("approve")), "row 1 has another 'decision'"),
        (lambda rows: rows.with_columns(pl.col("sequence") + 1), "row 1 has another 'sequence'"),
        (lambda rows: rows.with_columns(threshold=pl.lit(-0.0)), "row 1 has another 'threshold'"),
        (lambda rows: rows.drop("subject_id"), "its columns are not those of the segment"),
        (lambda rows: rows.reverse(), "its rows are not numbered as those that are proven"),
        (lambda rows: rows.with_columns(pl.col("sequence").cast(pl.String)), "its columns are of other types"),
    ],
)
def test_a_table_that_shows_other_rows_than_are_proven(unpacked, both_keys, tmp_path, change, what):
    rewritten(unpacked, change)
    assert unpacked.found(both_keys) == []
    (finding,) = in_full(unpacked, both_keys, tmp_path).findings
    assert (finding.code, finding.file) == ("rows.table-differs", TABLE)
    assert finding.meaning.startswith(what)


def test_a_table_of_plain_rows_that_shows_another_one(unpacked, both_keys, tmp_path):
    name = "data/rows/log/0002-model_versions.parquet"
    buffer = io.BytesIO()
    rows = pl.read_parquet(io.BytesIO(unpacked.files[name]))
    rows.with_columns(threshold=pl.lit(0.25)).write_parquet(buffer)
    unpacked.files[name] = buffer.getvalue()
    (finding,) = in_full(unpacked, both_keys, tmp_path).findings
    assert (finding.code, finding.file) == ("rows.table-differs", name)


def test_a_table_that_is_none(unpacked, both_keys, tmp_path):
    unpacked.files[TABLE] = b"PAR1"
    (finding,) = in_full(unpacked, both_keys, tmp_path).findings
    assert (finding.code, finding.file) == ("rows.table-unreadable", TABLE)


def not_checked(unpacked, trust, about):
    return [line for line in unpacked.report(trust).not_checked if line.startswith(about)]


def test_what_the_signer_says_of_rows_is_quoted_and_what_the_bundle_shows_is_said(unpacked, both_keys):
    unpacked.attest(rows=AttestedRows(8, ("nothing:\nthe court checked it all",)))
    derived, quoted = not_checked(unpacked, both_keys, "rows of the log")
    assert derived.startswith("rows of the log: exhibit 3 names no prediction in any document or CSV")
    assert quoted == "rows of the log: the signer states 'nothing:\\nthe court checked it all'"


def test_that_the_signer_says_nothing_takes_no_warning_out(unpacked, both_keys):
    unpacked.attest(rows=AttestedRows(8, ()))
    (said,) = not_checked(unpacked, both_keys, "rows of the log")
    assert said.startswith("rows of the log: exhibit 3 names no prediction")
    (computed,) = not_checked(unpacked, both_keys, "exhibits computed again")
    assert computed == "exhibits computed again: none; 2 (table), 3 (table) say what the signer states"


def test_rows_that_are_denied_with_their_proofs_taken_out(unpacked, both_keys):
    for name in [name for name in unpacked.files if name.startswith(("data/proofs/", "data/rows/log/"))]:
        del unpacked.files[name]
    unpacked.attest(rows=None)
    assert unpacked.found(both_keys) == [("rows.not-stated", "attestation.dsse.json")]
    assert not_checked(unpacked, both_keys, "inclusion of") == [
        "inclusion of the rows in the log: no proofs of it are here"
    ]
    assert "of 3 predictions that the exhibits' documents and CSV name, 3 have no proven row here" in " ".join(
        not_checked(unpacked, both_keys, "rows of the log")
    )


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        (
            "a.json",
            b'{"inputs":[{"prediction_id":"a"}],"place":"b@part:1","x":{"prediction_id":"c (what if)"}}',
            {"a", "b"},
        ),
        ("a.json", b'{"prediction_id":"\\u00e9\\"","prediction_id":7,"place":"\\x"}', {'\u00e9"'}),
        ("a.csv", b'x,prediction_id\n"1,2",a\n3,"b ""c"""\n4,cut off', {"a", 'b "c"'}),
        ("a.csv", b"x,y\n1,2\n", set()),
        ("a.csv", b"", set()),
        ("a.csv", b'prediction_id\n"' + b"x" * 200_000 + b'"\n', set()),
        ("a.txt", b'{"prediction_id":"a"}', set()),
    ],
)
def test_predictions_are_read_from_documents_and_csv(name, text, named):
    class Contents:
        names = ("data/investigation.json", f"data/{name}")

        def document(self, _):
            return json.dumps({"exhibits": [{"number": 1, "kind": "x", "files": [{"path": name}]}]}).encode()

        def head(self, _):
            return text

    (exhibit,) = named_rows(Contents(), set())
    assert exhibit.names == named

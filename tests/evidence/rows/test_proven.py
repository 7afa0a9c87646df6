"""The rows of a case stand in its bundle, and the light verifier follows each into the log."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import polars as pl

import audit_lab as al
from audit_lab.evidence import Case, export_case, verify_in_full
from audit_lab.evidence.leaving import Leaving
from audit_lab.evidence.log_comparison import states_comparison
from audit_lab.seal.report import Verdict
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.verifier.bundle import examine_bundle

PARTS = [
    ("0001-inputs-loans", 3),
    ("0002-model_versions", 1),
    ("0003-outcomes", 1),
    ("0004-predictions", 3),
]


def test_every_row_that_an_exhibit_names_is_proven_with_all_that_was_recorded_about_it(unpacked, loans_bundle, trust):
    proof = LogProof.parse(unpacked.files["data/proofs/log.json"], "proof")
    assert [(part.name, part.rows) for part in proof.parts] == PARTS
    assert unpacked.predicate.rows.proven == 8
    report = examine_bundle(loans_bundle, trust)
    assert (report.verdict, report.findings) == (Verdict.UNANCHORED, ())
    assert any(line.startswith("8 rows of the log: each in its segment") for line in report.checked)
    assert any(line.startswith("exhibits against the proven rows") for line in report.not_checked)
    assert any("the trust file names no key of the log 'demonstration-loans'" in line for line in report.not_checked)


def test_with_the_logs_key_pinned_the_checkpoints_signature_counts(loans_bundle, both_keys):
    report = examine_bundle(loans_bundle, both_keys)
    assert report.findings == ()
    assert any(line.startswith("signature over the log's checkpoint") for line in report.checked)
    assert any("for the log's checkpoint" in signer for signer in report.signers)


def test_the_log_grew_from_the_seal_before(loans_bundle, trust):
    checked = examine_bundle(loans_bundle, trust).checked
    assert any(line.startswith("growth of the log: the tree of") for line in checked)


def test_the_rows_are_as_the_log_has_them(unpacked):
    rows = pl.read_parquet(io.BytesIO(unpacked.files["data/rows/log/0004-predictions.parquet"]))
    assert rows.columns[:2] == ["_row", "prediction_id"]
    assert rows["prediction_id"].to_list() == ["p-001", "p-002", "p-003"]
    proof = SegmentProof.parse(unpacked.files["data/proofs/rows/0004-predictions.json"], "proof")
    assert [row.row for row in proof.rows] == rows["_row"].to_list() == [1, 2, 3]
    assert b"Annemarie Hollenbeck" in b"".join(proof.rows[0].disclosures)


def test_exhibits_that_name_no_row_are_said_to(unpacked):
    assert unpacked.predicate.rows.not_proven == (
        "exhibit 3 names no single row, so what was computed over is not here row by row",
    )


def test_a_kept_verification_of_a_sealed_log_counts_where_it_is_of_the_attested_state(
    loans, make_loans_case, unpacked, key, *, trust, tmp_path
):
    case = make_loans_case(loans.folder)
    report = al.open(loans.folder).verify(vault=loans.vault, remembered=False)
    kept = case.keep(report, "The log, verified")
    bundle = export_case(case, tmp_path, key=key, leaving=Leaving(vault=loans.vault))
    unpacked = type(unpacked).read(bundle, key)
    page = unpacked.files["data/README.html"].decode()
    assert f"when they were verified: see exhibit {kept.number}." in page
    assert not any("keeps no verification" in line for line in verify_in_full(bundle, trust).not_checked)
    content = unpacked.files[f"data/exhibits/{kept.folder.name}/verification.json"]
    assert states_comparison(content, unpacked.predicate)
    checkpoint = unpacked.predicate.log_checkpoint.split("\n")
    earlier = "\n".join([checkpoint[0], "1", base64.b64encode(bytes(32)).decode(), *checkpoint[3:]])
    assert not states_comparison(content, replace(unpacked.predicate, log_checkpoint=earlier))
    assert not states_comparison(content, replace(unpacked.predicate, log_checkpoint="no note"))


def test_ids_of_another_type_name_predictions_too(loans, tmp_path, key, both_keys):
    about = {"question": "Why?", "actor": "jane", "purpose": "complaint", "folder": tmp_path / "cases"}
    case = Case.create("LOANS-2", al.open(loans.folder), **about)
    ids = pl.Series("prediction_id", ["p-001", "p-002"], dtype=pl.Categorical)
    case.keep(pl.DataFrame([ids]), "Two")
    case.keep(pl.DataFrame({"prediction_id": [7]}), "A number")
    bundle = export_case(case, tmp_path / "x.zip", key=key, leaving=Leaving(vault=loans.vault))
    report = examine_bundle(bundle, both_keys)
    assert report.findings == ()
    said = "of 3 predictions that the exhibits' documents and CSV name, 1 have no proven row here"
    assert any(said in line for line in report.not_checked)

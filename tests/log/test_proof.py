"""Proofs of single predictions from a sealed log, checked by the light verifier without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.proof import prove
from audit_lab.log.store import open_store
from audit_lab.log.writing.compaction import compact
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.disclosure import check_disclosures
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.proof_document import RecordProof
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.seal.values import Value
from audit_lab.seal.witness import WitnessRequest, witness_checkpoint
from audit_lab.verifier.record_proof import examine_record_proof

COLUMNS = 25


def proof_of(log, prediction_id="p-013", **options):
    return prove(open_store(log.folder), prediction_id, **{"vault": log.vault, **options})


def verified(log, proof, trust=None):
    report = examine_record_proof(proof.to_bytes(), trust or log.trust)
    return report.verdict, [finding.code for finding in report.findings]


def values_of(proof, record=0):
    document = RecordProof.parse(proof.to_bytes(), "proof")
    found = document.records[record]
    shown = check_disclosures(found.row_bytes, [name for name, _ in found.schema], found.disclosures)
    return {name: disclosure.value for name, disclosure in shown.items()}


def test_prediction_and_its_inputs_are_proven_with_all_their_values(sealed_log):
    proof = proof_of(sealed_log)
    assert verified(sealed_log, proof) == ("UNANCHORED", [])
    assert [record.table for record in proof.document.records] == ["predictions", "inputs/loans"]
    assert [record.row for record in proof.document.records] == [3, 3]
    assert len(values_of(proof)) == COLUMNS
    assert values_of(proof)["decision"] == Value("s", "approve")
    assert values_of(proof, 1)["city"] == Value("s", "Bern")
    assert proof.withheld == {"predictions": (), "inputs/loans": ()}


@pytest.mark.parametrize("prediction_id", ["p-000", "p-009", "p-010", "p-029"])
def test_first_and_last_rows_of_segments_are_proven(sealed_log, prediction_id):
    assert verified(sealed_log, proof_of(sealed_log, prediction_id)) == ("UNANCHORED", [])


def test_only_chosen_fields_are_shown_and_the_id_always(sealed_log):
    proof = proof_of(sealed_log, fields=["decision", "income"])
    assert proof.shown == {"predictions": ("prediction_id", "decision"), "inputs/loans": ("prediction_id", "income")}
    assert set(values_of(proof)) == {"prediction_id", "decision"}
    assert "subject_id" in proof.withheld["predictions"]
    assert b"subject-1" not in proof.to_bytes()
    assert verified(sealed_log, proof) == ("UNANCHORED", [])


def test_place_names_a_row_too(sealed_log):
    place = f"p-013@{sealed_log.files('predictions')[1][12:-8]}:3"
    assert proof_of(sealed_log, place).document == proof_of(sealed_log).document


def test_equal_questions_give_equal_bytes(sealed_log):
    assert proof_of(sealed_log).to_bytes() == proof_of(sealed_log).to_bytes()


def test_proof_is_saved_whole(sealed_log, tmp_path):
    proof = proof_of(sealed_log)
    path = proof.save(tmp_path / "out" / "p-013.json")
    assert path.read_bytes() == proof.to_bytes()
    with pytest.raises(MisuseError, match="cannot be written"):
        proof.save(path / "below-a-file.json")


def test_proof_shows_itself_in_plain_words_and_escapes_what_it_shows(sealed_log):
    proof = proof_of(sealed_log, fields=["decision"])
    assert repr(proof) == (
        "RecordProof of 'p-013' in demonstration-loans/log at size 21: 2 records, 3 fields shown, 26 withheld"
    )
    shown = proof._repr_html_()
    assert "Proof that the prediction p-013 stands in the log demonstration-loans/log" in shown
    assert "Shown: prediction_id, decision." in shown
    assert "it does not show that what they say is true" in shown


def test_hostile_id_is_text_in_the_proof_and_in_html(sealed_log, small_log):
    hostile = "<script>alert(1)</script>--x'; DROP TABLE /../*"
    rows = small_log.some_predictions(40, 41).with_columns(prediction_id=small_log.pl.lit(hostile))
    with sealed_log.writer() as writer:
        writer.append({"predictions": rows})
    proof = proof_of(sealed_log, hostile)
    assert verified(sealed_log, proof) == ("UNANCHORED", [])
    assert "<script>" not in proof._repr_html_()


class TestWithoutWhatIsNeeded:
    def test_without_the_vault_nothing_personal_is_proven(self, sealed_log):
        with pytest.raises(MisuseError, match="keys that only the log's vault has"):
            proof_of(sealed_log, vault=None)

    def test_vault_may_be_given_as_a_folder(self, sealed_log):
        assert proof_of(sealed_log, vault=sealed_log.vault_folder).document == proof_of(sealed_log).document

    def test_unsealed_log_proves_nothing(self, make_log):
        with pytest.raises(MisuseError, match="not sealed"):
            prove(open_store(make_log()), "p-001")

    def test_unknown_id(self, sealed_log):
        with pytest.raises(NotFoundError):
            proof_of(sealed_log, "p-999")

    def test_unknown_field_is_named(self, sealed_log):
        with pytest.raises(MisuseError, match="There is no column age, size to show"):
            proof_of(sealed_log, fields=["age", "decision", "size"])

    def test_row_that_was_changed_is_not_proven(self, sealed_log, small_log):
        path = sealed_log.files("predictions")[1]
        sealed_log.rewrite(path, lambda frame: frame.with_columns(decision=small_log.pl.lit("x")))
        with pytest.raises(LogError, match="changed after it was sealed"):
            proof_of(sealed_log)

    def test_row_keys_of_another_log_are_noticed(self, sealed_log, small_log, tmp_path):
        (tmp_path / "other").mkdir()
        other = small_log.make(tmp_path / "other")
        for own, foreign in zip(
            sorted(sealed_log.vault_folder.rglob("*.keys")), sorted(other.vault_folder.rglob("*.keys")), strict=True
        ):
            own.write_bytes(foreign.read_bytes())
        with pytest.raises(LogError, match="the vault's keys are not its own"):
            proof_of(sealed_log)


class TestAfterWhatHappensToALog:
    def test_proof_made_before_still_holds_and_one_made_after_compaction_too(self, sealed_log):
        before = proof_of(sealed_log)
        with sealed_log.writer() as writer:
            assert len(compact(writer)) == 2
        after = proof_of(sealed_log)
        assert before.document.records[0].row_bytes == after.document.records[0].row_bytes
        assert before.document.records[0].path == after.document.records[0].path
        for proof in (before, after):
            assert verified(sealed_log, proof) == ("UNANCHORED", [])

    def test_erased_values_are_withheld_and_the_row_is_proven_all_the_same(self, sealed_log):
        with sealed_log.writer() as writer:
            erase(writer, subject_id="subject-1", actor="dpo", reason="art. 17")
        proof = proof_of(sealed_log)
        assert verified(sealed_log, proof) == ("UNANCHORED", [])
        assert {"subject_id", "outputs", "decision"} <= set(proof.withheld["predictions"])
        assert values_of(proof)["model_version"] == Value("s", "1")
        assert "income" in proof.withheld["inputs/loans"]
        assert b"subject-1" not in proof.to_bytes()
        assert proof_of(sealed_log, vault=None).to_bytes() == proof.to_bytes()

    def test_rows_beside_erased_ones_stay_provable(self, sealed_log):
        with sealed_log.writer() as writer:
            erase(writer, subject_id="subject-1", actor="dpo", reason="art. 17")
            compact(writer)
        for prediction_id in ("p-012", "p-013", "p-014"):
            assert verified(sealed_log, proof_of(sealed_log, prediction_id)) == ("UNANCHORED", [])

    def test_key_chain_leads_from_the_pinned_key_through_each_day(self, sealed_log, small_log):
        for day in (1, 2, 5):
            sealed_log.clock.now = small_log.BEGAN + timedelta(days=day)
            with sealed_log.writer() as writer:
                writer.append({"predictions": small_log.some_predictions(30 + 5 * day, 35 + 5 * day)})
        for prediction_id in ("p-013", "p-042", "p-056"):
            proof = proof_of(sealed_log, prediction_id)
            assert len(proof.document.key_chain) == 3
            assert verified(sealed_log, proof) == ("UNANCHORED", [])

    def test_snapshot_that_was_opened_is_the_one_proven(self, sealed_log, small_log):
        store = open_store(sealed_log.folder)
        with sealed_log.writer() as writer:
            writer.append({"predictions": small_log.some_predictions(30, 35)})
        proof = prove(store, "p-013", vault=sealed_log.vault)
        assert parse_checkpoint(proof.document.checkpoint).checkpoint.size == 21
        assert verified(sealed_log, proof) == ("UNANCHORED", [])

    def test_proof_is_under_the_newest_cosigned_checkpoint_that_covers_it(self, sealed_log, small_log):
        witness = SigningKey.generate("witness.example")
        (key,) = sealed_log.trust.keys
        request = WitnessRequest(0, (), (sealed_log.folder / "checkpoint").read_bytes())
        seen = witness_checkpoint(request, None, [key.public], witness, datetime(2026, 3, 4, 10, 0, tzinfo=UTC))
        (sealed_log.folder / "anchors").mkdir()
        (sealed_log.folder / "anchors" / "21.cosigned").write_bytes(seen.note.to_bytes())
        with sealed_log.writer() as writer:
            writer.append({"predictions": small_log.some_predictions(30, 35)})
        trust = Trust((key, TrustedKey(witness.cosigner, "witness", "*")), "trust.toml")
        assert verified(sealed_log, proof_of(sealed_log), trust) == ("VERIFIED", [])
        assert verified(sealed_log, proof_of(sealed_log, "p-032"), trust) == ("UNANCHORED", [])

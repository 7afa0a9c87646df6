"""Attacks 10, 11, 12, 32 and 33 on proofs that a real log gave: each is refused by the light verifier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit_lab.log.erasure.erasure import erase
from audit_lab.log.proof import prove
from audit_lab.log.store import open_store
from audit_lab.seal.disclosure import disclosure_bytes, parse_disclosure
from audit_lab.seal.merkle import node_hash
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.seal.values import Value, value_bytes
from audit_lab.verifier.record_proof import examine_record_proof


def documents(log, *prediction_ids):
    store, vault = open_store(log.folder), log.vault
    return [prove(store, each, vault=vault).document for each in prediction_ids]


@pytest.fixture(scope="module")
def two(sealed_log_once):
    return documents(sealed_log_once, "p-013", "p-014")


@pytest.fixture
def found(sealed_log_once):
    def codes(document, trust=None):
        report = examine_record_proof(document.to_bytes(), trust or sealed_log_once.trust)
        return report.verdict, {finding.code for finding in report.findings}

    return codes


def first(document, **changes):
    record, *rest = document.records
    return replace(document, records=(replace(record, **changes), *rest))


def other_value(disclosure, value):
    parsed = parse_disclosure(disclosure)
    return disclosure_bytes(parsed.salt, parsed.name, value_bytes(value))


def with_disclosure(document, name, change):
    record = document.records[0]
    shown = tuple(change(each) if parse_disclosure(each).name == name else each for each in record.disclosures)
    return first(document, disclosures=shown)


def test_clean_proofs_hold(two, found):
    for document in two:
        assert found(document) == ("UNANCHORED", set())


class TestInclusion:
    """Attack 11."""

    def test_proof_of_another_row(self, two, found):
        one, other = two
        assert found(first(one, row_bytes=other.records[0].row_bytes, disclosures=other.records[0].disclosures)) == (
            "FAILED",
            {"proof.root-differs", "record-proof.id-differs"},
        )

    def test_other_index(self, two, found):
        assert found(first(two[0], row=4)) == ("FAILED", {"proof.root-differs"})

    def test_index_beyond_the_segment(self, two, found):
        assert found(first(two[0], row=10)) == ("FAILED", {"proof.index-out-of-range"})

    def test_truncated_path(self, two, found):
        assert found(first(two[0], path=two[0].records[0].path[:-1])) == ("FAILED", {"proof.too-short"})

    def test_lengthened_path(self, two, found):
        assert found(first(two[0], path=(*two[0].records[0].path, b"h" * 32))) == ("FAILED", {"proof.too-long"})

    def test_path_in_another_order(self, two, found):
        assert found(first(two[0], path=two[0].records[0].path[::-1])) == ("FAILED", {"proof.root-differs"})

    def test_statement_of_another_segment(self, sealed_log_once, two, found):
        (other,) = documents(sealed_log_once, "p-003")
        there = other.records[0]
        moved = first(two[0], statement=there.statement, entry_index=there.entry_index, entry_path=there.entry_path)
        assert found(moved) == ("FAILED", {"record-proof.statement-differs", "proof.root-differs"})

    def test_other_entry_index(self, two, found):
        assert found(first(two[0], entry_index=two[0].records[0].entry_index - 1)) == ("FAILED", {"proof.root-differs"})

    def test_proof_for_another_size(self, sealed_log, two, found):
        with sealed_log.writer() as writer:
            writer.heartbeat()
        (grown,) = documents(sealed_log, "p-013")
        assert found(grown) == ("UNANCHORED", set())
        for document, checkpoint in ((two[0], grown.checkpoint), (grown, two[0].checkpoint)):
            verdict, codes = found(replace(document, checkpoint=checkpoint))
            assert verdict == "FAILED"
            assert codes <= {"proof.root-differs", "proof.too-short", "proof.too-long"}

    def test_node_passed_off_as_a_row(self, two, found):
        """Attack 10: the path shortened by one level, the row's bytes those of a node."""
        record = two[0].records[0]
        assert record.row % 2 == 1
        forged = first(two[0], row_bytes=b"\1" + record.path[0] + b"x" * 32, path=record.path[1:], row=record.row // 2)
        with pytest.raises(Exception, match="refused"):
            found(forged)
        assert node_hash(record.path[0], b"x" * 32) != record.path[0]


class TestFields:
    """Attack 12, and a disclosure moved to another record (33)."""

    def test_altered_field(self, two, found):
        changed = with_disclosure(two[0], "decision", lambda each: other_value(each, Value("s", "deny")))
        assert found(changed) == ("FAILED", {"disclosure.unmatched"})

    def test_salt_of_another_field(self, two, found):
        record = two[0].records[0]
        salt = parse_disclosure(record.disclosures[0]).salt
        forged = with_disclosure(
            two[0], "decision", lambda each: disclosure_bytes(salt, "decision", value_bytes(Value("s", "approve")))
        )
        assert found(forged)[1] & {"disclosure.salt-reused", "disclosure.unmatched"}

    def test_disclosure_moved_to_another_record(self, two, found):
        one, other = two
        moved = [each for each in other.records[0].disclosures if parse_disclosure(each).name == "decision"]
        assert found(with_disclosure(one, "decision", lambda each: moved[0])) == ("FAILED", {"disclosure.unmatched"})

    def test_disclosure_under_the_name_of_another_field(self, two, found):
        def renamed(each):
            parsed = parse_disclosure(each)
            return disclosure_bytes(parsed.salt, "environment", value_bytes(parsed.value))

        assert found(with_disclosure(two[0], "decision", renamed))[1] & {
            "disclosure.unmatched",
            "disclosure.duplicate-name",
        }

    @pytest.mark.parametrize("guess", ["approve", "deny"])
    def test_erased_field_restored_with_a_guess(self, sealed_log, found, guess):
        (before,) = documents(sealed_log, "p-013")
        with sealed_log.writer() as writer:
            erase(writer, prediction_ids=["p-013"], actor="dpo", reason="art. 17")
        (after,) = documents(sealed_log, "p-013")
        assert found(after) == ("UNANCHORED", set())
        names = {parse_disclosure(each).name for each in after.records[0].disclosures}
        assert "decision" not in names
        forged = disclosure_bytes("0" * 32, "decision", value_bytes(Value("s", guess)))
        record = after.records[0]
        assert found(first(after, disclosures=(*record.disclosures, forged))) == ("FAILED", {"disclosure.unmatched"})
        # What was handed out before the erasure proves what it proved: nobody can take that back.
        assert found(before) == ("UNANCHORED", set())

    def test_row_bytes_altered(self, two, found):
        content = two[0].records[0].row_bytes
        flipped = content[:-1] + (b"0" if content[-1:] != b"0" else b"1")
        assert found(first(two[0], row_bytes=flipped))[1] >= {"proof.root-differs"}


class TestOrigin:
    """Attack 32."""

    def test_proof_from_another_log_that_has_the_same_key_bytes(self, two, found, sealed_log_once):
        key = sealed_log_once.trust.keys[0].public
        other = Trust((TrustedKey(replace(key, name="demonstration-cards/log"), "log", "*"),), "trust.toml")
        assert found(two[0], other) == ("FAILED", {"signature.wrong-origin"})

    def test_proof_of_one_log_under_the_checkpoint_of_another(self, two, found, small_log, tmp_path):
        other = small_log.make(tmp_path)
        (foreign,) = documents(other, "p-013")
        report = found(replace(two[0], checkpoint=foreign.checkpoint), other.trust)
        assert report[0] == "FAILED"
        assert "proof.root-differs" in report[1]

    def test_key_that_nobody_pinned(self, two, found):
        assert found(two[0], Trust((), "empty")) == ("FAILED", {"signature.key-not-trusted"})

    def test_reader_who_means_another_log(self, two, sealed_log_once):
        report = examine_record_proof(two[0].to_bytes(), sealed_log_once.trust, origin="cards.example/log")
        assert "record-proof.wrong-origin" in {finding.code for finding in report.findings}

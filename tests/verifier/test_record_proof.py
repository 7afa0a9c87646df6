"""The light check of a record proof: the good one passes, and each attack gets its finding."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import IntegrityError
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.cosignature import cosignature_line, cosigned_note
from audit_lab.seal.disclosure import committed_row, disclosure_bytes, field_digest, field_salt
from audit_lab.seal.entry_kinds import GenesisEntry, HeartbeatEntry, RotateEntry, SegmentEntry
from audit_lab.seal.key_chain import KeyLink
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import MemoryTree, consistency_path, inclusion_path, leaf_hash, node_hash
from audit_lab.seal.note import NoteSignature, format_note, sign_note
from audit_lab.seal.proof_document import ProvenRecord, RecordProof
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.seal.values import Value, value_bytes
from audit_lab.verifier import examine_record_proof, verify_record_proof

ORIGIN = "a.example/log"
COMMON = {"origin": ORIGIN, "sealed_at": "2026-03-01T12:00:00.000000Z"}
SEEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
PREDICTIONS = (("prediction_id", "str"), ("score", "f64"), ("subject_id", "str"))
MODELS = (("model_name", "str"), ("threshold", "f64"))


def signing_key(name, seed):
    return SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


LOG, NEXT, STRANGER = signing_key(ORIGIN, 1), signing_key(ORIGIN, 2), signing_key(ORIGIN, 3)
WITNESS, OTHER_WITNESS = signing_key("w.example/w", 4), signing_key("v.example/v", 5)


def text(value):
    return value_bytes(Value("s", value))


def number(value):
    return value_bytes(Value("d", int.from_bytes(struct.pack(">d", value), "big")))


def prediction_fields(row, score=None):
    return {
        "prediction_id": text(f"p-{row}"),
        "score": number(row / 8 if score is None else score),
        "subject_id": text(f"customer {row}"),
    }


def row_key(segment, row):
    return hashlib.sha256(f"{segment} {row}".encode()).digest()


def disclosures_of(key, fields):
    return {name: disclosure_bytes(field_salt(key, name), name, value) for name, value in fields.items()}


class Segment:
    """A segment of a made-up log: its rows, what can be disclosed of each, and its statement."""

    def __init__(self, table, name, schema, rows, *, disclosed=None, origin=ORIGIN):
        self.rows, self.disclosed = rows, disclosed
        self.tree = MemoryTree(leaf_hash(row) for row in rows)
        self.statement = SegmentEntry(
            **{**COMMON, "origin": origin},
            table=table,
            segment=name,
            schema=schema,
            schema_sha256=hashlib.sha256(json.dumps(schema, separators=(",", ":")).encode()).hexdigest(),
            commitment="plain" if disclosed is None else "fields",
            rows=len(rows),
            rows_root=self.tree.root().hex(),
            leaves_sha256="0" * 64,
            first_time=None,
            last_time=None,
            writer_id="writer",
            first_sequence=None,
            last_sequence=None,
        )


def predictions(name, rows, origin=ORIGIN):
    disclosed = [disclosures_of(row_key(name, row), prediction_fields(row)) for row in rows]
    committed = [committed_row([field_digest(shown[column]) for column, _ in PREDICTIONS]) for shown in disclosed]
    return Segment("predictions", name, PREDICTIONS, committed, disclosed=disclosed, origin=origin)


def models(origin=ORIGIN):
    rows = [b"r2:" + text(f"loans {row}") + number(0.5) for row in range(3)]
    return Segment("model_versions", "m1", MODELS, rows, origin=origin)


class Log:
    """A made-up log: genesis, segments, perhaps a rotation, a heartbeat; and proofs of its records."""

    def __init__(self, *, origin=ORIGIN, key=LOG, new_key=None, sealed_from="creation"):
        self.origin, self.signer = origin, new_key or key
        self.segments = [predictions("s1", range(13), origin), predictions("s2", range(13, 21), origin), models(origin)]
        source = "" if sealed_from == "creation" else "manifest.json"
        self.entries = [
            GenesisEntry(
                **{**COMMON, "origin": origin},
                log_key=key.public,
                schema_version=2,
                sealed_from=sealed_from,
                source=source,
                description="",
                notes=(),
                tolerance="0",
            ).to_bytes(),
            *(segment.statement.to_bytes() for segment in self.segments),
        ]
        self.rotation = None
        if new_key is not None:
            epoch = {"origin": origin, "sealed_at": "2026-03-02T00:00:00.000000Z"}
            self.entries.append(RotateEntry(**epoch, new_key=new_key.public, epoch="2026-03-02").to_bytes())
            self.rotation = (len(self.entries) - 1, self.note(key=key))
        beat = HeartbeatEntry(origin=origin, sealed_at="2026-03-02T00:00:00.000000Z").to_bytes()
        self.entries += [beat, beat, beat]

    @property
    def tree(self):
        return MemoryTree(map(leaf_hash, self.entries))

    def note(self, key=None):
        tree = self.tree
        return sign_checkpoint(Checkpoint(self.origin, tree.size, tree.root()), key or self.signer)

    def path(self, index):
        return tuple(inclusion_path(self.tree, index, self.tree.size))

    def record(self, segment, row, shown=("prediction_id", "score")):
        held = self.segments[segment]
        statement = held.statement
        disclosures = () if held.disclosed is None else tuple(held.disclosed[row][name] for name in shown)
        return ProvenRecord(
            table=statement.table,
            segment=statement.segment,
            row=row,
            commitment=statement.commitment,
            schema=statement.schema,
            row_bytes=held.rows[row],
            disclosures=disclosures,
            path=tuple(inclusion_path(held.tree, row, len(held.rows))),
            statement=self.entries[segment + 1],
            entry_index=segment + 1,
            entry_path=self.path(segment + 1),
        )

    def links(self):
        if self.rotation is None:
            return ()
        index, note = self.rotation
        tree = self.tree
        path, growth = inclusion_path(tree, index, index + 1), consistency_path(tree, index + 1, tree.size)
        return (KeyLink(self.entries[index], index, note, tuple(path), tuple(growth)),)

    def proof(self, **changes):
        members = {
            "origin": self.origin,
            "prediction_id": "p-5",
            "checkpoint": self.note(),
            "genesis": self.entries[0],
            "genesis_path": self.path(0),
            "key_chain": self.links(),
            **changes,
        }
        if "records" not in changes:
            members["records"] = (self.record(0, 5), self.record(2, 1))
        return RecordProof(**members)


@pytest.fixture(scope="module")
def log():
    return Log()


def pinned(key, role="log", origin=ORIGIN, revoked_from=None):
    return TrustedKey(key.public if role == "log" else key.cosigner, role, origin, revoked_from)


TRUST = Trust((pinned(LOG), pinned(WITNESS, "witness", "*")), "trust.toml")


def codes(proof, trust=TRUST, **options):
    content = proof if isinstance(proof, bytes) else proof.to_bytes()
    report = examine_record_proof(content, trust, **options)
    assert report.holds == (not report.findings)
    return [finding.code for finding in report.findings]


def cosigned(proof, *witnesses, at=SEEN):
    note = parse_checkpoint(proof.checkpoint).note
    for witness in witnesses:
        note = cosigned_note(note, cosignature_line(note.body, witness, at))
    return replace(proof, checkpoint=note.to_bytes())


def with_record(proof, number, **changes):
    records = list(proof.records)
    records[number] = replace(records[number], **changes)
    return replace(proof, records=tuple(records))


# The good proof.


def test_a_good_proof_without_a_witness_is_unanchored(log):
    report = verify_record_proof(log.proof().to_bytes(), TRUST)
    assert report.verdict == Verdict.UNANCHORED
    assert report.subject == "record proof of 'p-5' from 'a.example/log' at size 7"
    assert report.anchors == ()
    assert report.signers == (f"a.example/log (key id {LOG.public.key_id[:16]})",)
    assert any("could have made it today" in note for note in report.notes)


def test_a_good_proof_that_a_pinned_witness_saw_is_verified(log):
    report = verify_record_proof(cosigned(log.proof(), WITNESS).to_bytes(), TRUST, require_anchor=True)
    assert report.verdict == Verdict.VERIFIED
    assert report.anchors == ("seen by the witness w.example/w on 2026-03-01 12:30:00 UTC, by its clock",)
    assert not any("could have made it today" in note for note in report.notes)


def test_what_no_proof_shows_is_said_every_time(log):
    for proof in (log.proof().to_bytes(), cosigned(log.proof(), WITNESS).to_bytes(), b"{}"):
        said = " ".join(examine_record_proof(proof, TRUST).not_checked)
        for phrase in ("only records", "never logged", "not disclosed", "truth of the records"):
            assert phrase in said


def test_every_row_of_every_segment_can_be_proven(log):
    for segment, held in enumerate(log.segments):
        for row in range(len(held.rows)):
            prediction_id = "p-5" if held.disclosed is None else f"p-{row + 13 * segment}"
            proof = log.proof(prediction_id=prediction_id, records=(log.record(segment, row),))
            assert codes(proof) == []


def test_any_subset_of_fields_can_be_shown(log):
    for shown in (["prediction_id"], ["subject_id", "prediction_id"], ["score", "subject_id", "prediction_id"]):
        assert codes(log.proof(records=(log.record(0, 5, shown),))) == []


def test_a_log_sealed_on_arrival_says_so():
    report = verify_record_proof(Log(sealed_from="arrival").proof().to_bytes(), TRUST)
    assert any("sealed on arrival, on 2026-03-01T12:00:00.000000Z" in note for note in report.notes)


# Signatures.


def test_without_a_pinned_key_nothing_is_accepted(log):
    assert codes(log.proof(), Trust()) == ["signature.key-not-trusted"]
    assert codes(log.proof(), None) == ["signature.key-not-trusted"]
    assert codes(cosigned(log.proof(), WITNESS), Trust((pinned(WITNESS, "witness"),))) == ["signature.key-not-trusted"]


def test_a_checkpoint_by_another_key_of_the_same_name_is_not_accepted(log):
    assert codes(log.proof(checkpoint=log.note(STRANGER))) == ["signature.key-not-trusted"]


def test_a_log_key_is_accepted_in_its_role_and_for_its_origin_only(log):
    for role in ("investigator", "sign-off", "timestamp"):
        trust = Trust((replace(pinned(LOG), role=role),))
        assert codes(log.proof(), trust) == ["signature.key-not-trusted"]
    assert codes(log.proof(), Trust((pinned(LOG, origin="*"),))) == []
    assert codes(log.proof(), Trust((pinned(LOG, origin="b.example/log"),))) == ["signature.wrong-origin"]


def test_a_proof_from_another_log_with_the_same_key_is_named():
    twin = signing_key("b.example/log", 1)
    assert twin.public.raw == LOG.public.raw
    theirs = Log(origin="b.example/log", key=twin).proof()
    both = Trust((pinned(LOG), pinned(twin, origin="b.example/log")))
    assert codes(theirs, both) == []
    assert codes(theirs, both, origin="b.example/log") == []
    assert codes(theirs) == ["signature.wrong-origin"]
    assert codes(theirs, both, origin=ORIGIN) == ["record-proof.wrong-origin"]
    assert codes(replace(theirs, origin=ORIGIN), both) == ["record-proof.wrong-origin"]


def test_a_log_cannot_sign_for_another(log):
    theirs = Log(origin="b.example/log", key=signing_key("b.example/log", 1))
    note = sign_note(Checkpoint("b.example/log", theirs.tree.size, theirs.tree.root()).body, [LOG])
    assert codes(theirs.proof(checkpoint=note)) == ["signature.wrong-origin"]


def test_records_of_another_log_with_the_same_key_are_named(log):
    theirs = Log(origin="b.example/log", key=signing_key("b.example/log", 1))
    note = sign_note(Checkpoint(ORIGIN, theirs.tree.size, theirs.tree.root()).body, [LOG])
    found = codes(theirs.proof(origin=ORIGIN, checkpoint=note))
    assert found == ["record-proof.wrong-origin"] * 3  # genesis, and the statements of both records


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda note: note.replace(b"\n7\n", b"\n8\n"), "note.signature-invalid"),
        (lambda note: note[:-1], "note.no-final-newline"),
        (lambda note: note.replace(b"\n", b"\r\n"), "note.carriage-return"),
        (lambda note: note + note.splitlines(keepends=True)[-1], "note.duplicate-signature"),
        (lambda note: note.replace(b"\n\n", b"\nmore\n\n"), "checkpoint.malformed"),
        (lambda note: note[:-4] + b"?" * 3 + b"\n", "note.not-base64"),
    ],
)
def test_a_changed_checkpoint_is_refused(log, change, code):
    proof = log.proof()
    assert code in codes(replace(proof, checkpoint=change(proof.checkpoint)))


def test_a_revoked_key_counts_only_for_what_a_witness_saw_before(log):
    before, after = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    witness = pinned(WITNESS, "witness")
    plain, seen = log.proof(), cosigned(log.proof(), WITNESS)
    assert codes(plain, Trust((pinned(LOG, revoked_from=after), witness))) == ["signature.key-revoked"]
    assert codes(seen, Trust((pinned(LOG, revoked_from=before), witness))) == ["signature.key-revoked"]
    held = Trust((pinned(LOG, revoked_from=after), witness))
    assert codes(seen, held) == []
    assert any(
        note.endswith("is revoked from 2026-04-01T00:00:00+00:00; an accepted witness saw the checkpoint before")
        for note in examine_record_proof(seen.to_bytes(), held).notes
    )


def test_a_demonstration_key_is_named_as_one():
    key = signing_key("demonstration-log", 9)
    log = Log(origin="demonstration-log", key=key)
    report = verify_record_proof(log.proof().to_bytes(), Trust((pinned(key, origin="*"),)))
    assert any("demonstration-log is a demonstration key" in note for note in report.notes)


# The keys of later days.


def test_a_later_key_is_accepted_by_way_of_the_first():
    log = Log(new_key=NEXT)
    report = verify_record_proof(log.proof().to_bytes(), TRUST)
    assert report.signers == (f"a.example/log (key id {NEXT.public.key_id[:16]})",)


def test_a_reader_who_pinned_the_later_key_needs_no_chain():
    log = Log(new_key=NEXT)
    trust = Trust((pinned(NEXT),))
    assert codes(log.proof(), trust) == []
    assert codes(log.proof(key_chain=()), trust) == []


def test_a_later_key_without_the_chain_is_not_accepted():
    assert codes(Log(new_key=NEXT).proof(key_chain=())) == ["signature.key-not-trusted"]


def test_a_chain_of_keys_of_which_none_is_pinned_is_not_followed():
    assert codes(Log(new_key=NEXT).proof(), Trust()) == ["signature.key-not-trusted"]


def test_a_stranger_cannot_introduce_himself():
    forged = Log(new_key=STRANGER)
    index, _ = forged.rotation
    tree = MemoryTree(map(leaf_hash, forged.entries[: index + 1]))
    own = sign_checkpoint(Checkpoint(ORIGIN, tree.size, tree.root()), STRANGER)
    link = replace(forged.links()[0], checkpoint=own)
    assert codes(forged.proof(key_chain=(link,))) == ["key-chain.not-vouched-for"]


def test_the_old_key_signs_nothing_after_its_rotation():
    log = Log(new_key=NEXT)
    assert codes(log.proof(checkpoint=log.note(LOG))) == ["signature.key-retired"]


# Witnesses.


def test_a_witness_that_is_not_pinned_anchors_nothing(log):
    report = examine_record_proof(cosigned(log.proof(), OTHER_WITNESS).to_bytes(), TRUST)
    assert report.verdict == Verdict.UNANCHORED
    assert "1 further signature lines do not count: they are of no accepted witness" in report.notes


def test_a_pinned_witness_of_another_log_anchors_nothing(log):
    trust = Trust((pinned(LOG), pinned(WITNESS, "witness", "b.example/log")))
    assert examine_record_proof(cosigned(log.proof(), WITNESS).to_bytes(), trust).verdict == Verdict.UNANCHORED


def test_a_revoked_witness_anchors_nothing(log):
    trust = Trust((pinned(LOG), pinned(WITNESS, "witness", "*", datetime(2027, 1, 1, tzinfo=UTC))))
    report = examine_record_proof(cosigned(log.proof(), WITNESS).to_bytes(), trust)
    assert report.verdict == Verdict.UNANCHORED
    assert "w.example/w is revoked, so that its cosignature anchors nothing" in report.notes


def test_a_log_cannot_be_its_own_witness(log):
    own = SigningKey("w.example/own", LOG.private)
    trust = Trust((pinned(LOG), pinned(own, "witness", "*")))
    report = examine_record_proof(cosigned(log.proof(), own).to_bytes(), trust)
    assert report.verdict == Verdict.UNANCHORED
    assert "w.example/own has the key of a log, and is no independent witness" in report.notes


def test_a_demonstration_witness_anchors_nothing(log):
    witness = signing_key("demonstration-witness", 8)
    trust = Trust((pinned(LOG), pinned(witness, "witness", "*")))
    report = examine_record_proof(cosigned(log.proof(), witness).to_bytes(), trust)
    assert report.verdict == Verdict.UNANCHORED
    assert any("demonstration-witness is a demonstration key" in note for note in report.notes)


def test_a_key_counts_in_the_role_of_its_kind_only(log):
    """A trust file gives no such entry; whoever calls the verifier may."""
    as_log = TrustedKey(WITNESS.cosigner, "log", ORIGIN)
    seen = cosigned(log.proof(), WITNESS)
    assert examine_record_proof(seen.to_bytes(), Trust((pinned(LOG), as_log))).verdict == Verdict.UNANCHORED
    as_witness = TrustedKey(LOG.public, "witness", "*")
    assert codes(log.proof(), Trust((pinned(LOG), as_witness))) == []
    own = cosigned(log.proof(), LOG)
    assert codes(own, Trust((TrustedKey(LOG.cosigner, "log", ORIGIN),))) == ["signature.key-not-trusted"]


def test_two_entries_of_one_witness_are_one_witness(log):
    trust = Trust((pinned(LOG), pinned(WITNESS, "witness", "*"), pinned(WITNESS, "witness", ORIGIN)))
    assert len(examine_record_proof(cosigned(log.proof(), WITNESS).to_bytes(), trust).anchors) == 1


def test_a_cosignature_that_a_pinned_witness_did_not_make_is_a_finding(log):
    proof = cosigned(log.proof(), WITNESS)
    note = parse_checkpoint(proof.checkpoint).note
    moved = cosignature_line(b"another text\n", WITNESS, SEEN)
    forged = replace(proof, checkpoint=format_note(note.body, (note.signatures[0], moved)))
    assert codes(forged) == ["cosignature.invalid"]
    short = NoteSignature(moved.name, moved.key_hash, b"x")
    assert codes(replace(proof, checkpoint=format_note(note.body, (note.signatures[0], short)))) == [
        "cosignature.malformed"
    ]


def test_a_witness_cannot_have_seen_what_was_sealed_later(log):
    early = datetime(2026, 3, 1, 11, 54, tzinfo=UTC)
    assert codes(cosigned(log.proof(), WITNESS, at=early)) == ["cosignature.before-data"] * 2
    assert codes(cosigned(log.proof(), WITNESS, at=early.replace(minute=56))) == []


@pytest.mark.parametrize("first", [WITNESS, OTHER_WITNESS], ids=lambda key: key.name)
def test_of_two_witnesses_the_one_that_saw_it_first_counts(log, first):
    second = WITNESS if first is OTHER_WITNESS else OTHER_WITNESS
    accepted = [pinned(WITNESS, "witness"), pinned(OTHER_WITNESS, "witness")]
    early, revoked_from = datetime(2026, 3, 1, 11, 54, tzinfo=UTC), datetime(2026, 3, 1, 12, 15, tzinfo=UTC)
    seen = cosigned(cosigned(log.proof(), second), first, at=early.replace(minute=56))
    assert codes(seen, Trust((pinned(LOG, revoked_from=revoked_from), *accepted))) == []
    before = cosigned(cosigned(log.proof(), second), first, at=early)
    assert codes(before, Trust((pinned(LOG), *accepted))) == ["cosignature.before-data"] * 2


def test_an_anchor_can_be_demanded(log):
    assert codes(log.proof(), require_anchor=True) == ["anchor.missing"]
    with pytest.raises(IntegrityError, match=r"anchor\.missing"):
        verify_record_proof(log.proof().to_bytes(), TRUST, require_anchor=True)


# Entries and rows.


@pytest.mark.parametrize(
    ("change", "found"),
    [
        # Another row, another index, a path cut or lengthened, another size.
        ({"row": 6}, ["proof.root-differs"]),
        ({"row": 13}, ["proof.index-out-of-range"]),
        ({"path": ()}, ["proof.too-short"]),
        ({"entry_index": 2}, ["proof.root-differs"]),
        ({"entry_index": 7}, ["proof.index-out-of-range"]),
        ({"entry_path": ()}, ["proof.too-short"]),
        ({"entry_path": (b"\x00" * 32,) * 4}, ["proof.too-long"]),
        # What stands beside the statement is not what was sealed.
        ({"table": "overrides"}, ["record-proof.statement-differs"]),
        ({"segment": "s2"}, ["record-proof.statement-differs"]),
        ({"commitment": "plain"}, ["record-proof.statement-differs"]),
        ({"schema": PREDICTIONS[:2]}, ["record-proof.statement-differs"]),
        ({"schema": (("prediction_id", "str"), ("score", "str"), ("subject_id", "str"))},
         ["record-proof.statement-differs"]),
        # The row.
        ({"row_bytes": b"k0:"}, ["proof.root-differs", "disclosure.columns-differ"]),
        ({"row_bytes": b""}, ["proof.root-differs", "disclosure.row-malformed"]),
        ({"disclosures": ()}, ["record-proof.id-not-shown"]),
    ],
)  # fmt: skip
def test_a_changed_record_is_refused(log, change, found):
    assert codes(log.proof()) == []
    assert codes(with_record(log.proof(), 0, **change)) == found


def test_another_statement_is_refused(log):
    proof = log.proof()
    other = replace(log.segments[0].statement, rows=14).to_bytes()
    assert "proof.root-differs" in codes(with_record(proof, 0, statement=other))
    assert codes(with_record(proof, 0, statement=log.entries[0], entry_index=0, entry_path=log.path(0))) == [
        "record-proof.no-statement"
    ]
    assert codes(with_record(proof, 0, statement=b"{}")) == ["proof.root-differs", "entry.malformed"]


def test_a_node_passed_off_as_a_row_is_refused(log):
    # The children of a node as the bytes of a row: the hash of a row begins otherwise than that of a node.
    tree = log.segments[2].tree
    left, right = tree.hashes(0, 0, 2)
    assert tree.hashes(1, 0, 1)[0] == node_hash(left, right)
    statement = replace(log.segments[2].statement, rows=2)
    as_text = "".join(map(chr, left + right)).encode()  # a row's bytes are text
    proof = with_record(log.proof(), 1, row=0, row_bytes=as_text, path=(tree.hashes(0, 2, 1)[0],))
    assert "proof.too-short" in codes(proof)
    proof = with_record(proof, 1, statement=statement.to_bytes())
    assert codes(proof)[:2] == ["proof.root-differs", "proof.root-differs"]


def test_a_genesis_of_another_log_is_refused(log):
    proof = log.proof()
    assert codes(replace(proof, genesis=Log(sealed_from="arrival").entries[0])) == ["proof.root-differs"]
    assert codes(replace(proof, genesis_path=())) == ["proof.too-short"]
    assert codes(replace(proof, genesis=log.entries[1])) == ["proof.root-differs"]
    swapped = Log()
    swapped.entries[0] = swapped.entries[-1]
    assert codes(swapped.proof()) == ["record-proof.wrong-origin"]


def test_the_same_record_twice_is_named(log):
    found = codes(log.proof(records=(log.record(0, 5), log.record(0, 5, ["prediction_id", "subject_id"]))))
    assert found == ["record-proof.duplicate-record"]


# What is disclosed.


def test_a_restored_guess_is_refused(log):
    """An erased field has its digest in the row and no salt that anybody knows: a guessed value does not fit."""
    proof = log.proof()
    guess = disclosure_bytes("0" * 32, "subject_id", text("customer 5"))
    shown = (*proof.records[0].disclosures, guess)
    assert codes(with_record(proof, 0, disclosures=shown)) == ["disclosure.unmatched"]


def test_an_altered_field_is_refused(log):
    proof = log.proof()
    shown = proof.records[0].disclosures
    altered = shown[1].replace(number(0.625), number(0.125))
    assert altered != shown[1]
    assert codes(with_record(proof, 0, disclosures=(shown[0], altered))) == ["disclosure.unmatched"]


def test_a_disclosure_moved_to_another_record_is_refused(log):
    proof = log.proof()
    others = log.record(0, 6).disclosures
    assert codes(with_record(proof, 0, disclosures=(proof.records[0].disclosures[0], others[1]))) == [
        "disclosure.unmatched"
    ]
    assert codes(with_record(proof, 1, disclosures=others)) == ["disclosure.unmatched"]


def test_a_field_disclosed_twice_or_renamed_is_refused(log):
    proof = log.proof()
    first = proof.records[0].disclosures[0]
    assert codes(with_record(proof, 0, disclosures=(first, first))) == ["disclosure.duplicate-digest"]
    renamed = first.replace(text("prediction_id"), text("subject_id"))
    assert codes(with_record(proof, 0, disclosures=(renamed,))) == ["disclosure.unmatched"]


def one_row_log(fields, schema=PREDICTIONS, *, salts=None):
    """Return a log whose first segment has one row, made by somebody who has the log's key."""
    log = Log()
    key = row_key("x", 0)
    salts = salts or {}
    shown = {
        name: disclosure_bytes(salts.get(name, field_salt(key, name)), name, value) for name, value in fields.items()
    }
    row = committed_row([field_digest(content) for content in shown.values()])
    log.segments[0] = Segment("predictions", "s1", schema, [row], disclosed=[shown])
    log.entries[1] = log.segments[0].statement.to_bytes()
    return log


def test_a_reused_salt_is_refused_even_from_the_log_itself():
    salts = {"score": "a" * 32, "subject_id": "a" * 32}
    log = one_row_log(prediction_fields(5), salts=salts)
    assert codes(log.proof(records=(log.record(0, 0, ["prediction_id", "score"]),))) == []
    shown = ["prediction_id", "score", "subject_id"]
    assert codes(log.proof(records=(log.record(0, 0, shown),))) == ["disclosure.salt-reused"]


def test_a_salt_reused_in_another_record_is_refused():
    log = Log()
    key = row_key("s2", 0)
    shown = disclosures_of(key, prediction_fields(5))
    shown["score"] = disclosure_bytes(field_salt(row_key("s1", 5), "score"), "score", number(0.25))
    row = committed_row([field_digest(shown[name]) for name, _ in PREDICTIONS])
    log.segments[1] = Segment("overrides", "s2", PREDICTIONS, [row], disclosed=[shown])
    log.entries[2] = log.segments[1].statement.to_bytes()
    assert codes(log.proof(records=(log.record(1, 0),))) == []
    assert codes(log.proof(records=(log.record(0, 5), log.record(1, 0)))) == ["disclosure.salt-reused"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("score", b"i1;"),
        ("score", text("0.625")),
        ("score", value_bytes(Value("e", 0))),
        ("subject_id", number(0.5)),
        ("prediction_id", b"i5;"),
    ],
)
def test_a_value_of_another_type_than_its_column_is_refused(column, value):
    log = one_row_log({**prediction_fields(5), column: value})
    record = log.record(0, 0, ["prediction_id", column] if column != "prediction_id" else [column])
    assert codes(log.proof(records=(record,))) == ["column-type.differs"]


def test_a_name_outside_the_schema_is_refused():
    log = one_row_log({**prediction_fields(5), "score": b"n;"}, schema=(*PREDICTIONS[:2], ("customer", "str")))
    assert codes(log.proof(records=(log.record(0, 0, ["prediction_id", "subject_id"]),))) == [
        "disclosure.field-differs"
    ]


def test_a_record_about_another_prediction_is_refused(log):
    assert codes(log.proof(prediction_id="p-6")) == ["record-proof.id-differs"]
    assert codes(log.proof(records=(log.record(0, 5), log.record(0, 6)))) == ["record-proof.id-differs"]
    composed, decomposed = "p-\u00e9", "p-e\u0301"
    other = one_row_log({**prediction_fields(5), "prediction_id": text(composed)})
    assert codes(other.proof(prediction_id=composed, records=(other.record(0, 0),))) == []
    assert codes(other.proof(prediction_id=decomposed, records=(other.record(0, 0),))) == ["record-proof.id-differs"]


def test_an_id_that_is_a_number_is_not_the_text_of_its_digits():
    schema = (("prediction_id", "decimal[9,0]"), *PREDICTIONS[1:])
    other = one_row_log({**prediction_fields(5), "prediction_id": value_bytes(Value("c", "5"))}, schema)
    assert codes(other.proof(prediction_id="5", records=(other.record(0, 0),))) == ["record-proof.id-differs"]


def test_a_plain_row_needs_no_disclosures_and_every_value_of_its_type(log):
    proof = log.proof()
    assert codes(with_record(proof, 1, disclosures=proof.records[0].disclosures)) == ["disclosure.unmatched"]
    broken = Log()
    row = b"r2:" + text("loans") + b"i1;"
    broken.segments[2] = Segment("model_versions", "m1", MODELS, [row])
    broken.entries[3] = broken.segments[2].statement.to_bytes()
    assert codes(broken.proof(records=(broken.record(2, 0),))) == ["column-type.differs"]


def test_two_fields_whose_contents_were_shifted_over_their_border_are_refused(log):
    proof = log.proof()
    row = log.segments[2].rows[1]
    assert row.startswith(b"r2:s7:loans 1")
    shifted = row.replace(b"s7:loans 1", b"s6:loans ")
    found = codes(with_record(proof, 1, row_bytes=shifted))
    assert found[0] == "proof.root-differs"


# Hostile documents.


def test_what_is_no_proof_is_refused():
    for content in (b"", b"{}", b"[" * 100_000, b"\xff", b'{"format":"audit_lab.record-proof/2"}'):
        report = examine_record_proof(content, TRUST)
        assert report.verdict == Verdict.REFUSED
        assert len(report.findings) == 1


def test_every_finding_is_collected(log):
    proof = log.proof(checkpoint=log.note(STRANGER), genesis_path=())
    proof = with_record(with_record(proof, 0, row=6, disclosures=()), 1, path=())
    assert codes(proof) == [
        "signature.key-not-trusted",
        "proof.too-short",
        "proof.root-differs",
        "record-proof.id-not-shown",
        "proof.too-short",
    ]


def test_a_long_or_hostile_id_is_shown_short_and_inert(log):
    hostile = "\x1b[2J<script>" + "x" * 1_000_000
    report = examine_record_proof(log.proof(prediction_id=hostile).to_bytes(), TRUST)
    assert [finding.code for finding in report.findings] == ["record-proof.id-differs"]
    assert len(report.subject) < 300
    assert len(str(report.findings[0])) < 600
    assert "\x1b" not in report.subject + str(report.findings[0])


def flipped(content, drawn):
    at, bit = drawn.draw(st.integers(0, len(content) - 1)), drawn.draw(st.integers(0, 7))
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_single_changed_bit_goes_unnoticed(log, drawn):
    assert codes(flipped(log.proof().to_bytes(), drawn)) != []


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_single_changed_bit_leaves_a_proof_verified(log, drawn):
    # A witness's line whose name was changed is the line of an unknown one: no finding, and no anchor.
    content = flipped(cosigned(log.proof(), WITNESS).to_bytes(), drawn)
    assert examine_record_proof(content, TRUST).verdict != Verdict.VERIFIED

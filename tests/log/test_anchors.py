"""What holds a log in time from outside, against a tree of nine entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.time_anchors.anchors import Anchoring
from audit_lab.log.time_anchors.remembered import Remembered, remembered_folder
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.cosignature import cosignature_line, cosigned_note
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import MemoryTree, leaf_hash
from audit_lab.seal.trust import Trust, TrustedKey

ORIGIN = "loans.example/log"
SEEN = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


@dataclass
class NineEntries:
    origin: str = ORIGIN
    tree: MemoryTree = field(default_factory=lambda: MemoryTree(leaf_hash(b"entry %d" % number) for number in range(9)))
    sealed: datetime = SEEN
    log_keys: frozenset = frozenset()

    @property
    def size(self):
        return self.tree.size

    def root(self, size):
        return self.tree.root(size)

    def sealed_at(self, size):
        return self.sealed


@pytest.fixture
def log_key():
    return SigningKey.generate(ORIGIN)


@pytest.fixture
def witness():
    return SigningKey.generate("witness.example")


@pytest.fixture
def anchoring():
    return Anchoring(NineEntries())


def note(log_key, size, root=None):
    return sign_checkpoint(Checkpoint(log_key.name, size, root or NineEntries().root(min(size, 9))), log_key)


def cosigned(content, witness, at=SEEN):
    found = parse_checkpoint(content).note
    return cosigned_note(found, cosignature_line(found.body, witness, at)).to_bytes()


def trusting(witness, **changed):
    values = {"public": witness.cosigner, "role": "witness", "origin": ORIGIN, **changed}
    return Trust((TrustedKey(**values),), "trust.toml")


def codes(anchoring):
    return [finding.code for finding in anchoring.findings]


class TestRemembered:
    def test_nothing_is_known_of_a_log_that_was_never_verified(self, anchoring, log_key, tmp_path):
        anchoring.check_remembered(log_key.public, Remembered(tmp_path / "none"), key_is_pinned=False)
        assert (anchoring.anchors, anchoring.findings) == ([], [])

    def test_smaller_remembered_checkpoint_of_this_history_is_an_anchor(self, anchoring, log_key, tmp_path):
        remembered = Remembered(tmp_path)
        remembered.keep(log_key.public, note(log_key, 5))
        anchoring.check_remembered(log_key.public, remembered, key_is_pinned=False)
        (anchor,) = anchoring.anchors
        assert (anchor.size, anchor.sees_truncation) == (5, True)
        assert anchor.sentence.startswith("5 of 9 entries, remembered from a verification on 20")

    def test_larger_remembered_checkpoint_shows_a_truncation(self, anchoring, log_key, tmp_path):
        Remembered(tmp_path).keep(log_key.public, note(log_key, 12, b"r" * 32))
        anchoring.check_remembered(log_key.public, Remembered(tmp_path), key_is_pinned=True)
        assert codes(anchoring) == ["log.truncated"]
        assert "the log has 9 entries; a checkpoint of 12 was remembered" in anchoring.findings[0].meaning

    def test_other_root_shows_a_fork(self, anchoring, log_key, tmp_path):
        Remembered(tmp_path).keep(log_key.public, note(log_key, 5, b"r" * 32))
        anchoring.check_remembered(log_key.public, Remembered(tmp_path), key_is_pinned=True)
        assert codes(anchoring) == ["log.forked"]

    def test_same_origin_under_another_key_is_told(self, anchoring, log_key, tmp_path):
        Remembered(tmp_path).keep(log_key.public, note(log_key, 5))
        successor = SigningKey.generate(ORIGIN)
        anchoring.check_remembered(successor.public, Remembered(tmp_path), key_is_pinned=False)
        assert codes(anchoring) == ["log.key-changed"]

    def test_same_origin_under_a_pinned_key_is_only_noted(self, anchoring, log_key, tmp_path):
        Remembered(tmp_path).keep(log_key.public, note(log_key, 5))
        anchoring.check_remembered(SigningKey.generate(ORIGIN).public, Remembered(tmp_path), key_is_pinned=True)
        assert (codes(anchoring), len(anchoring.notes)) == ([], 1)

    def test_other_logs_are_not_mixed_up(self, anchoring, tmp_path):
        other = SigningKey.generate("cards.example/log")
        Remembered(tmp_path).keep(other.public, note(other, 5))
        anchoring.check_remembered(SigningKey.generate(ORIGIN).public, Remembered(tmp_path), key_is_pinned=False)
        assert (anchoring.anchors, anchoring.findings, anchoring.notes) == ([], [], [])

    def test_smaller_checkpoint_never_replaces_a_larger_one(self, log_key, tmp_path):
        remembered = Remembered(tmp_path)
        remembered.keep(log_key.public, note(log_key, 7))
        remembered.keep(log_key.public, note(log_key, 5))
        assert remembered.recall(log_key.public) == Checkpoint(ORIGIN, 7, NineEntries().root(7))
        remembered.keep(log_key.public, note(log_key, 9))
        assert remembered.recall(log_key.public).size == 9

    def test_file_is_named_by_origin_and_first_key(self, log_key, tmp_path):
        other = SigningKey.generate(ORIGIN)
        paths = {Remembered(tmp_path).path(key.public) for key in (log_key, other)}
        assert len(paths) == 2
        assert all(path.parent == tmp_path and len(path.name) == len("0" * 64 + ".note") for path in paths)

    def test_damaged_file_is_not_taken_for_none(self, anchoring, log_key, tmp_path):
        remembered = Remembered(tmp_path)
        remembered.path(log_key.public).write_bytes(note(log_key, 5)[:-1])
        with pytest.raises(MisuseError, match="remembered checkpoint is damaged"):
            anchoring.check_remembered(log_key.public, remembered, key_is_pinned=True)

    def test_folder_that_cannot_be_written_is_told(self, log_key, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(MisuseError, match="cannot be remembered"):
            Remembered(tmp_path / "file" / "folder").keep(log_key.public, note(log_key, 5))

    def test_usual_folder_is_in_the_users_state_folder(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert remembered_folder() == tmp_path / "audit_lab" / "remembered"


class TestWitnesses:
    def test_cosignature_of_a_pinned_witness_is_an_anchor(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5), witness)
        anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
        (anchor,) = anchoring.anchors
        assert anchor.sentence == "5 of 9 entries, cosigned by witness.example on 2026-03-04 09:30 UTC"
        assert not anchor.sees_truncation

    def test_witness_that_the_reader_asked_sees_truncation(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 9), witness)
        anchoring.check_cosigned(content, "from the witness", trusting(witness), from_outside=True)
        assert anchoring.anchors[0].sees_truncation

    def test_witness_has_seen_more_entries(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 12, b"r" * 32), witness)
        anchoring.check_cosigned(content, "from the witness", trusting(witness), from_outside=True)
        assert codes(anchoring) == ["log.truncated"]

    def test_witness_has_seen_another_history(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5, b"r" * 32), witness)
        anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
        assert codes(anchoring) == ["log.forked"]

    def test_witness_that_nobody_pinned_proves_nothing(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5), witness)
        anchoring.check_cosigned(content, "anchors/5.cosigned", Trust(), from_outside=False)
        assert (anchoring.anchors, anchoring.findings) == ([], [])
        assert anchoring.not_checked == [
            "anchors/5.cosigned: no witness that cosigned it is accepted here (no trust file)"
        ]

    def test_witness_for_another_log_proves_nothing(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5), witness)
        trust = trusting(witness, origin="cards.example/log")
        anchoring.check_cosigned(content, "anchors/5.cosigned", trust, from_outside=False)
        assert (anchoring.anchors, len(anchoring.not_checked)) == ([], 1)

    def test_revoked_witness_proves_nothing(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5), witness)
        trust = trusting(witness, revoked_from=SEEN + timedelta(days=1))
        anchoring.check_cosigned(content, "anchors/5.cosigned", trust, from_outside=False)
        assert anchoring.anchors == []
        assert "revoked" in anchoring.notes[0]

    def test_demonstration_witness_is_named_as_one(self, anchoring, log_key):
        witness = SigningKey.generate("demonstration-witness")
        anchoring.check_cosigned(cosigned(note(log_key, 5), witness), "w", trusting(witness), from_outside=False)
        assert anchoring.notes == [
            "w: demonstration-witness is a demonstration key, and its cosignature proves nothing"
        ]
        assert (anchoring.anchors, anchoring.not_checked) == ([], [])

    def test_log_does_not_witness_itself(self, log_key, witness):
        anchoring = Anchoring(NineEntries(log_keys=frozenset({witness.public.raw})))
        anchoring.check_cosigned(cosigned(note(log_key, 5), witness), "w", trusting(witness), from_outside=False)
        assert anchoring.notes == ["w: witness.example has a key of the log itself, and is no independent witness"]
        assert anchoring.anchors == []

    def test_clocks_may_differ_by_minutes_and_no_more(self, anchoring, log_key, witness):
        for minutes, expected in ((4, []), (6, ["cosignature.before-data"])):
            content = cosigned(note(log_key, 5), witness, SEEN - timedelta(minutes=minutes))
            anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
            assert codes(anchoring) == expected
        assert len(anchoring.anchors) == 1

    def test_forged_cosignature_is_a_finding(self, anchoring, log_key, witness):
        impostor = SigningKey(witness.name, SigningKey.generate("x").private)
        found = parse_checkpoint(note(log_key, 5)).note
        line = cosignature_line(found.body, impostor, SEEN)
        forged = type(line)(line.name, witness.cosigner.key_hash, line.value)
        content = cosigned_note(found, forged).to_bytes()
        anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
        assert (codes(anchoring), anchoring.anchors) == (["cosignature.invalid"], [])

    def test_checkpoint_of_another_log_is_a_finding(self, anchoring, witness):
        other = SigningKey.generate("cards.example/log")
        content = cosigned(note(other, 5), witness)
        anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
        assert codes(anchoring) == ["anchor.wrong-origin"]

    def test_file_that_is_no_note_is_a_finding(self, anchoring, log_key, witness):
        content = cosigned(note(log_key, 5), witness)[:-1]
        anchoring.check_cosigned(content, "anchors/5.cosigned", trusting(witness), from_outside=False)
        assert codes(anchoring) == ["note.no-final-newline"]


class TestTimestamps:
    def test_token_over_the_stored_checkpoint_is_an_anchor(self, log_key, authority):
        anchoring = Anchoring(NineEntries(sealed=datetime.now(UTC)))
        content = note(log_key, 9)
        anchoring.check_stamped(authority.stamp(content), 9, content, [authority.authority])
        (anchor,) = anchoring.anchors
        assert anchor.sentence.startswith("9 of 9 entries, time-stamped by trusted-clock on 20")
        assert (anchor.size, anchor.sees_truncation) == (9, False)

    def test_token_for_other_bytes_is_refused(self, anchoring, log_key, authority):
        token = authority.stamp(note(log_key, 8))
        anchoring.check_stamped(token, 9, note(log_key, 9), [authority.authority])
        assert codes(anchoring) == ["timestamp.other-bytes"]
        assert anchoring.findings[0].file == "anchors/9.tsr"

    def test_token_from_an_unknown_authority_is_refused(self, anchoring, log_key, authority, other_authority):
        content = note(log_key, 9)
        anchoring.check_stamped(authority.stamp(content), 9, content, [other_authority.authority])
        assert codes(anchoring) == ["timestamp.authority-not-trusted"]

    def test_without_authorities_a_token_is_not_checked(self, anchoring, log_key, authority):
        content = note(log_key, 9)
        anchoring.check_stamped(authority.stamp(content), 9, content, [])
        assert anchoring.not_checked == ["anchors/9.tsr: no time-stamping authority is accepted here"]
        assert (anchoring.anchors, anchoring.findings) == ([], [])

    def test_token_from_before_the_data_is_refused(self, log_key, authority):
        anchoring = Anchoring(NineEntries(sealed=datetime.now(UTC) + timedelta(minutes=1)))
        content = note(log_key, 9)
        anchoring.check_stamped(authority.stamp(content), 9, content, [authority.authority])
        assert codes(anchoring) == ["timestamp.before-data"]

    def test_token_for_a_checkpoint_that_is_gone_is_a_finding(self, anchoring, authority):
        anchoring.check_stamped(authority.stamp(b"x"), 12, None, [authority.authority])
        assert codes(anchoring) == ["anchor.without-checkpoint"]

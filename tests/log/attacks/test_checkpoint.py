"""Attack 6: the checkpoint is rolled back, edited, or signed otherwise; and 10: the tree under it is forged."""

from __future__ import annotations

import base64
import shutil

import pytest

from audit_lab.log.folder import LogFolder
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import node_hash
from audit_lab.seal.note import NoteSignature, format_note, sign_note
from audit_lab.seal.tiles import format_entries, parse_entries


@pytest.fixture
def checkpoint(sealed_log):
    return sealed_log.folder / "checkpoint"


@pytest.fixture
def key(sealed_log):
    return sealed_log.vault.signing_key(sealed_log.trust.keys[0].public)


def edited(content, line, text):
    lines = content.decode().split("\n")
    lines[line] = text
    return "\n".join(lines).encode()


def codes(sealed_log, **options):
    report = sealed_log.report(**options)
    assert report.verdict == "REFUSED"
    return [(finding.code, finding.file) for finding in report.findings]


def test_clean_log_holds(sealed_log):
    assert sealed_log.found() == set()


class TestEditedWithoutTheKey:
    def test_size_raised(self, sealed_log, checkpoint):
        checkpoint.write_bytes(edited(checkpoint.read_bytes(), 1, "22"))
        assert codes(sealed_log) == [("log.entries-missing", "checkpoint"), ("note.signature-invalid", "checkpoint")]

    def test_root_changed(self, sealed_log, checkpoint):
        checkpoint.write_bytes(edited(checkpoint.read_bytes(), 2, base64.b64encode(b"r" * 32).decode()))
        assert ("note.signature-invalid", "checkpoint") in codes(sealed_log)
        assert ("log.root-differs", "checkpoint") in codes(sealed_log)

    def test_origin_changed(self, sealed_log, checkpoint):
        checkpoint.write_bytes(edited(checkpoint.read_bytes(), 0, "demonstration-cards/log"))
        assert ("log.wrong-origin", "checkpoint") in codes(sealed_log)

    def test_extra_signature_line(self, sealed_log, checkpoint):
        stranger = SigningKey.generate("stranger")
        note = parse_checkpoint(checkpoint.read_bytes()).note
        line = NoteSignature(stranger.name, stranger.public.key_hash, stranger.sign(note.body))
        checkpoint.write_bytes(format_note(note.body, [*note.signatures, line]))
        assert codes(sealed_log) == [("note.extra-signature", "checkpoint")]

    def test_wrong_key_id(self, sealed_log, checkpoint):
        note = parse_checkpoint(checkpoint.read_bytes()).note
        line = NoteSignature(note.signatures[0].name, b"\0\1\2\3", note.signatures[0].value)
        checkpoint.write_bytes(format_note(note.body, [line]))
        assert codes(sealed_log) == [("note.wrong-key-id", "checkpoint")]

    def test_signature_by_another_key_of_that_name(self, sealed_log, checkpoint):
        note = parse_checkpoint(checkpoint.read_bytes())
        impostor = SigningKey.generate(note.checkpoint.origin)
        checkpoint.write_bytes(sign_checkpoint(note.checkpoint, impostor))
        assert codes(sealed_log) == [("note.wrong-key-id", "checkpoint")]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda content: content[:-4] + b"!!!\n", "note.not-base64"),
            (lambda content: content.replace(b"\n", b"\r\n"), "note.carriage-return"),
            (lambda content: content[:-1], "note.no-final-newline"),
            (lambda content: content + b"\n", "note.extra-signature"),
            (lambda content: content.partition(b"\n\n")[0] + b"\n", "note.no-signature"),
            (lambda content: content.replace(b"\n21\n", b"\n021\n"), "checkpoint.malformed"),
            (lambda content: content.replace(b"\n21\n", b"\n21\nextension\n"), "checkpoint.malformed"),
            (lambda content: b"", "note.no-final-newline"),
            (lambda content: content * 30_000, "note.too-large"),
            (lambda content: b"\xff" + content, "note.not-utf8"),
            (lambda content: b"\0" + content, "note.control-character"),
        ],
    )
    def test_form_is_refused_by_its_own_reason(self, sealed_log, checkpoint, change, code):
        checkpoint.write_bytes(change(checkpoint.read_bytes()))
        assert codes(sealed_log) == [(code, "checkpoint")]

    def test_missing_checkpoint(self, sealed_log, checkpoint):
        checkpoint.unlink()
        assert codes(sealed_log) == [("log.checkpoint-missing", "checkpoint")]

    def test_what_stands_beside_a_refused_checkpoint_is_examined_too(self, sealed_log, checkpoint):
        checkpoint.write_bytes(b"\0" + checkpoint.read_bytes())
        path = sealed_log.files("predictions")[0]
        (sealed_log.folder / path).unlink()
        assert set(codes(sealed_log)) == {("note.control-character", "checkpoint"), ("log.segment-missing", path)}

    def test_log_without_any_checkpoint_is_refused(self, sealed_log, checkpoint):
        checkpoint.unlink()
        shutil.rmtree(sealed_log.folder / "checkpoints")
        assert codes(sealed_log) == [("log.checkpoint-missing", "checkpoint")]


class TestSignedByTheLogsOwnKey:
    def test_size_raised_without_new_entries(self, sealed_log, checkpoint, key):
        root = parse_checkpoint(checkpoint.read_bytes()).checkpoint.root
        checkpoint.write_bytes(sign_checkpoint(Checkpoint(key.name, 22, root), key))
        assert codes(sealed_log) == [("log.entries-missing", "checkpoint")]

    def test_size_beyond_all_bounds(self, sealed_log, checkpoint, key):
        checkpoint.write_bytes(sign_checkpoint(Checkpoint(key.name, 2**62, b"r" * 32), key))
        assert codes(sealed_log) == [("log.entries-beyond-limits", "checkpoint")]

    def test_other_root(self, sealed_log, checkpoint, key):
        checkpoint.write_bytes(sign_checkpoint(Checkpoint(key.name, 21, b"r" * 32), key))
        assert codes(sealed_log) == [("log.root-differs", "checkpoint")]

    def test_text_that_is_no_checkpoint(self, sealed_log, checkpoint, key):
        checkpoint.write_bytes(sign_note(b"anything else\n", [key]))
        assert codes(sealed_log) == [("checkpoint.malformed", "checkpoint")]


class TestKeptCheckpoints:
    def kept(self, sealed_log):
        return sorted(path for path in (sealed_log.folder / "checkpoints").rglob("*") if path.is_file())

    def test_checkpoint_of_another_history(self, sealed_log, key):
        second = self.kept(sealed_log)[1]
        size = parse_checkpoint(second.read_bytes()).checkpoint.size
        second.write_bytes(sign_checkpoint(Checkpoint(key.name, size, b"r" * 32), key))
        assert sealed_log.found() == {"log.checkpoint-inconsistent"}

    def test_checkpoint_in_the_place_of_another(self, sealed_log):
        first, second, *_ = self.kept(sealed_log)
        shutil.copy(first, second)
        assert sealed_log.found() == {"log.checkpoint-misplaced"}

    def test_newest_one_was_not_kept(self, sealed_log):
        self.kept(sealed_log)[-1].unlink()
        assert sealed_log.found() == {"log.checkpoint-missing"}

    def test_malformed_one(self, sealed_log):
        first = self.kept(sealed_log)[0]
        first.write_bytes(first.read_bytes().replace(b"\n", b"\r\n"))
        assert sealed_log.found() == {"note.carriage-return"}

    def test_one_by_a_stranger(self, sealed_log):
        second = self.kept(sealed_log)[1]
        signed = parse_checkpoint(second.read_bytes()).checkpoint
        second.write_bytes(sign_checkpoint(signed, SigningKey.generate(signed.origin)))
        assert sealed_log.found() == {"log.epoch-unknown-key"}


class TestTree:
    """Attack 10 and what else can be done to entries and tiles."""

    def bundle(self, sealed_log):
        (path,) = (sealed_log.folder / "tile" / "entries").rglob("21")
        return path

    def test_changed_entry(self, sealed_log):
        path = self.bundle(sealed_log)
        path.write_bytes(path.read_bytes().replace(b'"rows":10', b'"rows":11', 1))
        assert {"log.root-differs"} <= sealed_log.found()
        assert sealed_log.report().verdict == "REFUSED"

    def test_entries_in_another_order(self, sealed_log):
        path = self.bundle(sealed_log)
        entries = parse_entries(path.read_bytes(), 21, "entries")
        path.write_bytes(format_entries([entries[0], entries[2], entries[1], *entries[3:]]))
        assert "log.root-differs" in sealed_log.found()

    def test_missing_bundle(self, sealed_log):
        self.bundle(sealed_log).unlink()
        assert codes(sealed_log) == [("log.entries-missing", "checkpoint")]

    def test_cut_bundle(self, sealed_log):
        path = self.bundle(sealed_log)
        path.write_bytes(path.read_bytes()[:-1])
        ((code, _),) = codes(sealed_log)
        assert code.startswith("tile.")

    def test_missing_tile(self, sealed_log):
        (path,) = (sealed_log.folder / "tile" / "0").rglob("21")
        path.unlink()
        assert sealed_log.found() == {"log.tile-missing"}

    def test_changed_tile(self, sealed_log):
        (path,) = (sealed_log.folder / "tile" / "0").rglob("21")
        path.write_bytes(bytes(32) + path.read_bytes()[32:])
        assert sealed_log.found() == {"log.tile-changed"}

    def test_node_passed_off_as_an_entry_is_another_leaf(self, sealed_log):
        tree = LogTree(LogFolder(sealed_log.folder))
        left, right = tree.reader.hashes(0, 0, 2)
        path = self.bundle(sealed_log)
        entries = parse_entries(path.read_bytes(), 21, "entries")
        forged = b"\1" + left + right
        path.write_bytes(format_entries([forged, *entries[1:]]))
        assert node_hash(left, right) in tree.reader.hashes(1, 0, 1)
        report = sealed_log.report()
        assert report.verdict == "REFUSED"
        assert {"json.not-utf8", "json.not-json"} & {finding.code for finding in report.findings}

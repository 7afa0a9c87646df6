"""Attacks 4, 5 and 21: the newest entries are cut off, the whole history is replaced, an old copy is shown."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab.errors import LogError
from audit_lab.log.folder import LogFolder
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint
from audit_lab.seal.cosignature import cosignature_line, cosigned_note
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import consistency_path
from audit_lab.seal.trust import Trust, TrustedKey
from audit_lab.seal.witness import WitnessRequest, witness_checkpoint

SEEN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def earlier(sealed_log, tmp_path):
    """A copy of the log as it stands, before one more append."""
    copy = sealed_log.copy(tmp_path / "earlier")
    append(sealed_log)
    return copy


def append(log, decision="approve"):
    log.clock.now += timedelta(minutes=10)
    rows = log.read(log.files("predictions")[0]).with_columns(
        pl.lit(decision).alias("decision"), pl.concat_str(pl.lit("x-"), "prediction_id").alias("prediction_id")
    )
    with log.writer() as writer:
        writer.append({"predictions": rows})


def tree(log):
    return LogTree(LogFolder(log.folder))


def put_back(log, copy):
    """Replace a log's files by those of a copy, and keep what this reader remembers."""
    shutil.rmtree(log.folder)
    shutil.copytree(copy.folder, log.folder)


class TestTruncation:
    def test_clean_log_is_remembered_and_then_verified(self, sealed_log, earlier):
        assert sealed_log.report().verdict == "UNANCHORED"
        report = sealed_log.report()
        assert (report.verdict, report.findings) == ("VERIFIED", ())
        assert len(report.anchors) == 1
        assert not any("truncation" in text for text in report.not_checked)

    def test_newest_segment_and_checkpoint_deleted_is_found_from_the_remembered_checkpoint(self, sealed_log, earlier):
        sealed_log.report()
        put_back(sealed_log, earlier)
        report = sealed_log.report()
        assert [finding.code for finding in report.findings] == ["log.truncated"]
        assert f"the log has {tree(earlier).size} entries; a checkpoint of {tree(earlier).size + 4}" in str(
            report.findings
        )
        assert report.verdict == "STALE"
        assert not report.holds

    def test_without_memory_or_witness_truncation_is_said_to_be_unchecked(self, sealed_log, earlier):
        put_back(sealed_log, earlier)
        report = sealed_log.report()
        assert report.findings == ()
        assert report.verdict == "UNANCHORED"
        assert any(text.startswith("truncation: ") for text in report.not_checked)

    def test_truncation_that_also_changes_something_failed(self, sealed_log, earlier):
        sealed_log.report()
        put_back(sealed_log, earlier)
        (sealed_log.folder / sealed_log.files("predictions")[0]).unlink()
        report = sealed_log.report()
        assert {finding.code for finding in report.findings} == {"log.truncated", "log.segment-missing"}
        assert report.verdict == "FAILED"

    def test_truncated_log_is_not_remembered(self, sealed_log, earlier):
        sealed_log.report()
        put_back(sealed_log, earlier)
        assert sealed_log.found() == {"log.truncated"}
        assert sealed_log.found() == {"log.truncated"}

    def test_nothing_is_remembered_when_asked_not_to(self, sealed_log):
        assert sealed_log.report(remembered=False).verdict == "UNANCHORED"
        assert sealed_log.report().verdict == "UNANCHORED"
        assert sealed_log.report().verdict == "VERIFIED"

    def test_checkpoint_file_alone_rolled_back_is_found_without_memory(self, sealed_log, earlier):
        shutil.copy(earlier.folder / "checkpoint", sealed_log.folder / "checkpoint")
        report = sealed_log.report()
        assert {finding.code for finding in report.findings} == {"log.rolled-back"}

    def test_checkpoint_and_manifest_rolled_back_over_several_seals_are_found_from_the_kept_checkpoints(
        self, sealed_log, earlier
    ):
        append(sealed_log)
        for name in ("checkpoint", "manifest.json"):
            shutil.copy(earlier.folder / name, sealed_log.folder / name)
        # The tiles of the shorter log are part of the longer one's.
        for path in (earlier.folder / "tile").rglob("21"):
            shutil.copy(path, sealed_log.folder / path.relative_to(earlier.folder))
        assert sealed_log.found() == {"log.rolled-back"}
        with pytest.raises(LogError, match="an earlier writer saw 29"):
            append(sealed_log)

    def test_growth_since_is_verified_and_said_to_be_younger(self, sealed_log):
        sealed_log.report()
        append(sealed_log)
        report = sealed_log.report()
        assert report.verdict == "VERIFIED"
        assert any("the 4 entries from 21 on" in text for text in report.not_checked)


class TestFork:
    def test_forked_history_with_valid_signatures_is_inconsistent_with_the_remembered_one(self, sealed_log, earlier):
        sealed_log.report()
        append(earlier, decision="deny")
        put_back(sealed_log, earlier)
        shutil.rmtree(sealed_log.vault_folder)
        shutil.copytree(earlier.vault_folder, sealed_log.vault_folder)
        assert sealed_log.report(remembered=False).findings == ()
        report = sealed_log.report()
        assert [finding.code for finding in report.findings] == ["log.forked"]
        assert report.verdict == "FAILED"

    def test_longer_fork_is_found_too(self, sealed_log, earlier):
        sealed_log.report()
        append(earlier, decision="deny")
        append(earlier, decision="deny")
        put_back(sealed_log, earlier)
        assert sealed_log.found(vault=None) == {"log.forked"}

    def test_log_begun_anew_under_the_same_name_is_told(self, sealed_log, small_log, tmp_path):
        sealed_log.report()
        (tmp_path / "other").mkdir()
        other = small_log.make(tmp_path / "other")
        put_back(sealed_log, other)
        assert sealed_log.found(vault=None) == {"log.key-changed"}
        assert sealed_log.found(vault=None, trust=other.trust) == set()

    def test_log_by_a_key_that_is_not_the_pinned_one_is_refused(self, sealed_log, small_log, tmp_path):
        (tmp_path / "other").mkdir()
        other = small_log.make(tmp_path / "other")
        assert sealed_log.found(trust=sealed_log.trust) == set()
        assert sealed_log.found(trust=other.trust, remembered=False) == {"log.key-not-trusted"}

    def test_revoked_key_counts_only_for_what_was_seen_before(self, sealed_log):
        (pinned,) = sealed_log.trust.keys
        revoked = Trust((replace(pinned, revoked_from=SEEN),), "trust.toml")
        assert sealed_log.found(trust=revoked, remembered=False) == {"log.key-revoked"}
        witness = SigningKey.generate("witness.example")
        (sealed_log.folder / "anchors").mkdir()
        for hours, expected in ((1, {"log.key-revoked"}), (-1, set())):
            note = parse_checkpoint((sealed_log.folder / "checkpoint").read_bytes()).note
            line = cosignature_line(note.body, witness, SEEN + timedelta(hours=hours))
            path = sealed_log.folder / "anchors" / "21.cosigned"
            path.write_bytes(cosigned_note(note, line).to_bytes())
            both = Trust((*revoked.keys, TrustedKey(witness.cosigner, "witness", "*")), "trust.toml")
            assert sealed_log.found(trust=both, remembered=False) == expected

    def test_sealed_log_shown_without_its_seal_is_told(self, sealed_log):
        sealed_log.report()
        for name in ("checkpoints", "tile"):
            shutil.rmtree(sealed_log.folder / name)
        (sealed_log.folder / "checkpoint").unlink()
        path = sealed_log.files("events")[0]
        content = (sealed_log.folder / path).read_bytes()
        write_unsealed_manifest(sealed_log.folder, path, content)
        for other in sealed_log.folder.rglob("*.parquet"):
            if other != sealed_log.folder / path:
                other.unlink()
        assert sealed_log.found(remembered=False) == set()
        assert sealed_log.found() == {"log.seal-removed"}


def write_unsealed_manifest(folder, path, content):
    import hashlib
    import json

    segment = {"path": path, "rows": 2, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"format": "audit_lab.log", "schema_version": 1, "origin": "demonstration-loans/log"}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "tables": {"events": {"segments": [segment]}}}))


class TestWitness:
    @pytest.fixture
    def witness(self):
        return SigningKey.generate("witness.example")

    @pytest.fixture
    def trust(self, sealed_log, witness):
        return Trust((*sealed_log.trust.keys, TrustedKey(witness.cosigner, "witness", "*")), "trust.toml")

    @staticmethod
    def cosigned(log, witness, remembered=None):
        found = tree(log)
        path = consistency_path(found.reader, remembered.size, found.size) if remembered else []
        request = WitnessRequest(remembered.size if remembered else 0, tuple(path), found.note)
        keys = [key.public for key in log.trust.keys]
        return witness_checkpoint(request, remembered, keys, witness, SEEN).note.to_bytes()

    def test_cosigned_checkpoint_in_the_log_is_an_anchor(self, sealed_log, witness, trust):
        (sealed_log.folder / "anchors").mkdir()
        (sealed_log.folder / "anchors" / "21.cosigned").write_bytes(self.cosigned(sealed_log, witness))
        report = sealed_log.report(trust=trust, remembered=False)
        assert (report.verdict, report.findings) == ("VERIFIED", ())
        assert report.anchors == ("21 of 21 entries, cosigned by witness.example on 2026-03-04 12:00 UTC",)
        assert any(text.startswith("truncation: ") for text in report.not_checked)

    def test_key_that_was_not_pinned_leaves_it_unanchored(self, sealed_log, witness, trust):
        (sealed_log.folder / "anchors").mkdir()
        (sealed_log.folder / "anchors" / "21.cosigned").write_bytes(self.cosigned(sealed_log, witness))
        only_witness = Trust(trust.keys[1:], "trust.toml")
        report = sealed_log.report(trust=only_witness, remembered=False)
        assert report.verdict == "UNANCHORED"
        assert any("key was taken from the log itself" in note for note in report.notes)

    def test_truncation_is_found_from_what_the_witness_holds(self, sealed_log, earlier, witness, trust, tmp_path):
        held = self.cosigned(sealed_log, witness)
        put_back(sealed_log, earlier)
        (tmp_path / "held.note").write_bytes(held)
        for witnesses in ([held], [tmp_path / "held.note"]):
            report = sealed_log.report(trust=trust, witnesses=witnesses, remembered=False)
            assert [finding.code for finding in report.findings] == ["log.truncated"]
            assert report.verdict == "STALE"

    def test_fork_is_found_from_what_the_witness_holds(self, sealed_log, earlier, witness, trust):
        held = self.cosigned(sealed_log, witness)
        append(earlier, decision="deny")
        assert earlier.found(trust=trust, witnesses=[held], remembered=False) == {"log.forked"}

    def test_note_of_the_witness_for_this_very_state_shows_that_nothing_was_cut(self, sealed_log, witness, trust):
        held = self.cosigned(sealed_log, witness)
        report = sealed_log.report(trust=trust, witnesses=[held], remembered=False)
        assert report.verdict == "VERIFIED"
        assert not any(text.startswith("truncation: ") for text in report.not_checked)

    def test_witness_refuses_to_cosign_the_fork(self, sealed_log, earlier, witness, trust):
        found = tree(sealed_log)
        remembered = Checkpoint(found.origin, found.size, found.root)
        append(earlier, decision="deny")
        append(earlier, decision="deny")
        with pytest.raises(Exception, match="does not lead from the old root to the new one"):
            self.cosigned(earlier, witness, remembered)


class TestTimestamp:
    """Attack 29, as far as it concerns the log's checkpoint."""

    @pytest.fixture
    def stamped(self, sealed_log, authority):
        (sealed_log.folder / "anchors").mkdir()
        token = authority.stamp((sealed_log.folder / "checkpoint").read_bytes())
        (sealed_log.folder / "anchors" / "21.tsr").write_bytes(token)
        return sealed_log

    def test_token_of_an_accepted_authority_is_an_anchor(self, stamped, authority):
        report = stamped.report(trust=stamped.trust, authorities=[authority.authority], remembered=False)
        assert (report.verdict, report.findings) == ("VERIFIED", ())
        assert report.anchors[0].startswith("21 of 21 entries, time-stamped by trusted-clock on ")

    def test_authority_may_be_given_as_a_file(self, stamped, authority):
        path = authority.folder / "trusted-clock.pem"
        assert stamped.report(trust=stamped.trust, authorities=[path], remembered=False).verdict == "VERIFIED"

    def test_unknown_authority_is_refused(self, stamped, other_authority):
        assert stamped.found(authorities=[other_authority.authority]) == {"timestamp.authority-not-trusted"}

    def test_token_for_other_bytes_is_refused(self, stamped, authority):
        token = authority.stamp(b"other bytes")
        (stamped.folder / "anchors" / "21.tsr").write_bytes(token)
        assert stamped.found(authorities=[authority.authority]) == {"timestamp.other-bytes"}

    def test_seal_time_after_its_time_stamp_is_refused(self, small_log, authority, tmp_path):
        log = small_log.make(tmp_path, began=datetime.now(UTC) + timedelta(days=1))
        (log.folder / "anchors").mkdir()
        token = authority.stamp((log.folder / "checkpoint").read_bytes())
        (log.folder / "anchors" / "21.tsr").write_bytes(token)
        assert log.found(authorities=[authority.authority]) == {"timestamp.before-data"}

    def test_token_for_a_checkpoint_that_was_never_made_is_told(self, stamped, authority):
        (stamped.folder / "anchors" / "21.tsr").rename(stamped.folder / "anchors" / "20.tsr")
        assert stamped.found(authorities=[authority.authority]) == {"anchor.without-checkpoint"}


def test_anchor_is_demanded_where_it_is_required(sealed_log):
    report = sealed_log.report(require_anchor=True)
    assert [finding.code for finding in report.findings] == ["log.no-anchor"]
    assert report.verdict == "FAILED"
    sealed_log.report()
    assert sealed_log.report(require_anchor=True).verdict == "VERIFIED"


def test_log_signed_line_in_a_cosigned_note_is_no_witness(sealed_log):
    note = parse_checkpoint((sealed_log.folder / "checkpoint").read_bytes()).note
    (sealed_log.folder / "anchors").mkdir()
    (sealed_log.folder / "anchors" / "21.cosigned").write_bytes(cosigned_note(note, note.signatures[0]).to_bytes())
    report = sealed_log.report(trust=sealed_log.trust, remembered=False)
    assert report.verdict == "UNANCHORED"

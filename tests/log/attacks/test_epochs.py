"""Attack 31: old entries sealed with a newer key, days without a seal, times that go back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.integrity import examine_log
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.seal.checkpoint import parse_checkpoint, sign_checkpoint
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry_kinds import GenesisEntry, HeartbeatEntry, PauseEntry, RotateEntry
from audit_lab.seal.keys import SigningKey

ORIGIN = "demonstration-days/log"


@pytest.fixture
def days(sealed_log, small_log):
    """The small log, continued on the next day and on the fourth."""
    for day in (1, 3):
        sealed_log.clock.now = small_log.BEGAN + timedelta(days=day)
        with sealed_log.writer() as writer:
            writer.append({"predictions": small_log.some_predictions(30 + 10 * day, 40 + 10 * day)})
    return sealed_log


def test_clean_log_of_several_days_holds(days):
    report = days.report()
    assert report.findings == ()
    assert [each.epoch for each in state(days).keys] == ["2026-03-04", "2026-03-05", "2026-03-07"]
    assert report.signers[0].endswith("the log's key of 2026-03-07")


def state(log):
    return LogState.fold(LogTree(LocalStorage(log.folder)).entries())


def kept(log, size):
    return log.folder / "checkpoints" / f"{size:03d}"


def key_in_force(log):
    return log.vault.signing_key(state(log).keys[-1].key)


def test_old_checkpoint_resealed_with_a_newer_key(days):
    path = kept(days, 21)
    path.write_bytes(sign_checkpoint(parse_checkpoint(path.read_bytes()).checkpoint, key_in_force(days)))
    report = days.report()
    assert [(each.code, each.file) for each in report.findings] == [("log.epoch-resealed", "checkpoint of size 21")]
    assert report.verdict == "FAILED"


def test_checkpoint_that_vouched_for_the_next_key_is_gone(days):
    rotation = state(days).keys[0].last_size
    kept(days, rotation).unlink()
    assert days.found() == {"log.epoch-key-not-introduced"}


def test_log_truncated_to_an_old_day_and_continued_with_todays_key(days, small_log):
    """What broke journald's sealing: cut, then go on as if nothing had happened."""
    storage, today = LocalStorage(days.folder), key_in_force(days)
    (days.folder / "checkpoint").write_bytes(kept(days, 21).read_bytes())
    for later in sorted((days.folder / "checkpoints").iterdir()):
        if int(later.name) > 21:
            later.unlink()
    tree = LogTree(storage)
    moment = small_log.BEGAN + timedelta(hours=1)
    tree.append([HeartbeatEntry(origin=tree.origin, sealed_at=time_text(moment)).to_bytes()], today)
    (days.folder / "manifest.json").write_bytes(manifest_bytes(state(days), tree.root))
    codes = days.found()
    assert "note.wrong-key-id" in codes
    assert days.report().verdict == "REFUSED"


class Forger:
    """Writes a log by itself, with whatever keys and times it likes."""

    def __init__(self, folder, began):
        self.storage, self.began = LocalStorage(folder), began
        self.keys = [SigningKey.generate(ORIGIN)]
        self.tree = LogTree(self.storage, ORIGIN)
        self.folder = folder
        genesis = GenesisEntry(
            origin=ORIGIN,
            sealed_at=self.at(0),
            log_key=self.keys[0].public,
            schema_version=2,
            sealed_from="creation",
            source="",
            description="",
            notes=(),
            tolerance="0",
        )
        self.seal(genesis)

    def at(self, days, hours=0):
        return time_text(self.began + timedelta(days=days, hours=hours))

    def seal(self, *entries, key=None):
        self.tree.append([entry.to_bytes() for entry in entries], key or self.keys[-1])

    def beat(self, days, hours=0, key=None):
        self.seal(HeartbeatEntry(origin=ORIGIN, sealed_at=self.at(days, hours)), key=key)

    def turn(self, day, *, pause=None, dated=None):
        new = SigningKey.generate(ORIGIN)
        sealed_at = self.at(day if dated is None else dated)
        entries = []
        if pause:
            first, last = (self.at(each)[:10] for each in pause)
            entries.append(PauseEntry(origin=ORIGIN, sealed_at=sealed_at, from_epoch=first, to_epoch=last))
        self.seal(
            *entries, RotateEntry(origin=ORIGIN, sealed_at=sealed_at, new_key=new.public, epoch=self.at(day)[:10])
        )
        self.keys.append(new)

    def found(self):
        folded = LogState()
        for number, content in enumerate(self.tree.entries()):
            from audit_lab.seal.entry import parse_entry

            entry = parse_entry(content)
            folded.sealed_at = min(folded.sealed_at, entry.sealed_at)
            folded.take(entry)
            assert folded.size == number + 1
        self.storage.create("manifest.json", manifest_bytes(folded, self.tree.root), replace=True)
        report = examine_log(self.folder, remembered=False)
        return {finding.code for finding in report.findings}


@pytest.fixture
def forger(tmp_path, small_log):
    return Forger(tmp_path / "forged", small_log.BEGAN)


def test_forger_who_keeps_the_rules_is_not_accused(forger):
    forger.beat(0, 1)
    forger.turn(1)
    forger.beat(1, 1)
    forger.turn(4, pause=(2, 3))
    forger.beat(4, 1)
    assert forger.found() == set()


def test_epoch_without_a_seal(forger):
    forger.turn(3)
    forger.beat(3, 1)
    assert forger.found() == {"log.epoch-unsealed"}


def test_pause_that_hides_too_little(forger):
    forger.turn(4, pause=(1, 2))
    assert forger.found() == {"log.epoch-repeated"}


def test_key_that_was_to_be_destroyed_signs_on(forger):
    forger.turn(1)
    forger.beat(1, 1, key=forger.keys[0])
    assert forger.found() == {"log.epoch-key-outlived"}


def test_newer_key_reseals_the_day_before(forger):
    forger.beat(0, 1)
    forger.turn(1)
    forger.beat(1, 1)
    path = forger.folder / "checkpoints" / "002"
    path.write_bytes(sign_checkpoint(parse_checkpoint(path.read_bytes()).checkpoint, forger.keys[1]))
    assert forger.found() == {"log.epoch-resealed"}


def test_key_that_no_entry_introduced(forger):
    forger.beat(0, 1)
    forger.beat(0, 2, key=SigningKey.generate(ORIGIN))
    assert forger.found() == {"note.wrong-key-id"}


def test_seal_time_before_the_last_one(forger):
    forger.beat(0, 2)
    forger.beat(0, 1)
    assert forger.found() == {"log.time-backwards"}


def test_entry_dated_outside_its_day(forger):
    forger.beat(1, 1)
    assert forger.found() == {"log.epoch-wrong-day"}

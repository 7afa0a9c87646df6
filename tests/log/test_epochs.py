"""Epochs: which key seals when, what a crash in between leaves, and what journald's sealing once let pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_lab.errors import LogError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.keys.epochs import EpochKey, epoch_findings, epoch_keys, epoch_of, signer_at
from audit_lab.log.keys.vault import Vault
from audit_lab.log.tree.tree_file import LogTree, checkpoint_path
from audit_lab.seal import key_file
from audit_lab.seal.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from audit_lab.seal.custody import time_text
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.entry_kinds import GenesisEntry, HeartbeatEntry, PauseEntry, RotateEntry
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.merkle import tree_root

ORIGIN = "bank.example/loans"


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch):
    monkeypatch.setattr(key_file, "_COST", 2)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class SmallLog:
    """A tree on disk and its vault, sealed as a writer seals."""

    def __init__(self, folder, first="2026-03-01T08:00"):
        self.folder = folder
        self.vault = Vault.create(ORIGIN, folder / "vault", passphrase=b"x")
        self.tree = LogTree(LocalStorage(folder / "log"), ORIGIN)
        (key,) = self.vault._keys.values()
        self.used = [key]
        genesis = GenesisEntry(
            origin=ORIGIN,
            sealed_at=time_text(at(first)),
            log_key=key.public,
            schema_version=2,
            sealed_from="creation",
            source="",
            description="",
            notes=(),
            tolerance="0",
        )
        self.tree.append([genesis.to_bytes()], key)

    def entries(self):
        return [parse_entry(content) for content in self.tree.entries()]

    def checkpoints(self):
        sizes = range(1, self.tree.size + 1)
        notes = [self.folder / "log" / checkpoint_path(size) for size in sizes]
        return [parse_checkpoint(path.read_bytes()) for path in notes if path.exists()]

    def signer(self, now):
        current = epoch_keys(self.entries())[-1]
        return signer_at(self.tree, self.vault, current, at(now))

    def heartbeat(self, now):
        signer, _ = self.signer(now)
        if signer.public != self.used[-1].public:
            self.used.append(signer)
        self.tree.append([HeartbeatEntry(origin=ORIGIN, sealed_at=time_text(at(now))).to_bytes()], signer)

    def again(self):
        """Return the log as a process sees it that starts now."""
        other = object.__new__(SmallLog)
        other.folder, other.used = self.folder, self.used
        other.vault = Vault.open(ORIGIN, self.folder / "vault", passphrase=b"x")
        other.tree = LogTree(LocalStorage(self.folder / "log"), ORIGIN)
        return other

    def findings(self):
        return [found.code for found in epoch_findings(self.entries(), self.checkpoints())]


@pytest.fixture
def log(tmp_path):
    """Sealed on 1 March (twice), on 2 March, and after two days of silence on 5 March (twice)."""
    made = SmallLog(tmp_path)
    for now in ("2026-03-01T23:59", "2026-03-02T00:00", "2026-03-05T12:00", "2026-03-05T13:00"):
        made.heartbeat(now)
    return made


def findings(entries, checkpoints):
    return [(found.code, found.file) for found in epoch_findings(entries, checkpoints)]


def resealed(entries, size, key):
    """Return the checkpoint of the first entries, signed by a key of the forger's choice."""
    root = tree_root(entry.leaf for entry in entries[:size])
    return parse_checkpoint(sign_checkpoint(Checkpoint(ORIGIN, size, root), key))


def test_an_epoch_is_a_day_of_utc():
    assert epoch_of(at("2026-03-01T23:59:59.999999")) == "2026-03-01"
    assert epoch_of("2026-03-01T23:30:00-05:00") == "2026-03-02"


def test_keys_follow_one_another_by_day(log):
    first, second, third = (key.public for key in log.used)
    assert epoch_keys(log.entries()) == [
        EpochKey("2026-03-01", first, 1, 3),
        EpochKey("2026-03-02", second, 4, 6),
        EpochKey("2026-03-05", third, 7, None),
    ]
    kinds = [entry.kind for entry in log.entries()]
    assert kinds == ["genesis", "heartbeat", "rotate", "heartbeat", "pause", "rotate", "heartbeat", "heartbeat"]
    pause = log.entries()[4]
    assert (pause.from_epoch, pause.to_epoch) == ("2026-03-03", "2026-03-04")


def test_an_untouched_log_has_no_findings(log):
    assert [each.checkpoint.size for each in log.checkpoints()] == [1, 2, 3, 4, 6, 7, 8]
    assert findings(log.entries(), log.checkpoints()) == []


def test_the_keys_of_past_epochs_are_gone(log):
    with pytest.raises(LogError, match="does not hold the key that signs the log now"):
        log.vault.signing_key(log.used[1].public)


def test_a_log_without_a_genesis_has_no_keys(log):
    assert epoch_keys(log.entries()[1:]) == []
    assert epoch_keys([]) == []


def test_a_clock_before_the_epoch_stays_in_it(log):
    signer, appended = log.signer("2026-03-04T00:00")
    assert (signer.public, appended) == (log.used[-1].public, ())


# What must be found. Each forger below has the newest key only: the older ones are destroyed.


def test_older_entries_sealed_again_with_the_newer_key(log):
    """journald's regression: entries of an old epoch were accepted under a newer epoch's key."""
    entries = log.entries()
    changed = [*entries[:1], replace(entries[1], sealed_at="2026-03-01T10:00:00.000000Z"), *entries[2:]]
    forged = [resealed(changed, each.checkpoint.size, log.used[-1]) for each in log.checkpoints()]
    assert findings(changed, forged) == [
        ("log.epoch-resealed", "checkpoint of size 1"),
        ("log.epoch-resealed", "checkpoint of size 2"),
        ("log.epoch-resealed", "checkpoint of size 3"),
        ("log.epoch-resealed", "checkpoint of size 4"),
        ("log.epoch-resealed", "checkpoint of size 6"),
    ]


def test_truncated_and_continued_with_the_newest_key(log):
    """journald's regression: a log cut in an old epoch went on as if nothing had been lost."""
    cut = log.entries()[:2]
    goes_on = [*cut, HeartbeatEntry(origin=ORIGIN, sealed_at="2026-03-01T23:59:59.000000Z")]
    kept = [each for each in log.checkpoints() if each.checkpoint.size <= 2]
    forged = [*kept, resealed(goes_on, 3, log.used[-1])]
    assert findings(goes_on, forged) == [("log.epoch-unknown-key", "checkpoint of size 3")]


def test_truncated_and_continued_with_a_rotation_of_the_forgers_own(log):
    key = log.used[-1]
    cut, day = log.entries()[:2], {"origin": ORIGIN, "sealed_at": "2026-03-02T00:00:00.000000Z"}
    goes_on = [*cut, RotateEntry(new_key=key.public, epoch="2026-03-02", **day), HeartbeatEntry(**day)]
    kept = [each for each in log.checkpoints() if each.checkpoint.size <= 2]
    newest = resealed(goes_on, 4, key)
    assert findings(goes_on, [*kept, newest]) == [("log.epoch-key-not-introduced", "entry 2")]
    assert findings(goes_on, [*kept, resealed(goes_on, 3, key), newest]) == [
        ("log.epoch-resealed", "checkpoint of size 3")
    ]


def test_an_old_key_that_was_not_destroyed_goes_on_sealing(log):
    entries = log.entries()
    kept = log.checkpoints()[:-1]
    assert findings(entries, [*kept, resealed(entries, 8, log.used[0])]) == [
        ("log.epoch-key-outlived", "checkpoint of size 8")
    ]


def test_a_checkpoint_that_introduced_a_key_is_missing(log):
    kept = [each for each in log.checkpoints() if each.checkpoint.size != 6]
    assert findings(log.entries(), kept) == [("log.epoch-key-not-introduced", "entry 5")]


def test_a_day_without_a_seal_and_without_a_pause(log):
    entries = [entry for entry in log.entries() if entry.kind != "pause"]
    assert findings(entries, []) == [
        ("log.epoch-unsealed", "entry 4"),
        ("log.epoch-key-not-introduced", "entry 2"),
        ("log.epoch-key-not-introduced", "entry 4"),
    ]
    (found,) = (each for each in epoch_findings(entries, []) if each.code == "log.epoch-unsealed")
    assert found.meaning == "nothing was sealed from 2026-03-03 to 2026-03-04, and no pause says so"


@pytest.mark.parametrize(
    ("first", "last"), [("2026-03-03", "2026-03-03"), ("2026-03-02", "2026-03-04"), ("2026-03-03", "2026-03-05")]
)
def test_a_pause_that_is_not_the_days_between(log, first, last):
    entries = log.entries()
    entries[4] = replace(entries[4], from_epoch=first, to_epoch=last)
    found = epoch_findings(entries, log.checkpoints())
    assert [(each.code, each.file) for each in found] == [("log.epoch-repeated", "entry 5")]
    assert f"({first} to {last})" in found[0].meaning


def test_a_pause_that_nothing_ends(log):
    pause = PauseEntry(
        origin=ORIGIN, sealed_at="2026-03-06T00:00:00.000000Z", from_epoch="2026-03-06", to_epoch="2026-03-06"
    )
    entries = [*log.entries(), pause]
    assert findings(entries, log.checkpoints()) == [("log.epoch-repeated", "the last entries")]


def test_a_rotation_to_an_earlier_day(log):
    entries = log.entries()
    entries[5] = replace(entries[5], epoch="2026-03-02")
    assert ("log.epoch-repeated", "entry 5") in findings(entries, log.checkpoints())


def test_a_seal_dated_before_the_one_before(log):
    entries = log.entries()
    entries[7] = replace(entries[7], sealed_at="2026-03-05T11:00:00.000000Z")
    assert findings(entries, log.checkpoints()) == [("log.time-backwards", "entry 7")]


@pytest.mark.parametrize(
    ("index", "day", "expected"),
    [
        (1, "2026-03-02", [("log.epoch-wrong-day", "entry 1")]),
        (7, "2026-03-06", [("log.epoch-wrong-day", "entry 7")]),
        (2, "2026-03-01", [("log.time-backwards", "entry 2"), ("log.epoch-wrong-day", "entry 2")]),
    ],
)
def test_an_entry_dated_outside_its_epoch(log, index, day, expected):
    entries = log.entries()
    entries[index] = replace(entries[index], sealed_at=f"{day}T00:00:00.000000Z")
    assert findings(entries, log.checkpoints()) == expected


# A rotation that is stopped.


class Stopped(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["prepare", "append", "adopt", "none"])
def test_a_rotation_stopped_between_any_two_steps_is_continued(tmp_path, monkeypatch, step):
    log = SmallLog(tmp_path)
    first = log.used[0].public
    original = LogTree.append
    with monkeypatch.context() as patched:

        def stop(*arguments):
            raise Stopped

        def append_then_stop(tree, entries, signer):
            original(tree, entries, signer)
            raise Stopped

        if step == "prepare":
            patched.setattr(LogTree, "append", stop)
        if step == "append":
            patched.setattr(LogTree, "append", append_then_stop)
        if step == "adopt":
            patched.setattr("audit_lab.log.files.durable.Path.replace", replace_but_not_keys(Path.replace))
        if step == "none":
            log.heartbeat("2026-03-02T01:00")
        else:
            with pytest.raises(Stopped):
                log.heartbeat("2026-03-02T01:00")
    later = log.again()
    later.heartbeat("2026-03-02T02:00")
    keys = epoch_keys(later.entries())
    assert [key.epoch for key in keys] == ["2026-03-01", "2026-03-02"]
    assert keys[0].key == first
    assert later.findings() == []
    assert sorted(path.name for path in (tmp_path / "vault").iterdir()) == ["digest.key", "log.key", "row_keys"]
    with pytest.raises(LogError, match="does not hold the key"):
        later.again().vault.signing_key(first)


def replace_but_not_keys(original):
    def step(path, target):
        if path.name == "log.next.key":
            raise Stopped
        return original(path, target)

    return step


def test_the_rotation_is_put_on_disk_before_the_old_key_is_destroyed(tmp_path, monkeypatch):
    """A stopped writer's checkpoint may be visible and not yet synced: a power loss would bring back the one before."""
    log = SmallLog(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Vault, "adopt_key", lambda *_: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            log.heartbeat("2026-03-02T01:00")
    later, order = log.again(), []
    create, adopt = LocalStorage.create, Vault.adopt_key
    monkeypatch.setattr(
        LocalStorage, "create", lambda self, path, *a, **k: (order.append(path), create(self, path, *a, **k))[1]
    )
    monkeypatch.setattr(Vault, "adopt_key", lambda self, public: (order.append("adopt"), adopt(self, public))[1])
    later.signer("2026-03-02T02:00")
    assert order == ["checkpoint", "adopt"]


def test_a_vault_from_an_old_backup_cannot_continue_the_log(tmp_path):
    import shutil

    log = SmallLog(tmp_path)
    shutil.copytree(tmp_path / "vault", tmp_path / "backup")
    log.heartbeat("2026-03-02T01:00")
    shutil.rmtree(tmp_path / "vault")
    (tmp_path / "backup").rename(tmp_path / "vault")
    with pytest.raises(LogError, match="one restored from an older backup cannot continue the log"):
        log.again().heartbeat("2026-03-02T02:00")


def test_a_key_of_another_log_is_not_accepted(log):
    entries = log.entries()
    stranger = SigningKey.generate(ORIGIN)
    assert findings(entries, [*log.checkpoints()[:-1], resealed(entries, 8, stranger)]) == [
        ("log.epoch-unknown-key", "checkpoint of size 8")
    ]

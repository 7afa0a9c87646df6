"""A power loss at any moment, whatever of the unsynced bytes and names it takes: what was acknowledged survives.

SIGKILL keeps the page cache, so it cannot show a missing sync. Here a disk in memory records every operation of a
writer; each prefix of the record is then brought back with what was not synced lost, kept, cut or mixed
(`simulated_disk`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit_lab.errors import AuditLabError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.integrity import examine_log
from audit_lab.log.store import open_store
from audit_lab.log.writing.receipt import Receipt

FOLDER = Path("/disk/logs/log")
BEFORE = {"/disk/": b""}
SYNCS = {"sync", "sync-folder"}


class Recording:
    """What a disk was asked, from an empty folder on, and after how many operations what was acknowledged."""

    def __init__(self, simulated, sealed) -> None:
        self.simulated, self.sealed = simulated, sealed
        self.disk = simulated.SimulatedDisk(BEFORE)
        self.vault, self.clock = sealed.MemoryVault(), sealed.Clock()
        self.acknowledged: list[tuple[int, Receipt]] = []
        self.states = 0
        self._sound: set[tuple[int, bytes]] = set()

    def begin(self):
        writer = self.sealed.begun(LocalStorage(FOLDER, self.disk), self.vault, self.clock)
        self.acknowledge(Receipt(writer.size, writer.root, "", ()))
        return writer

    def resume(self):
        return self.sealed.resumed(LocalStorage(FOLDER, self.disk), self.vault, self.clock)

    def acknowledge(self, receipt):
        self.acknowledged.append((len(self.disk.trace), receipt))

    def syncs(self, begin=0):
        """Return the numbers of the syncs that have something to do: bytes or names that are not safe yet."""
        content, found = self.simulated.SimulatedDisk(BEFORE).content, []
        for number, each in enumerate(self.disk.trace):
            if each.kind in SYNCS and content.is_unsafe(each.at) and number >= begin:
                found.append(number)
            content.apply(each)
        return found

    def first_harm(self, left_out=None, begin=0):
        """Return what is wrong after the first power loss that does harm, None where none does.

        `left_out` is the number of an operation that the disk forgets.
        """
        trace, promises = list(self.disk.trace), [after for after, _ in self.acknowledged]
        if left_out is not None:
            del trace[left_out]
            promises, begin = [after - (after > left_out) for after in promises], left_out
        start = self.simulated.SimulatedDisk(BEFORE).content
        for promised, what, files in self.simulated.power_losses(trace, start, promises, begin, self._sound):
            self.states += 1
            wrong = self.wrong(files, [receipt for _, receipt in self.acknowledged[:promised]])
            if wrong:
                return f"{what}: {wrong}"
        return None

    def wrong(self, files, receipts):
        storage = LocalStorage(FOLDER, self.simulated.SimulatedDisk(files))
        if not receipts and not storage.exists("checkpoint"):
            return "a manifest without a log" if storage.exists("manifest.json") else None
        try:
            self.sealed.check_log(storage, receipts)
        except (self.sealed.BrokenLogError, AuditLabError) as error:
            return str(error)
        return None


@pytest.fixture(scope="module")
def appends(simulated, sealed):
    """Return the record of a log that is begun, appended to and left idle."""
    recording = Recording(simulated, sealed)
    writer = recording.begin()
    recording.acknowledge(writer.append({"events": sealed.events("e1")}))
    recording.acknowledge(writer.append({"predictions": sealed.predictions("a", "b"), "events": sealed.events("e2")}))
    recording.acknowledge(writer.append({"events": sealed.events("e3")}))
    recording.acknowledge(writer.heartbeat())
    return recording


@pytest.fixture(scope="module")
def compaction(simulated, sealed):
    """Return the record of a log that is compacted and cleaned up, and the number of the first operation of that."""
    recording = Recording(simulated, sealed)
    writer = recording.begin()
    for name in ("e1", "e2"):
        recording.acknowledge(writer.append({"events": sealed.events(name)}))
    recording.begins = len(recording.disk.trace)
    for work in (writer.compact, lambda: writer.remove_replaced(timedelta(0), actor="tests")):
        work()
        recording.acknowledge(Receipt(writer.size, writer.root, "", ()))
    return recording


def test_what_was_acknowledged_survives_every_power_loss(appends):
    assert appends.first_harm() is None
    assert appends.states > 1000


def test_compaction_loses_nothing_in_a_power_loss(compaction):
    assert compaction.first_harm(begin=compaction.begins) is None
    assert compaction.states > 200


def test_without_any_one_sync_a_power_loss_does_harm(appends):
    syncs = appends.syncs()
    assert len(syncs) > 60
    harmless = [number for number in syncs if appends.first_harm(left_out=number) is None]
    assert [appends.disk.trace[number] for number in harmless] == []


def test_without_any_one_sync_of_compaction_a_power_loss_does_harm(compaction):
    syncs = compaction.syncs(compaction.begins)
    assert len(syncs) > 15
    harmless = [number for number in syncs if compaction.first_harm(left_out=number) is None]
    assert [compaction.disk.trace[number] for number in harmless] == []


def test_a_log_that_lost_what_was_not_acknowledged_takes_the_next_append(appends, sealed, simulated):
    """From states all along the record: another process opens the log, appends, and nothing acknowledged is missing."""
    promises = [after for after, _ in appends.acknowledged]
    start = simulated.SimulatedDisk(BEFORE).content
    losses = list(simulated.power_losses(appends.disk.trace, start, promises, promises[0], set()))
    for promised, what, files in losses[::23]:
        receipts = [receipt for _, receipt in appends.acknowledged[:promised]]
        storage = LocalStorage(FOLDER, simulated.SimulatedDisk(files))
        writer = sealed.resumed(storage, appends.vault, appends.clock)
        receipts.append(writer.append({"events": sealed.events("after")}))
        state = sealed.check_log(storage, receipts)
        assert sealed.stored_ids(storage, state, "events")[-1] == "after", what
    assert len(losses[::23]) > 40


def test_what_a_power_loss_leaves_is_opened_and_verified_like_any_log(appends, simulated, tmp_path):
    promises = [after for after, _ in appends.acknowledged]
    start = simulated.SimulatedDisk(BEFORE).content
    every = simulated.power_losses(appends.disk.trace, start, promises, 0, set())
    losses = [loss for loss in every if f"{FOLDER}/checkpoint" in loss[2]]
    without_manifest = [loss for loss in losses if f"{FOLDER}/manifest.json" not in loss[2]]
    assert len(losses) > 1000
    assert len(without_manifest) > 0
    for number, (promised, what, files) in enumerate([*losses[::41], *without_manifest[::5]]):
        folder = tmp_path / str(number)
        for path, content in files.items():
            place = folder / path.removeprefix(f"{FOLDER}/")
            if path.startswith(f"{FOLDER}/") and not path.endswith("/"):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        report = examine_log(folder, remembered=False, rows=False)
        assert [(finding.code, finding.meaning) for finding in report.findings] == [], what
        found = open_store(folder).placed("events").collect()
        segments = [each for _, receipt in appends.acknowledged[:promised] for each in receipt.segments]
        assert {each.segment for each in segments if each.table == "events"} <= set(found["_segment"])


@pytest.fixture(scope="module")
def killed_before_syncing(simulated, sealed):
    """Return records in which one process made a folder and was killed, and another one goes on and is acknowledged."""
    recordings = []
    first = Recording(simulated, sealed)
    first.begin().append({"events": sealed.events("e1")})
    folders = [count for count, (kind, _) in enumerate(first.disk.asked) if kind == "make"]
    for made in folders:
        recording = Recording(simulated, sealed)
        recording.disk.kill_at = made + 1
        with pytest.raises(simulated.Killed):
            recording.begin().append({"events": sealed.events("e1")})
        recording.disk.restart()
        recording.acknowledged.clear()
        recording.begins = len(recording.disk.trace)
        begun = LocalStorage(FOLDER, recording.disk).exists("checkpoint")
        writer = recording.resume() if begun else recording.begin()
        recording.acknowledge(writer.append({"events": sealed.events("e2")}))
        recordings.append(recording)
    return recordings


def test_folders_that_a_killed_process_made_are_synced_by_the_next(killed_before_syncing):
    assert len(killed_before_syncing) > 6
    assert [recording.first_harm(begin=recording.begins) for recording in killed_before_syncing] == [None] * len(
        killed_before_syncing
    )


def test_a_process_that_trusts_the_folders_it_finds_loses_the_log(simulated, sealed, monkeypatch):
    """The test above has teeth: a writer that syncs only folders which it made itself is found out."""
    monkeypatch.setattr(LocalStorage, "_settle", _settle_only_missing)
    recording = Recording(simulated, sealed)
    recording.disk.kill_when = ("sync-folder", "/disk")
    with pytest.raises(simulated.Killed):
        recording.begin()
    recording.disk.restart()
    recording.begin()
    assert "lost" in recording.first_harm()


def _settle_only_missing(storage, folders):
    for folder in folders:
        full = storage._full(folder)
        parts = [path for path in _above(full) if not storage._disk.has_folder(path)]
        for path in parts:
            storage._disk.make_folder(path)
            storage._disk.sync_folders([path.rpartition("/")[0] or "/"])


def _above(path):
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]

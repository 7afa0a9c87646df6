"""A power loss at any moment, whatever of the unsynced bytes and names it takes: what was acknowledged survives.

SIGKILL keeps the page cache, so it cannot show a missing sync. Here a disk in memory records every operation of a writer;
each prefix of the record is then brought back with what was not synced lost, kept, cut or mixed (`simulated_disk`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit_lab.errors import AuditLabError
from audit_lab.log.receipt import Receipt
from audit_lab.log.storage import LocalStorage

FOLDER = Path("/disk/logs/log")


class Recording:
    """A disk's trace, the state it began with, and after how many operations what was acknowledged."""

    def __init__(self, simulated, sealed, disk) -> None:
        self.simulated, self.sealed, self.disk = simulated, sealed, disk
        self.acknowledged: list[tuple[int, object]] = []

    def acknowledge(self, receipt):
        self.acknowledged.append((len(self.disk.trace), receipt))
        return receipt

    def first_failure(self, left_out: int | None = None) -> str | None:
        """Return what is wrong after the first power loss that does harm, None where none does.

        `left_out` is the number of an operation that the disk forgets.
        """
        trace, promises = list(self.disk.trace), [after for after, _ in self.acknowledged]
        if left_out is not None:
            del trace[left_out]
            promises = [after - (after > left_out) for after in promises]
        start = self.simulated.SimulatedDisk(BEFORE).content
        self.states = 0
        for promised, what, files in self.simulated.power_losses(trace, start, promises, left_out or 0):
            self.states += 1
            wrong = self.wrong(files, [receipt for _, receipt in self.acknowledged[:promised]])
            if wrong:
                return f"{what}: {wrong}"
        return None

    def wrong(self, files, receipts) -> str | None:
        storage = LocalStorage(FOLDER, self.simulated.SimulatedDisk(files))
        if not receipts and not storage.exists("checkpoint"):
            return None
        try:
            self.sealed.check_log(storage, receipts)
        except (self.sealed.Broken, AuditLabError) as error:
            return str(error)
        return None


BEFORE = {"/disk/": b""}


@pytest.fixture(scope="module")
def recorded(simulated, sealed):
    disk = simulated.SimulatedDisk(BEFORE)
    vault, clock = sealed.MemoryVault(), sealed.Clock()
    recording = Recording(simulated, sealed, disk)
    writer = sealed.begun(LocalStorage(FOLDER, disk), vault, clock)
    recording.acknowledge(Receipt(writer.size, writer.root, "", ()))
    recording.acknowledge(writer.append({"events": sealed.events("e1")}))
    recording.acknowledge(writer.append({"predictions": sealed.predictions("a", "b"), "events": sealed.events("e2")}))
    recording.acknowledge(writer.append({"events": sealed.events("e3")}))
    recording.acknowledge(writer.heartbeat())
    recording.vault, recording.clock = vault, clock
    return recording


def test_what_was_acknowledged_survives_every_power_loss(recorded):
    assert recorded.first_failure() is None
    print(recorded.states, len(recorded.disk.trace))


def test_without_any_one_sync_a_power_loss_does_harm(recorded):
    syncs = [number for number, each in enumerate(recorded.disk.trace) if each.kind in {"sync", "sync-folder"}]
    harmless = [number for number in syncs if recorded.first_failure(number) is None]
    assert [(number, recorded.disk.trace[number].path) for number in harmless] == []
    assert len(syncs) == 0

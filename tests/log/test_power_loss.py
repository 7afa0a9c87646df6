"""A power loss at any moment, whatever of the unsynced bytes and names it takes: what was acknowledged survives.

SIGKILL keeps the page cache, so it cannot show a missing sync. Here a disk in memory records every operation of a writer;
each prefix of the record is then brought back with what was not synced lost, kept, cut or mixed (`simulated_disk`).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from audit_lab.errors import AuditLabError
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

    def first_failure(self, trace=None, begin: int = 0, positions=None) -> str | None:
        """Return what is wrong after the first power loss that does harm; None where none does."""
        trace = self.disk.trace if trace is None else trace
        count = 0
        for done, what, files in self.simulated.power_losses(trace, self.simulated.SimulatedDisk(BEFORE).content, begin):
            receipts = [receipt for after, receipt in self.acknowledged if (after if positions is None else positions[after]) <= done]
            count += 1
            wrong = self.wrong(files, receipts)
            if wrong:
                return f"after {done} operations, {what}: {wrong}"
        self.states = count
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
    trace = recorded.disk.trace
    syncs = [(number, each) for number, each in enumerate(trace) if each.kind in {"sync", "sync-folder"}]
    harmless = []
    for number, each in syncs:
        rest = recorded.simulated.without(trace, each)
        positions = {after: after - (after > number) for after, _ in recorded.acknowledged}
        if recorded.first_failure(rest, number, positions) is None:
            harmless.append((number, each.kind, each.path))
    assert harmless == []

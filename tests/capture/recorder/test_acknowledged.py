"""Acknowledged means on disk: a ticket is durable, and `flush` returns, when the disk has kept what was written.

A killed process cannot show that, as the system still holds what it wrote; a machine that loses power would.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from audit_lab.capture.recorder import spool_file
from audit_lab.errors import StorageError


@pytest.fixture
def disk(monkeypatch):
    """Return what the disk was told to keep: the size of each file by path when it was, and the folders."""
    kept, folders, may_go_on = {}, [], threading.Event()
    may_go_on.set()

    def sync(handle):
        assert may_go_on.wait(30)
        path = Path(f"/proc/self/fd/{handle}").readlink()
        kept[path] = path.stat().st_size

    monkeypatch.setattr(spool_file, "_sync", sync)
    monkeypatch.setattr(spool_file, "sync_folder", lambda path: folders.append(Path(path)))
    return kept, folders, may_go_on


def test_what_was_acknowledged_was_synced_and_so_was_the_folder_of_its_file(recorded, disk):
    kept, folders, _ = disk
    with recorded.recorder() as recorder:
        for number in range(20):
            ticket = recorder.record({"income": float(number)}, 0.5)
            ticket.wait(30)
            written = {path: path.stat().st_size for path in kept}
            assert written
            assert kept == written  # nothing lies behind what was synced when it was acknowledged
            assert {path.parent for path in kept} <= set(folders)


def test_no_ticket_is_durable_and_no_flush_returns_before_the_disk_has_kept_it(recorded, disk):
    _, _, may_go_on = disk
    with recorded.recorder() as recorder:
        recorder.record({"income": 1.0}, 0.5).wait(30)
        may_go_on.clear()
        ticket = recorder.record({"income": 2.0}, 0.5)
        flushed = threading.Event()
        thread = threading.Thread(target=lambda: (recorder.flush(), flushed.set()))
        thread.start()
        assert not flushed.wait(0.5)
        assert not ticket.is_durable
        with pytest.raises(StorageError, match="was not on the disk after"):
            ticket.wait(0.1)
        may_go_on.set()
        thread.join(30)
        assert flushed.is_set()
        assert ticket.is_durable

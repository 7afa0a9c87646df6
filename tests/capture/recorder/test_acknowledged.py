"""Acknowledged means on disk: a ticket is durable, and `flush` returns, when the disk has kept what was written.

A killed process cannot show that, as the system still holds what it wrote; a machine that loses power would.
"""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.capture.recorder import spool_file
from audit_lab.capture.recorder.sealing_process import seal_now
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


#: What a power loss leaves behind the bytes that were synced: nothing, half of what was written, zeros in its place.
LEFT = {
    "nothing": lambda _: b"",
    "half": lambda unsynced: unsynced[: len(unsynced) // 2],
    "zeros": lambda unsynced: bytes(len(unsynced)),
}


def after_power_loss(recorded, kept, folders, place, left):
    """Return what is found when the machine starts again: the log, and what the disk has kept of the spool."""
    for name in ("log", "vault"):
        shutil.copytree(recorded.folder.parent / name, place / name)
    spool = place / "log.spool"
    spool.mkdir(parents=True)
    for path, size in kept.items():
        if path.parent in folders and path.is_file():
            content = path.read_bytes()
            again = spool / path.relative_to(recorded.spool)
            again.parent.mkdir(exist_ok=True)
            again.write_bytes(content[:size] + left(content[size:]))
    seal_now(place / "log", spool, vault=place / "vault")
    return al.open(place / "log").predictions.collect()["prediction_id"].to_list()


@pytest.mark.parametrize("left", LEFT)
def test_a_power_loss_takes_no_acknowledged_record_and_leaves_none_twice(recorded, disk, tmp_path, left):
    kept, folders, may_go_on = disk
    acknowledged, pending = [], []
    with recorded.recorder() as recorder:
        for round_number in range(4):
            tickets = [recorder.record({"income": float(number)}, 0.5) for number in range(30)]
            for ticket in tickets:
                ticket.wait(30)
            acknowledged += [ticket.prediction_id for ticket in tickets]
            may_go_on.clear()  # what comes now is written, and the disk has not kept it yet
            pending += [recorder.record({"income": 0.0}, 0.5) for _ in range(30)]
            time.sleep(0.1)
            place = tmp_path / f"started again {round_number}"
            found = after_power_loss(recorded, dict(kept), set(folders), place, LEFT[left])
            assert set(acknowledged) <= set(found)
            assert len(found) == len(set(found))
            may_go_on.set()
            pending[-1].wait(30)
            acknowledged += [ticket.prediction_id for ticket in pending]
            pending.clear()


def test_a_spool_file_that_a_power_loss_brings_back_is_not_sealed_twice(recorded, tmp_path):
    with recorded.recorder() as recorder:
        tickets = [recorder.record({"income": float(number)}, 0.5) for number in range(50)]
    kept = tmp_path / "kept"
    shutil.copytree(recorded.spool, kept)
    recorded.seal()
    assert not list(recorded.spool.rglob("*" + spool_file.CLOSED))
    shutil.copytree(kept, recorded.spool, dirs_exist_ok=True)  # that it was removed was not on the disk yet
    recorded.seal()
    assert sorted(recorded.predictions["prediction_id"]) == sorted(ticket.prediction_id for ticket in tickets)

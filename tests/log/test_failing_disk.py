"""A disk that is full, or fails, at any one operation: nothing acknowledged is lost, and the next append works."""

from __future__ import annotations

import contextlib
import errno
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import StorageError
from audit_lab.log.files.storage import LocalStorage

FOLDER = Path("/disk/log")
#: What asks for space, or for a place in a folder.
GROWING = {"make", "open", "write", "sync", "rename", "sync-folder", "lock"}


@pytest.fixture(scope="module")
def before(simulated, sealed):
    """Return a disk with a log of two appends, its vault, the receipts, and a clock that goes on from there."""
    disk = simulated.SimulatedDisk({"/disk/": b""})
    vault, clock = sealed.MemoryVault(), sealed.Clock()
    writer = sealed.begun(LocalStorage(FOLDER, disk), vault, clock)
    receipts = [
        writer.append({"predictions": sealed.predictions("a", "b")}),
        writer.append({"events": sealed.events("e1")}),
    ]
    return disk, vault, receipts, clock.now


def tried(before, sealed, work, fault=None):
    """Do `work` with a writer on a copy of the disk, at which one operation fails; return disk, writer and error."""
    disk, vault, acknowledged, now = before
    disk, receipts = disk.copy(), list(acknowledged)
    writer = sealed.resumed(LocalStorage(FOLDER, disk), vault, sealed.Clock(now))
    first = disk.count
    if fault is not None:
        disk.fail = {first + fault[0]: fault[1]}
    try:
        receipts.append(work(writer))
    except StorageError as error:
        return disk, writer, receipts, error
    return disk, writer, receipts, [kind for kind, _ in disk.asked[first:]]


def append(sealed):
    """Return an append to two tables, of which one, and its folder, is new."""
    outcomes = pl.DataFrame({"prediction_id": ["c"], "observed_at": [sealed.START]})
    return lambda writer: writer.append({"outcomes": outcomes, "predictions": sealed.predictions("c")})


@pytest.mark.parametrize(("code", "reason"), [(errno.EIO, "failing"), (errno.ENOSPC, "full")], ids=["EIO", "ENOSPC"])
def test_an_append_survives_a_fault_at_any_operation(before, sealed, code, reason):
    work = append(sealed)
    *_, kinds = tried(before, sealed, work)
    refused = 0
    for number, kind in enumerate(kinds):
        if code == errno.ENOSPC and kind not in GROWING:
            continue
        disk, writer, receipts, outcome = tried(before, sealed, work, (number, code))
        disk.restart()
        storage = LocalStorage(FOLDER, disk)
        state = sealed.check_log(storage, receipts)
        ids = sealed.stored_ids(storage, state)
        if isinstance(outcome, StorageError):
            refused += 1
            assert outcome.reason == reason
            stands = "the entries stand in the log" in outcome.message
            assert stands != ("nothing of this is in the log" in outcome.message)
            assert ids == (["a", "b", "c"] if stands else ["a", "b"]), (number, kind, outcome.message)
        receipts.append(writer.append({"predictions": sealed.predictions("d")}))
        state = sealed.check_log(storage, receipts)
        assert sealed.stored_ids(storage, state) == [*ids, "d"]
    assert refused > 40


def test_an_interrupt_at_any_operation_undoes_nothing_that_was_sealed(before, sealed):
    """What is removed when somebody presses Ctrl-C was not sealed: the checkpoint may be in place by then."""
    disk, vault, acknowledged, now = before
    *_, kinds = tried(before, sealed, append(sealed))
    sealed_all_the_same = 0
    for number in range(len(kinds)):
        left, receipts = disk.copy(), list(acknowledged)
        storage = LocalStorage(FOLDER, left)
        writer = sealed.resumed(storage, vault, sealed.Clock(now))
        left.interrupt_at = left.count + number
        with contextlib.suppress(KeyboardInterrupt):
            append(sealed)(writer)
        left.interrupt_at = None
        state = sealed.check_log(storage, receipts)
        sealed_all_the_same += state.size > acknowledged[-1].size
        receipts.append(writer.append({"predictions": sealed.predictions("d")}))
        sealed.check_log(storage, receipts)
    assert 0 < sealed_all_the_same < len(kinds)


def test_what_an_append_wrote_in_vain_is_removed(before, sealed):
    disk, *_ = before
    kept = set(disk.files())
    work = append(sealed)
    *_, kinds = tried(before, sealed, work)
    renames = [number for number, kind in enumerate(kinds) if kind == "rename"]
    for number in (renames[0], renames[3], renames[-2]):
        left, *_ = tried(before, sealed, work, (number, errno.ENOSPC))
        rows = [path for path in set(left.files()) - kept if path.endswith((".parquet", ".leaves", ".index"))]
        assert rows == []


def test_compaction_survives_a_fault_at_any_operation(before, sealed, simulated):
    def work(writer):
        writer.compact()
        writer.remove_replaced(timedelta(0), actor="tests")
        return writer.heartbeat()

    disk, vault, _, now = before
    writer = sealed.resumed(LocalStorage(FOLDER, disk), vault, sealed.Clock(now))
    writer.append({"predictions": sealed.predictions("c")})
    *_, kinds = tried(before, sealed, work)
    assert kinds.count("unlink") > 4
    for number in range(len(kinds)):
        left, writer, acknowledged, _ = tried(before, sealed, work, (number, errno.EIO))
        left.restart()
        storage = LocalStorage(FOLDER, left)
        sealed.check_log(storage, acknowledged)
        acknowledged.append(writer.append({"predictions": sealed.predictions("d")}))
        state = sealed.check_log(storage, acknowledged)
        assert sealed.stored_ids(storage, state) == ["a", "b", "c", "d"]


def test_a_log_cannot_be_begun_on_a_full_disk_and_can_be_later(simulated, sealed):
    clean = simulated.SimulatedDisk({"/disk/": b""})
    sealed.begun(LocalStorage(FOLDER, clean), sealed.MemoryVault())
    for number in range(clean.count):
        disk, vault = simulated.SimulatedDisk({"/disk/": b""}), sealed.MemoryVault()
        disk.fail = {number: errno.ENOSPC}
        refusal = None
        try:
            sealed.begun(LocalStorage(FOLDER, disk), vault)
        except StorageError as error:  # none where only the manifest could not be written: the log is begun
            refusal = error
        assert refusal is None or refusal.reason == "full"
        disk.restart()
        storage = LocalStorage(FOLDER, disk)
        writer = sealed.resumed(storage, vault) if storage.exists("checkpoint") else sealed.begun(storage, vault)
        receipt = writer.append({"events": sealed.events("e1")})
        sealed.check_log(storage, [receipt])


@pytest.mark.parametrize(
    ("code", "reason", "said"),
    [
        (errno.ENOSPC, "full", "the disk is full; nothing of this is in the log"),
        (errno.EDQUOT, "full", "the disk quota is used up; nothing"),
        (errno.EROFS, "read-only", "it is on a read-only medium; nothing"),
        (errno.EACCES, "denied", "permission is denied; nothing"),
        (errno.EIO, "failing", "the disk failed; nothing"),
    ],
)
def test_each_fault_is_told_in_a_sentence(before, sealed, code, reason, said):
    *_, kinds = tried(before, sealed, append(sealed))
    _, _, _, error = tried(before, sealed, append(sealed), (kinds.index("write"), code))
    assert error.reason == reason
    assert said in error.message
    assert "all that was acknowledged before is kept" in error.message


def test_a_read_only_folder_is_told_at_once(before, sealed):
    disk, vault, _, _ = before
    disk = disk.copy()
    disk.is_read_only = True
    storage = LocalStorage(FOLDER, disk)
    with pytest.raises(StorageError, match="cannot write to the folder of /disk/log: it is on a read-only medium"):
        sealed.resumed(storage, vault)

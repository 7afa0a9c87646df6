"""The disk fails, the process ends or the machine loses power at any one operation, from a first record to its seal.

What recorder, sealer and log ask of the file system is watched (`watched_disk`) and counted, and each of it is where it
ends once. What was acknowledged is in the log afterwards, and nothing is there twice.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.capture.recorder import lifetime, spool_writer
from audit_lab.capture.recorder.recorder import Recorder
from audit_lab.capture.recorder.sealing_process import seal_now
from audit_lab.capture.recorder.spool_file import RECORDS, Frame, read_frames, read_header
from audit_lab.errors import AuditLabError, StorageError

RECORDERS, RECORDS_EACH = 2, 2
PATIENCE_S = 20


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Return a folder with a log in which a record is sealed already, and its vault."""
    place = tmp_path_factory.mktemp("begun")
    al.create_log(place / "log", "demonstration-recorded", vault=place / "vault").close()
    with recorder_of(place) as recorder:
        recorder.record({"income": 0.0}, 0.5, prediction_id="before").wait(30)
    seal_now(place / "log", place / "log.spool", vault=place / "vault")
    shutil.rmtree(place / "log.spool")
    return place


def recorder_of(place):
    return Recorder(place / "log", model="loans", version="7", vault=place / "vault", seal=False, gather_s=0.001)


class Tried:
    """One try in a copy of the folder: what was acknowledged, of what was taken, and what was asked of the disk."""

    def __init__(self, begun, place, monkeypatch, simulated, watched) -> None:
        shutil.copytree(begun, place)
        self.place = place
        self.taken: list[str] = []
        self.acknowledged: list[str] = ["before"]
        #: After how many operations of the trace how many were acknowledged.
        self.promises: list[int] = [0]
        self.disk = watched.WatchedDisk(place, monkeypatch, simulated)
        self.ended = simulated.Killed

    def record_all(self) -> None:
        for which in range(RECORDERS):
            recorder = recorder_of(self.place)
            try:
                for number in range(RECORDS_EACH):
                    self._record(recorder, f"r{which}-{number}")
                self._close(recorder)
            finally:
                lifetime._RECORDERS.discard(recorder)
                if recorder._writer is not None:
                    recorder._writer._is_ending = True
                    recorder._writer.wake.set()
                    recorder._writer._thread.join(30)
                self._let_go()

    def _let_go(self) -> None:
        """Close what is open in the spool: locks go with their process."""
        for handle in list(Path("/proc/self/fd").iterdir()):
            with suppress(OSError):
                if handle.readlink().is_relative_to(self.place / "log.spool"):
                    os.close(int(handle.name))

    def _record(self, recorder, name) -> None:
        try:
            ticket = recorder.record({"income": 1.0}, 0.5, prediction_id=name)
        except StorageError:
            return
        self.taken.append(name)
        deadline = time.monotonic() + PATIENCE_S
        while not ticket.is_durable:
            assert time.monotonic() < deadline, f"{name} is never acknowledged"
            try:
                ticket.wait(0.05)
            except StorageError as error:
                if not recorder._writer._thread.is_alive():
                    raise self.ended from error
                if self.disk.fail_from is not None:
                    return  # nobody waits longer for a disk that goes on refusing
        self.acknowledged.append(name)
        self.promises.append(len(self.disk.disk.trace))

    def _close(self, recorder) -> None:
        with suppress(StorageError):
            recorder.close(5)
            return
        if recorder._writer is not None and not recorder._writer._thread.is_alive() and self.disk.end_at is not None:
            raise self.ended
        with suppress(StorageError):
            recorder.close(5)

    def seal(self) -> None:
        seal_what_is_there(self.place)

    def sealed_ids(self) -> list[str]:
        return ids(self.place)


def seal_what_is_there(place) -> None:
    if (place / "log.spool").is_dir():
        seal_now(place / "log", place / "log.spool", vault=place / "vault")


def ids(place) -> list[str]:
    return al.open(place / "log").predictions.collect()["prediction_id"].to_list()


@pytest.fixture
def attempt(begun, tmp_path, monkeypatch, simulated, watched):
    """Return a function that begins a try, whose disk is watched until the next."""
    monkeypatch.setattr(spool_writer, "_PAUSE_S", 0.001)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # a writer's thread ends when its process does
    with monkeypatch.context() as patch:

        def make() -> Tried:
            patch.undo()
            shutil.rmtree(tmp_path / "tried", ignore_errors=True)
            return Tried(begun, tmp_path / "tried", patch, simulated, watched)

        yield make


@pytest.fixture
def operations(attempt):
    """Return what is asked of a disk that works."""
    tried = attempt()
    tried.record_all()
    tried.seal()
    assert sorted(tried.sealed_ids()) == sorted(tried.acknowledged)
    assert len(tried.acknowledged) == 1 + RECORDERS * RECORDS_EACH
    return tried.disk.asked


def seal_until_it_can(tried) -> None:
    """Seal as the process that seals does, which tries again."""
    for _ in range(3):
        try:
            tried.seal()
        except (AuditLabError, OSError):
            continue
        return
    raise AssertionError("what is spooled cannot be sealed")


def check(tried, what) -> None:
    tried.disk.restart()
    seal_until_it_can(tried)
    found = tried.sealed_ids()
    assert set(tried.acknowledged) <= set(found), what
    assert set(found) <= {"before", *tried.taken}, what
    assert len(found) == len(set(found)), what
    spool = tried.place / "log.spool"
    assert [path for path in spool.rglob("*") if path.suffix in (".open", ".spool", ".damaged")] == [], what


FAULTS = {"fails once": errno.EIO, "is full from then on": errno.ENOSPC, "ends": 0}
#: What the log asks of the disk is tried at any one operation by its own tests: of it every so many is tried here.
EACH = 25


@pytest.mark.parametrize("what", FAULTS)
def test_whatever_happens_at_any_operation_each_acknowledged_record_is_in_the_log_once(
    attempt, operations, watched, what
):
    tried_in_spool = refused = 0
    for number, (kind, path) in enumerate(operations):
        is_spool = path.startswith("/log.spool")
        if not is_spool and number % EACH:
            continue
        if "full" in what and kind not in watched.GROWING:
            continue
        tried = attempt()
        if what == "ends":
            tried.disk.end_at = number
        elif what == "is full from then on":
            tried.disk.fail_from = (number, FAULTS[what])
        else:
            tried.disk.fail = {number: FAULTS[what]}
        try:
            tried.record_all()
            tried.seal()
        except (AuditLabError, OSError, tried.ended):
            refused += 1
        tried_in_spool += is_spool
        if "once" in what:  # it is asked again, and all that was taken is acknowledged in the end
            assert len(tried.taken) == len(tried.acknowledged) - 1
        check(tried, f"{kind} {path}, operation {number}")
    assert tried_in_spool > 20
    assert refused > (1 if "once" in what else 20)


def spooled_or_sealed(place) -> set[str]:
    """Return what is to be found in whatever a power loss left, without changing it."""
    found = set(ids(place))
    for path in (place / "log.spool").glob("*/*"):
        with path.open("rb") as file:
            header = read_header(file, str(path))
            frames = () if header is None else read_frames(file)
            for frame in frames:
                if isinstance(frame, Frame) and frame.kind == RECORDS:
                    found |= {record[0] for record in frame.items}
    return found


class PowerLosses:
    """Every power loss amid one try, and what is wrong after each."""

    def __init__(self, tried, simulated, place) -> None:
        self.tried, self.simulated, self.place = tried, simulated, place
        self.seen: set[tuple[int, bytes]] = set()
        self.states = 0

    def left(self, left_out=None, upto=None):
        """Yield what was acknowledged, what was lost in a phrase, and the folder as it is found afterwards."""
        trace, promises = list(self.tried.disk.disk.trace[:upto]), self.tried.promises
        begin = 0
        if left_out is not None:
            del trace[left_out]
            promises, begin = [after - (after > left_out) for after in promises], left_out
        start = self.simulated.SimulatedDisk(self.tried.disk.before).content
        for promised, what, files in self.simulated.power_losses(trace, start, promises, begin, self.seen):
            self.states += 1
            yield set(self.tried.acknowledged[:promised]), what, files

    def restore(self, files) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for path, content in sorted(files.items()):
            whole = self.place / path.strip("/")
            if path.endswith("/"):
                whole.mkdir(parents=True, exist_ok=True)
            else:
                whole.parent.mkdir(parents=True, exist_ok=True)
                whole.write_bytes(content)
        for path in [self.place / "vault", *(self.place / "vault").rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)

    def harm(self, left_out=None, upto=None, each=1):
        """Return what is wrong after the first power loss that takes what was acknowledged; None where none does."""
        for acknowledged, what, files in self.left(left_out, upto):
            if self.states % each:
                continue
            self.restore(files)
            missing = acknowledged - spooled_or_sealed(self.place)
            if missing:
                return f"{what}: {sorted(missing)} lost"
        return None


@pytest.fixture
def lost(attempt, simulated, tmp_path):
    """Return the power losses amid a try, and how many operations of it were the recorders'."""
    tried = attempt()
    tried.record_all()
    recorded = len(tried.disk.disk.trace)
    tried.seal()
    return PowerLosses(tried, simulated, tmp_path / "left"), recorded


def test_a_power_loss_at_any_operation_takes_nothing_that_was_acknowledged(lost):
    losses, recorded = lost
    assert losses.harm(upto=recorded) is None
    assert losses.states > 20
    assert losses.harm(each=7) is None
    assert losses.states > 1000


def test_after_a_power_loss_at_any_operation_all_is_sealed_once(lost):
    losses, _ = lost
    sealed = 0
    for acknowledged, what, files in losses.left():
        if losses.states % 23:
            continue
        losses.restore(files)
        seal_what_is_there(losses.place)
        found = ids(losses.place)
        assert acknowledged <= set(found), what
        assert len(found) == len(set(found)), what
        sealed += 1
    assert sealed > 40


def test_without_a_sync_before_an_acknowledgement_a_power_loss_does_harm(lost):
    """All but two: of a file's header, which the sync of the first records takes along, and of the name it is left."""
    losses, recorded = lost
    trace = losses.tried.disk.disk.trace[:recorded]
    syncs = [number for number, each in enumerate(trace) if each.kind in ("sync", "sync-folder")]
    harmless = []
    for number in syncs:
        losses.seen.clear()
        if losses.harm(left_out=number, upto=recorded) is None:
            harmless.append(number)
    headers = [number + 2 for number, each in enumerate(trace) if each.kind == "open"]
    left = [number + 1 for number, each in enumerate(trace) if each.kind == "rename"]
    assert harmless == sorted(headers + left)
    assert len(syncs) - len(harmless) >= RECORDERS * (RECORDS_EACH + 2)

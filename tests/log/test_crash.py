"""A writer that is killed at any moment: the log opens, holds every acknowledged row, and its tree verifies."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.integrity import examine_log
from audit_lab.log.writing.receipt import Receipt, SealedRows
from audit_lab.log.writing.writer import create_log

ORIGIN = "demonstration-tests"
FOLDER = Path("/disk/log")
KILLS, LOGS = 200, 10
#: A writer lives for up to three appends, and then for up to one more.
MOST_APPENDS = 3
LONGEST_APPEND_S = 0.03
#: A test that waits so long for a line waits for ever.
PATIENCE_S = 120


class Writers:
    """Starts writing processes, one at a time, and reads what they acknowledge."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("appending_process.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._rest = b""

    def start(self, folder: Path, name: str) -> int:
        order = {"folder": str(folder), "vault": f"{folder}-vault", "name": name}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return self.read("started")[-1]["pid"]

    def read(self, until: str) -> list[dict]:
        """Return the lines up to the first of a kind."""
        lines: list[dict] = []
        deadline = time.monotonic() + PATIENCE_S
        while not lines or lines[-1]["kind"] != until:
            while b"\n" not in self._rest:
                assert time.monotonic() < deadline, f"the writing process never says {until}"
                assert select.select([self._process.stdout], [], [], PATIENCE_S)[0], "the writing process says nothing"
                self._rest += os.read(self._process.stdout.fileno(), 65_536)
            line, _, self._rest = self._rest.partition(b"\n")
            lines.append(json.loads(line))
            assert lines[-1]["kind"] != "failed", lines[-1]
        return lines

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def memory_folder():
    """Return a folder in memory where there is one: a kill keeps the page cache, so the disk has no part in this."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() and os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place, prefix="audit_lab-crash-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def writers():
    started = Writers()
    yield started
    started.end()


def receipt_of(line: dict) -> Receipt:
    stated = line["receipt"]
    return Receipt(
        stated["size"], stated["root"], stated["sealed_at"], tuple(SealedRows(**each) for each in stated["segments"])
    )


class Killing:
    """One log whose writers are killed, and everything that they acknowledged."""

    def __init__(self, sealed, folder: Path) -> None:
        self.sealed, self.folder, self.storage = sealed, folder, LocalStorage(folder)
        self.acknowledged: dict[str, Receipt] = {}
        self.left: set[str] = set()
        create_log(folder, ORIGIN, vault=f"{folder}-vault", clock=lambda: sealed.START)

    def note(self, lines: list[dict]) -> None:
        for line in lines:
            if line["kind"] == "acknowledged":
                self.acknowledged |= dict.fromkeys(line["ids"], receipt_of(line))

    def check(self) -> bool:
        """Check the log; return whether something is left over that was not before: the kill came amid an append."""
        state = self.sealed.check_log(self.storage, self.acknowledged.values())
        ids = self.sealed.stored_ids(self.storage, state, "events")
        assert set(self.acknowledged) <= set(ids)
        assert len(set(ids)) == len(ids)
        known = {path for files in state.files.values() for path in files} | set(state.replaced) | state.disposed
        left = {path for path in self.storage.list() if path.endswith(".parquet") or ".aside-" in path} - known
        before, self.left = self.left, left
        return not left <= before


def test_two_hundred_kills_lose_nothing(writers, memory_folder, sealed):
    generator = random.Random(20260302)
    interrupted = appends = 0
    for number in range(LOGS):
        log = Killing(sealed, memory_folder / f"log-{number}")
        for kill in range(KILLS // LOGS):
            pid = writers.start(log.folder, f"w{kill}")
            lines = []
            for kind in ["ready", *["acknowledged"] * MOST_APPENDS][: generator.randrange(MOST_APPENDS + 2)]:
                lines += writers.read(kind)
            time.sleep(generator.random() * LONGEST_APPEND_S)
            os.kill(pid, signal.SIGKILL)
            log.note([*lines, *writers.read("ended")])
            interrupted += log.check()
        appends += len(log.acknowledged) // 2
        assert examine_log(log.folder, remembered=False, rows=False).findings == ()
    assert appends > KILLS
    assert interrupted > 0


@pytest.mark.soak
def test_writers_that_share_a_log_and_are_killed_lose_nothing(tmp_path, sealed):
    """Three writers at once, on the disk, each killed a hundred times while the others go on."""
    generator = random.Random(7)
    log = Killing(sealed, tmp_path / "log")
    processes = [Writers() for _ in range(3)]
    pids = [process.start(log.folder, f"p{number}-0") for number, process in enumerate(processes)]
    for kill in range(300):
        number = generator.randrange(3)
        time.sleep(generator.random() * 0.2)
        os.kill(pids[number], signal.SIGKILL)
        log.note(processes[number].read("ended"))
        pids[number] = processes[number].start(log.folder, f"p{number}-{kill + 1}")
    for process, pid in zip(processes, pids, strict=True):
        os.kill(pid, signal.SIGKILL)
        log.note(process.read("ended"))
        process.end()
    log.check()
    assert examine_log(log.folder, vault=Path(f"{log.folder}-vault"), remembered=False).findings == ()
    assert len(log.acknowledged) > 300


@pytest.mark.parametrize("work", ["append", "compact"])
def test_a_process_that_ends_at_any_operation_loses_nothing(simulated, sealed, work):
    disk, vault, clock = simulated.SimulatedDisk({"/disk/": b""}), sealed.MemoryVault(), sealed.Clock()
    writer = sealed.begun(LocalStorage(FOLDER, disk), vault, clock)
    receipts = [writer.append({"events": sealed.events(name)}) for name in ("e1", "e2")]

    def do(writer):
        if work == "append":
            return writer.append({"predictions": sealed.predictions("a", "b")})
        writer.compact()
        return writer.heartbeat()

    tried = disk.copy()
    first = tried.count
    do(sealed.resumed(LocalStorage(FOLDER, tried), vault, sealed.Clock(clock.now)))
    operations = tried.count - first
    for number in range(operations):
        left = disk.copy()
        left.kill_at = number
        with pytest.raises(simulated.Killed):
            do(sealed.resumed(LocalStorage(FOLDER, left), vault, sealed.Clock(clock.now)))
        left.restart()
        storage = LocalStorage(FOLDER, left)
        sealed.check_log(storage, receipts)
        another = sealed.resumed(storage, vault, sealed.Clock(clock.now))
        state = sealed.check_log(storage, [*receipts, another.append({"events": sealed.events("e3")})])
        assert sealed.stored_ids(storage, state, "events") == ["e1", "e2", "e3"]
        assert [path for path in storage.list() if ".aside-" in path] == []
    assert operations > 60

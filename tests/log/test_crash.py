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

from audit_lab.log.receipt import Receipt, SealedRows
from audit_lab.log.storage import LocalStorage
from audit_lab.log.vault import Vault
from audit_lab.log.writer import create_log

ORIGIN = "demonstration-crash"
LOGS = 10
#: A writer lives for up to three appends, and then for up to one more.
MOST_APPENDS = 3
LONGEST_APPEND_S = 0.03


class Writers:
    """Starts writing processes, one at a time, and reads what they acknowledge."""

    def __init__(self, vault: Path) -> None:
        script = Path(__file__).with_name("appending_process.py")
        command = [sys.executable, str(script), str(vault)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._rest = b""

    def start(self, folder: Path, name: str) -> int:
        self._process.stdin.write(json.dumps({"folder": str(folder), "name": name}).encode() + b"\n")
        self._process.stdin.flush()
        return self.read("started")[-1]["pid"]

    def read(self, until: str) -> list[dict]:
        """Return the lines up to the first of a kind."""
        lines: list[dict] = []
        while not lines or lines[-1]["kind"] != until:
            while b"\n" not in self._rest:
                assert select.select([self._process.stdout], [], [], 30)[0], "the writing process says nothing"
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
def writers(memory_folder):
    Vault.create(ORIGIN, memory_folder / "vault")
    started = Writers(memory_folder / "vault")
    yield started
    started.end()


def receipt_of(line: dict) -> Receipt:
    stated = line["receipt"]
    return Receipt(
        stated["size"], stated["root"], stated["sealed_at"], tuple(SealedRows(**each) for each in stated["segments"])
    )


def test_two_hundred_kills_lose_nothing(writers, memory_folder, sealed, monkeypatch):
    monkeypatch.setattr(sealed, "ORIGIN", ORIGIN)
    generator = random.Random(20260302)
    vault = Vault.open(ORIGIN, memory_folder / "vault")
    begun = time.monotonic()
    appended = interrupted = 0
    for log in range(LOGS):
        folder = memory_folder / f"log-{log}"
        create_log(folder, ORIGIN, vault=vault).close()
        acknowledged: dict[str, Receipt] = {}
        storage = LocalStorage(folder)
        for kill in range(20):
            pid = writers.start(folder, f"w{log}-{kill}")
            lines = []
            for kind in ["ready", *["acknowledged"] * MOST_APPENDS][: generator.randrange(MOST_APPENDS + 2)]:
                lines += writers.read(kind)
            time.sleep(generator.random() * LONGEST_APPEND_S)
            os.kill(pid, signal.SIGKILL)
            lines += writers.read("ended")
            for line in lines:
                if line["kind"] == "acknowledged":
                    acknowledged |= dict.fromkeys(line["ids"], receipt_of(line))
            state = sealed.check_log(storage, acknowledged.values())
            ids = sealed.stored_ids(storage, state, "events")
            assert set(acknowledged) <= set(ids)
            assert len(set(ids)) == len(ids)
            known = {path for files in state.files.values() for path in files} | set(state.replaced) | state.disposed
            left = [path for path in storage.list() if path.endswith(".parquet") or ".aside-" in path]
            interrupted += not known.issuperset(left)
        appended += len(acknowledged) // 2
    print(appended, interrupted, time.monotonic() - begun)
    assert appended > 200
    assert interrupted > 10

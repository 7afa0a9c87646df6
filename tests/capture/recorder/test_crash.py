"""Recorders that are killed at any moment: what was acknowledged is in the log, once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.capture.recorder import sealing
from audit_lab.capture.recorder.sealing import LOCK
from audit_lab.capture.recorder.spool_file import hold

PROCESS = Path(__file__).with_name("recording_process.py")


def started(recorded, name: str, seal: str) -> subprocess.Popen:
    words = [sys.executable, str(PROCESS), str(recorded.folder), str(recorded.vault), name, seal]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen, after: float) -> set[str]:
    """Kill a process some time after it first acknowledged; return all that it acknowledged."""
    first = process.stdout.readline()
    time.sleep(after)
    process.kill()
    rest = process.stdout.read()
    process.stdout.close()
    process.wait(60)
    lines = (first + rest).rpartition("\n")[0].splitlines()
    process.sealing = [int(line.split()[1]) for line in lines if line.startswith("sealing ")]
    return {line for line in lines if not line.startswith("sealing ")}


def kill_who_seals(process: subprocess.Popen) -> None:
    """Kill the processes that one started to seal, where they are there still."""
    for number in process.sealing:
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"audit_lab.capture.recorder.sealing_process" in Path(f"/proc/{number}/cmdline").read_bytes():
                os.kill(number, signal.SIGKILL)


def all_sealed(recorded):
    """Wait until no process seals, and seal what is left."""
    deadline = time.monotonic() + 60
    while (recorded.spool / LOCK).exists():
        with hold(recorded.spool / LOCK) as held:
            if held:
                break
        assert time.monotonic() < deadline, "a process seals on after who started it was killed"
        time.sleep(0.05)
    return recorded.seal()


def check(recorded, acknowledged: set[str]) -> None:
    ids = recorded.predictions["prediction_id"]
    assert ids.n_unique() == ids.len(), "a record is in the log twice"
    assert acknowledged <= set(ids)
    rows = recorded.inputs.sort("who", "thread", "number")
    assert rows["prediction_id"].n_unique() == ids.len()
    for _, own in recorded.predictions.group_by("writer_id"):
        assert sorted(own["sequence"]) == list(range(1, own.height + 1))
    report = al.open(recorded.folder).verify(vault=recorded.vault)
    assert not report.findings


@pytest.mark.parametrize("seal", ["seal", "leave"])
def test_killed_recorders_lose_nothing_that_was_acknowledged(recorded, seal):
    generator = random.Random(20261129)
    acknowledged: set[str] = set()
    for number in range(3):
        processes = [started(recorded, f"{number}-{each}", seal) for each in range(2)]
        for process in processes:
            acknowledged |= killed(process, generator.uniform(0.0, 0.2))
    all_sealed(recorded)
    assert acknowledged
    check(recorded, acknowledged)


def test_who_seals_is_killed_again_and_again_while_a_recorder_goes_on(recorded, monkeypatch):
    monkeypatch.setattr(sealing, "_PAUSE_S", 0.05)
    generator = random.Random(5)
    acknowledged: set[str] = set()
    killed_at: set[int] = set()
    with recorded.recorder(seal=True, seal_s=0.02) as recorder:
        deadline = time.monotonic() + 120
        while len(killed_at) < 4:
            assert time.monotonic() < deadline, "nobody seals any more"
            tickets = [recorder.record({"who": "a", "thread": 0, "number": len(acknowledged)}, 0.5) for _ in range(20)]
            recorder.flush()
            acknowledged |= {ticket.prediction_id for ticket in tickets}
            process = recorder._sealing._process
            if process is not None and process.pid not in killed_at and process.poll() is None:
                time.sleep(generator.uniform(0.0, 2.0))
                process.kill()
                killed_at.add(process.pid)
    all_sealed(recorded)
    check(recorded, acknowledged)


#: Records onto a disk that is full at some time, says what it was told, seals, and says what was on the disk.
FILLING = """
import sys
from pathlib import Path

import audit_lab as al
from audit_lab.capture.recorder.sealing_process import seal_now
from audit_lab.errors import StorageError

log, vault, spool, most = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if not most:
    import resource
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
recorder = al.Recorder(
    log, model="loans", version="7", vault=vault, spool=spool, seal=False, gather_s=0.001, memory_mb=0.05
)
taken = []
told = set()
while len(taken) < 2_000:
    try:
        taken.append(recorder.record({"who": "x" * 200, "thread": 0, "number": len(taken)}, 0.5))
        taken[-1].wait()
    except StorageError as error:
        told.add(error.message)
        if most:
            break
try:
    recorder.close(20)
except StorageError as error:
    told.add(error.message)
if not most:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
done = seal_now(Path(log), Path(spool), vault=vault)
print(done.damaged_bytes, *told, sep="|")
print("\\n".join(ticket.prediction_id for ticket in taken if ticket.is_durable), flush=True)
"""


def filled(recorded, spool: Path, most: int, around: list[str]) -> tuple[set[str], str]:
    words = [sys.executable, "-c", FILLING, str(recorded.folder), str(recorded.vault), str(spool), str(most)]
    made = subprocess.run([*around, *words], check=True, capture_output=True, text=True)
    told, *durable = made.stdout.splitlines()
    return set(durable), told


def test_a_disk_that_is_full_for_good_keeps_what_was_acknowledged(recorded, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    walls = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=300k none {place}"
    if subprocess.run([*walls, mount], check=False, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    durable, told = filled(recorded, place / "spool", 2_000, [*walls, f'{mount} && exec "$0" "$@"'])
    assert told.startswith("0|")
    assert "the disk is full" in told
    assert 100 < len(durable) < 2_000
    check(recorded, durable)


def test_a_file_that_may_not_grow_is_followed_by_another(recorded):
    durable, told = filled(recorded, recorded.spool, 0, [])
    assert told.startswith("0|cannot write records to ")
    assert len(durable) == 2_000
    check(recorded, durable)


@pytest.mark.soak
def test_a_hundred_kills_of_recorders_and_of_who_seals(recorded):
    generator = random.Random(7)
    acknowledged: set[str] = set()
    for number in range(100):
        process = started(recorded, str(number), "seal")
        acknowledged |= killed(process, generator.uniform(0.0, 0.3))
        if number % 2:
            kill_who_seals(process)
    all_sealed(recorded)
    check(recorded, acknowledged)

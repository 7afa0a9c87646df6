"""Recorders that are killed at any moment: what was acknowledged is in the log, once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import audit_lab as al
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
    whole = (first + rest).rpartition("\n")[0]
    return set(whole.splitlines())


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


@pytest.mark.soak
def test_a_hundred_kills_of_recorders_and_of_who_seals(recorded):
    generator = random.Random(7)
    acknowledged: set[str] = set()
    for number in range(100):
        process = started(recorded, str(number), "seal")
        acknowledged |= killed(process, generator.uniform(0.0, 0.3))
        if number % 2:
            subprocess.run(["pkill", "-9", "-f", "audit_lab.capture.recorder.sealing_process"], check=False)
    all_sealed(recorded)
    check(recorded, acknowledged)

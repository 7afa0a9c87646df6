"""One job in a child of its own: what crosses, what the child sees, and how each bad end is told."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from pathlib import Path

import polars as pl
import pytest

from audit_lab.errors import MisuseError, SandboxError
from audit_lab.sandbox import Limits, launch, run_task


def test_header_comes_back_with_what_was_in_force(probe):
    result = probe("echo", {"number": 0.1, "text": "é", "none": None}, memory_bytes=7_000_000_000, cpu_s=9, wall_s=60.0)
    assert result.header == {"number": 0.1, "text": "é", "none": None}
    assert set(result.isolation) == {
        *("network", "files", "processes", "system_calls", "user", "started_by"),
        *("memory_bytes", "cpu_s", "wall_s", "threads"),
    }
    assert [result.isolation[name] for name in ("memory_bytes", "cpu_s", "wall_s")] == ["7000000000", "9", "60"]
    assert result.isolation["threads"] == str(len(os.sched_getaffinity(0)))


def test_tables_come_back_as_they_were(probe):
    frame = pl.DataFrame(
        {
            "float": [0.1, None, float("inf")],
            "text": ["a", None, "a text longer than twelve bytes"],
            "flag": [True, False, None],
            "when": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None, dt.datetime(1969, 1, 1, tzinfo=dt.UTC)],
            "numbers": [[1.0, 2.0], [], None],
            "outputs": [{"score": 0.5, "label": "a"}, {"score": None, "label": None}, None],
            "nothing": [None, None, None],
            "kind": pl.Series(["x", "y", "x"], dtype=pl.Enum(["x", "y"])),
            "city": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        }
    )
    tables = probe("echo", tables={"b": frame, "a": frame.head(0)}).tables
    assert sorted(tables) == ["a", "b"]
    assert tables["b"].equals(frame, null_equal=True)
    assert tables["b"].schema == frame.schema
    assert tables["a"].height == 0
    assert tables["a"].schema == frame.schema


def test_files_and_folders_are_private_copies(probe, tmp_path):
    (tmp_path / "model.bin").write_bytes(b"from a path")
    given = {"bytes": b"from memory", "path": tmp_path / "model.bin", "folder": {"MLmodel": b"m", "data/deep/x": b"d"}}
    assert probe("files", files=given).header == {
        "bytes": {".": "from memory"},
        "path": {".": "from a path"},
        "folder": {"MLmodel": "m", "data/deep/x": "d"},
    }


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", ""])
def test_a_file_outside_its_folder_is_refused(probe, name):
    with pytest.raises(MisuseError, match="outside its folder"):
        probe("files", files={"folder": {name: b""}})


def test_the_child_cannot_change_what_it_was_given(probe):
    assert probe("spoil", files={"artifact": b"x"}).header["refused"] in {"PermissionError", "OSError"}


def test_environment_is_cleared(probe, monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_SECRET", "x")
    seen = probe("environment").header
    assert "AUDIT_LAB_SECRET" not in seen
    assert seen["PYTHONHASHSEED"] == "0"
    assert seen["ORT_DISABLE_TELEMETRY"] == "1"  # it would open a socket, and be taken for hostile
    assert seen["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))


def test_the_child_stands_in_its_work_folder_and_finds_of_ours_the_package_alone(probe):
    seen = probe("path").header
    assert Path(seen["cwd"]).name == "work"
    assert seen["beside"] == ["audit_lab"]


def test_random_numbers_are_the_same_every_time(probe):
    first, second = probe("draw").header, probe("draw").header
    assert first == second == {"random": 0.8444218515250481, "numpy": 0.5488135039273248}


def test_the_work_folder_can_be_written(probe):
    assert probe("write_work").header == {"read": "mine"}


def test_a_library_that_prints_is_let_be(probe):
    assert probe("chat").header == {}


def test_only_tasks_of_the_package_run():
    with pytest.raises(SandboxError, match="not a task of this package"):
        run_task("os:getpid", header={}, tables={}, files={})


@pytest.mark.parametrize(
    ("name", "limits", "reason", "words"),
    [
        ("sleep", {"wall_s": 1.0}, "timeout", "stopped after 1 s"),
        ("spin", {"cpu_s": 1, "wall_s": 60.0}, "timeout", "its 1 s of processor time"),
        ("spin_and_print", {"cpu_s": 1, "wall_s": 60.0}, "timeout", "its 1 s of processor time"),
        ("ignore_and_spin", {"cpu_s": 1, "wall_s": 60.0}, "timeout", "its 1 s of processor time"),
        ("eat", {"memory_bytes": 3_000_000_000, "wall_s": 60.0}, "memory", "its 3.0 GB of memory"),
        ("crash", {}, "crash", "signal SIGSEGV"),
        ("leave", {}, "crash", "exit code 3: goodbye"),
        ("hang_up", {}, "crash", "died with"),
        ("raise_error", {}, "error", "ValueError: two lines"),
        ("panic", {}, "error", "BaseException: as polars does"),
        ("answer_nothing", {}, "error", "the task answered NoneType"),
        ("shout", {}, "output", "prints without end"),
        ("answer_long_header", {}, "output", "longer than"),
        ("answer_odd_header", {}, "output", "not JSON serializable"),
        ("claim_long_message", {}, "output", "too long"),
        ("send_garbage", {}, "output", "cannot be read"),
        ("send_deep", {}, "output", "nested too deep"),
    ],
)
def test_every_bad_end_has_its_reason_and_comes_soon(probe, name, limits, reason, words):
    started = time.monotonic()
    with pytest.raises(SandboxError, match=words) as caught:
        probe(name, **limits)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("fill_file", "error", "File too large"),
        ("fill_folder", "error", "No space left"),
        ("answer_huge", "output", "File too large"),
    ],
)
def test_what_is_written_is_bounded(probe, monkeypatch, name, reason, words):
    monkeypatch.setattr(launch, "_FILE_BYTES", 20_000_000)
    monkeypatch.setattr(launch, "_WORK_BYTES", 50_000_000)
    with pytest.raises(SandboxError, match=words) as caught:
        probe(name)
    assert caught.value.reason == reason


def test_nothing_is_left_behind(probe):
    folders, others = shared_folders(), children()
    with pytest.raises(SandboxError) as caught:
        probe("sleep", wall_s=0.5)
    assert caught.value.reason == "timeout"
    assert shared_folders() <= folders
    assert children() <= others


def test_an_interrupt_ends_the_child(probe):
    folders, others = shared_folders(), children()

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            probe("sleep", wall_s=30.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert shared_folders() <= folders
    assert children() <= others


def test_the_clock_of_a_job_does_not_run_while_the_child_starts(probe):
    assert probe("echo", {"a": 1}, wall_s=0.5).header == {"a": 1}


def test_limits_have_defaults():
    assert Limits() == Limits(memory_bytes=8_000_000_000, cpu_s=600, wall_s=300.0)


def shared_folders():
    """Return the folders that this process shares with children: others may run at the same time."""
    opened = {os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()}
    return {path for path in opened if "audit-lab-" in path}


def children():
    """Return the processes that this one started and that still are."""
    return {pid for told in Path("/proc/self/task").glob("*/children") for pid in told.read_text().split()}

"""A worker that stays: its files are handed over once, each job has its own limits, and its end is told."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from audit_lab.errors import SandboxError
from audit_lab.sandbox import Limits, Worker, kept, launch, warm_worker

REPORT = "audit_lab.sandbox.probe:report"


@pytest.fixture(autouse=True)
def none_kept():
    yield
    kept._kept.clear()


@pytest.fixture
def worker(probes):
    with Worker({"artifact": b"x"}, limits=Limits(cpu_s=1, wall_s=60.0)) as started:
        yield started


def run(worker, name, **header):
    return worker.run(f"audit_lab.probes:{name}", header=header, tables={}).header


def test_jobs_meet_the_same_child(worker):
    first, second = run(worker, "count"), run(worker, "count")
    assert (first["jobs"], second["jobs"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_files_stay_and_tables_change(worker):
    for number in (1, 2):
        frame = pl.DataFrame({"a": [number]})
        result = worker.run("audit_lab.probes:echo", header={}, tables={"t": frame})
        assert result.tables["t"].equals(frame)
        assert run(worker, "files") == {"artifact": {".": "x"}}


def test_random_numbers_start_anew_with_each_job(worker):
    assert run(worker, "draw") == run(worker, "draw")


def test_a_task_that_raises_leaves_the_worker_alive(worker):
    with pytest.raises(SandboxError, match="ValueError: two lines") as caught:
        run(worker, "raise_error")
    assert caught.value.reason == "error"
    assert not worker.closed
    assert run(worker, "count")["jobs"] == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [("spin", "timeout"), ("crash", "crash"), ("send_garbage", "output"), ("answer_odd_header", "output")],
)
def test_after_any_other_bad_end_it_is_closed(worker, name, reason):
    with pytest.raises(SandboxError) as caught:
        run(worker, name)
    assert caught.value.reason == reason
    assert worker.closed
    with pytest.raises(SandboxError, match="takes no further job"):
        run(worker, "count")


def test_processor_time_counts_by_job(worker):
    for _ in range(3):
        run(worker, "spin_for", seconds=0.6)
    with pytest.raises(SandboxError, match="its 1 s of processor time"):
        run(worker, "spin_for", seconds=30.0)


def test_an_answer_that_nobody_asked_for_is_refused(worker):
    assert run(worker, "send_two") == {}
    with pytest.raises(SandboxError, match="nobody asked for") as caught:
        run(worker, "count")
    assert caught.value.reason == "output"


def test_a_header_that_is_no_json_harms_nothing(worker):
    with pytest.raises(TypeError, match="not JSON serializable"):
        run(worker, "echo", value=object())
    assert run(worker, "echo", value=1) == {"value": 1}


def test_several_threads_share_a_worker(worker):
    answers = []

    def ask(number):
        answers.append((number, run(worker, "echo", number=number)["number"]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(number, number) for number in range(8)]


def test_a_worker_outlives_the_thread_that_started_it():
    made = []
    starter = threading.Thread(target=lambda: made.append(Worker({})))
    starter.start()
    starter.join()
    with made[0] as worker:
        worker.run(REPORT, header={}, tables={})
        time.sleep(0.3)
        assert worker.run(REPORT, header={"a": 1}, tables={}).header == {"a": 1}


def test_a_worker_that_nobody_holds_ends():
    worker = Worker({})
    worker.run(REPORT, header={}, tables={})
    pid, folder = worker._launch.child.pid, worker._launch.folder.path
    del worker
    gc.collect()
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()


def test_a_small_job_costs_little(worker):
    """The bound is 5 ms on an idle machine; the fastest of many is little disturbed by other work."""
    frame = pl.DataFrame({"a": [1.0]})
    times = []
    for _ in range(40):
        started = time.perf_counter()
        worker.run("audit_lab.probes:echo", header={}, tables={"inputs": frame})
        times.append(time.perf_counter() - started)
    assert min(times) < 0.005


def test_a_large_table_costs_little(worker):
    """Counted in processor time of both sides, which other work on the machine disturbs less."""
    generator = np.random.default_rng(1)
    frame = pl.DataFrame({f"x{number}": generator.normal(size=250_000) for number in range(20)})
    worker.run("audit_lab.probes:echo_first", header={}, tables={"inputs": frame})
    jobs, before, theirs = 5, time.process_time(), worker._launch.child.processor_s()
    for _ in range(jobs):
        result = worker.run("audit_lab.probes:echo_first", header={}, tables={"inputs": frame})
    spent = time.process_time() - before + worker._launch.child.processor_s() - theirs
    assert result.tables["first"]["x0"].equals(frame["x0"])
    assert spent / jobs < 0.1


def test_both_messages_of_a_start_may_come_at_once(monkeypatch):
    """A parent that is slow to look finds the report and the readiness of its child in one read."""
    settle = launch.Launch.settle

    def slow(self):
        time.sleep(3.0)
        return settle(self)

    monkeypatch.setattr(launch.Launch, "settle", slow)
    with Worker({}) as worker:
        assert worker.run(REPORT, header={"a": 1}, tables={}).header == {"a": 1}


def test_the_same_files_meet_the_same_warm_worker(tmp_path):
    (tmp_path / "model").write_bytes(b"m")
    first = warm_worker({"artifact": b"m"})
    assert warm_worker({"artifact": b"m"}) is first
    assert warm_worker({"artifact": b"n"}) is not first
    by_path = warm_worker({"artifact": tmp_path / "model"})
    assert warm_worker({"artifact": tmp_path / "model"}) is by_path
    (tmp_path / "model").write_bytes(b"other")
    assert warm_worker({"artifact": tmp_path / "model"}) is not by_path


def test_other_limits_or_folders_are_another_worker():
    first = warm_worker({"artifact": {"a": b"1", "b": b"2"}})
    assert warm_worker({"artifact": {"b": b"2", "a": b"1"}}) is first
    assert warm_worker({"artifact": {"a": b"1", "c": b"2"}}) is not first
    assert warm_worker({"artifact": {"a": b"1", "b": b"2"}}, limits=Limits(cpu_s=5)) is not first


def test_the_least_recently_used_ends_and_whoever_holds_it_may_go_on():
    held = warm_worker({"artifact": b"0"})
    forgotten = warm_worker({"artifact": b"1"})._launch.child
    for number in range(2, 6):
        warm_worker({"artifact": str(number).encode()})
    assert len(kept._kept) == 4
    assert not Path(f"/proc/{forgotten.pid}").exists()
    assert held.run(REPORT, header={"a": 1}, tables={}).header == {"a": 1}
    assert warm_worker({"artifact": b"0"}) is not held
    held.close()


def test_an_idle_worker_ends_at_the_next_call(monkeypatch):
    idle = warm_worker({"artifact": b"0"})._launch.child
    monkeypatch.setattr(kept, "_IDLE_S", 0.0)
    warm_worker({"artifact": b"1"})
    assert not Path(f"/proc/{idle.pid}").exists()


def test_a_dead_worker_is_replaced(probes):
    first = warm_worker({"artifact": b"0"})
    with pytest.raises(SandboxError):
        first.run("audit_lab.probes:crash", header={}, tables={})
    second = warm_worker({"artifact": b"0"})
    assert second is not first
    assert second.run(REPORT, header={"a": 1}, tables={}).header == {"a": 1}


def test_a_worker_killed_between_two_jobs_is_told(worker):
    run(worker, "count")
    os.kill(worker._launch.child._worker(), signal.SIGKILL)
    worker._launch.child._process.wait(10)
    with pytest.raises(SandboxError) as caught:
        run(worker, "count")
    assert caught.value.reason == "crash"
    assert worker.closed


FORKED = """
import os, sys
from audit_lab.sandbox import warm_worker
files = {"artifact": b"0"}
ask = lambda worker, text: worker.run("audit_lab.sandbox.probe:report", header={"text": text}, tables={}).header["text"]
first = warm_worker(files)
assert ask(first, "parent") == "parent"
child = os.fork()
if child == 0:
    other = warm_worker(files)
    fine = other is not first and ask(other, "fork") == "fork"
    other.close()
    del first
    sys.exit(0 if fine else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert warm_worker(files) is first
assert ask(first, "again") == "again"
print("fine", first._launch.folder.path)
"""


def test_a_forked_process_has_workers_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=False, timeout=60)
    word, folder = done.stdout.split()
    assert (done.returncode, word) == (0, "fine"), done.stderr
    assert not Path(folder).exists()


KILLED = """
import os, time
from audit_lab.sandbox import Worker
worker = Worker({})
worker.run("audit_lab.sandbox.probe:report", header={}, tables={})
print(worker._launch.child._worker(), worker._launch.folder.path, flush=True)
time.sleep(60)
"""


def test_the_child_dies_with_its_parent_and_the_next_one_clears_up():
    from audit_lab.sandbox import folder

    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True) as parent:
        worker, left = parent.stdout.readline().split()
        assert Path(f"/proc/{worker}").exists()
        parent.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/exe").is_symlink() and _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)
    assert Path(left).exists()
    os.utime(left, (0, 0))
    folder._remove_abandoned.cache_clear()
    Worker({}).close()
    assert not Path(left).exists()


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_another_interpreter_finds_the_package_and_its_overlay(probe, foreign, way):
    seen = probe("path", environment=foreign).header
    assert seen["python"] == list(sys.version_info[:2])
    assert seen["path"][0] == str(foreign.overlay[0])
    assert seen["path"][1].endswith("/in/code")
    assert seen["beside"] == ["audit_lab"]


def test_an_environment_without_polars_is_named(probe, foreign):
    from dataclasses import replace

    bare = replace(foreign, overlay=())
    with pytest.raises(SandboxError, match="did not start in the system's own: ModuleNotFoundError.*polars") as caught:
        probe("echo", environment=bare)
    assert caught.value.reason == "error"


def test_an_environment_that_is_not_there_is_named(probe, foreign, tmp_path):
    from dataclasses import replace

    with pytest.raises(SandboxError, match="did not start in the system's own") as caught:
        probe("echo", environment=replace(foreign, python=tmp_path / "bin" / "python"))
    assert caught.value.reason == "error"
    assert probe("echo", {"a": 1}).isolation["started_by"] == probe("echo").isolation["started_by"]

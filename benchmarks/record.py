"""What a recorder costs the process that serves a model, and what it takes in, beside logging and MLflow's tracing.

Run: ``.venv/bin/python benchmarks/record.py [--seconds 60] [--calls 200000] [--sealed 500000]
[--folder build/benchmarks]``.

Four questions. How long one call of `Recorder.record` keeps its caller, with 20 features, beside a standard logger
that writes the same as JSON lines behind a `QueueHandler`, a span of MLflow's tracing with the same inputs and outputs
(in a process of its own, as what writes it to SQLite goes on in the background), and a loop of as long that touches
nothing: what its slowest calls take, the machine takes by itself. How many records a second one process gets to the
disk, for how much memory, and how far sealing lags behind at the end. How much slower a model of 200 microseconds is
that is recorded: rounds take turns. Every record of the second question is looked for at the end, in the log or in the
spool: what a minute records takes the process that seals many more. How fast that is, is asked with fewer records, each
of which is counted in the log. And whether what is recorded at 100,000 a second for a minute is sealed as fast: the
sealing lag by sixths of that time. Calls and the model are measured while a process seals what was recorded, calls also
without. With ``--own-priority`` that process keeps its own low priority where the benchmark runs with a higher
one.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import logging.handlers
import os
import queue
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from made_log import DEFAULT_FOLDER
from result import keep

import audit_lab as al
from audit_lab.capture.recorder import sealing_process
from audit_lab.capture.recorder.sealing import spool_files
from audit_lab.capture.recorder.sealing_process import seal_now
from audit_lab.capture.recorder.spool_file import CLOSED, OPEN, RECORDS, Frame, read_frames, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FEATURES = [f"feature_{number:02d}" for number in range(20)]
KINDS = ("north", "east", "south", "west")
MODEL_S = 200e-6
ROWS = 1_000
MODEL_CALLS = 2_000
#: Records a second that must reach the disk.
PACE = 100_000
ROUNDS = 10
#: Turns of an empty loop, which take some five microseconds.
NOTHING = 150


def rows() -> list[dict[str, Any]]:
    """Return inputs of 20 features: a text, a whole number, and others."""
    drawn = random.Random(7)  # noqa: S311 (the same rows each time)
    made = []
    for _ in range(ROWS):
        row: dict[str, Any] = {name: drawn.random() * 100 for name in FEATURES}
        row[FEATURES[0]] = drawn.choice(KINDS)
        row[FEATURES[1]] = drawn.randrange(100)
        made.append(row)
    return made


def new_log(folder: Path) -> dict[str, Any]:
    """Begin a log in an empty folder; return what a recorder of it is made of."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    al.create_log(folder / "log", "demonstration-benchmark", vault=folder / "vault").close()
    return {"log": folder / "log", "model": "loans", "version": "1", "vault": folder / "vault"}


def durations(call: Callable[[dict[str, Any]], object], given: list[dict[str, Any]], calls: int) -> dict[str, float]:
    """Return how many microseconds calls took, one after another as fast as they come."""
    clock = time.perf_counter_ns
    taken = np.empty(calls)
    gc.collect()
    for number in range(calls):
        row = given[number % ROWS]
        started = clock()
        call(row)
        taken[number] = clock() - started
    taken /= 1e3
    return {
        "median_us": round(float(np.median(taken)), 2),
        "p99_us": round(float(np.percentile(taken, 99)), 2),
        "p99_9_us": round(float(np.percentile(taken, 99.9)), 2),
    }


@contextmanager
def sealing_beside(said: dict[str, Any], spool: Path, *, low: bool) -> Iterator[None]:
    """Seal what is recorded, in a process that is ended at the end; at its own low priority, or at the benchmark's."""
    command = [sys.executable, "-m", sealing_process.__name__]
    process = subprocess.Popen(["chrt", "--other", "0", *command] if low else command, stdin=subprocess.PIPE)
    told = {"log": said["log"], "spool": spool, "vault": said["vault"], "passphrase": None}
    spool.mkdir(mode=0o700, exist_ok=True)
    if process.stdin is not None:
        process.stdin.write(json.dumps(told, default=str).encode() + b"\n")
        process.stdin.flush()
    try:
        yield
    finally:
        process.kill()  # what is not sealed by now would take it many minutes
        process.wait()


def callers(folder: Path, given: list[dict[str, Any]], calls: int, *, low: bool) -> dict[str, dict[str, float]]:
    """Measure one call: ours, alone and while is sealed what was recorded, logging's, MLflow's."""
    found = {}
    said = new_log(folder)
    with al.Recorder(**said, seal=False, seal_s=1.0, memory_mb=1_000) as recorder:
        with sealing_beside(said, recorder.spool, low=low):
            durations(lambda row: recorder.record(row, 0.25, decision="deny"), given, calls)
            time.sleep(1.5)
            found["audit_lab, sealing"] = durations(
                lambda row: recorder.record(row, 0.25, decision="deny"), given, calls
            )
        recorder.flush()
    with al.Recorder(**new_log(folder), seal=False, memory_mb=1_000) as recorder:
        found["audit_lab"] = durations(lambda row: recorder.record(row, 0.25, decision="deny"), given, calls)
        recorder.flush()
    with (folder / "lines.jsonl").open("w") as lines:
        waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        listener = logging.handlers.QueueListener(waiting, logging.StreamHandler(lines))
        logger = logging.getLogger("benchmark")
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.addHandler(logging.handlers.QueueHandler(waiting))
        listener.start()
        found["logging"] = durations(
            lambda row: logger.info(json.dumps({"inputs": row, "score": 0.25, "decision": "deny"})), given, calls
        )
        listener.stop()
    command = [sys.executable, str(Path(__file__).resolve()), "--traced", "--calls", str(calls // 20)]
    # It writes into the folder that it runs in.
    done = subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found["mlflow"] = json.loads(done.stdout.splitlines()[0])
    found["nothing"] = durations(_nothing, given, calls)
    return found


def _nothing(_: dict[str, Any]) -> None:
    for _ in range(NOTHING):
        pass


def traced(given: list[dict[str, Any]], calls: int) -> dict[str, float]:
    """Measure a span of MLflow's tracing."""
    import mlflow

    with tempfile.TemporaryDirectory() as store:
        mlflow.set_tracking_uri(f"sqlite:///{store}/traces.db")
        logging.getLogger("mlflow").setLevel(logging.ERROR)

        def span(row: dict[str, Any]) -> None:
            with mlflow.start_span(name="predict") as one:
                one.set_inputs(row)
                one.set_outputs({"score": 0.25, "decision": "deny"})

        return durations(span, given, calls)


def throughput(
    folder: Path, given: list[dict[str, Any]], seconds: float, pace: int | None = None, *, low: bool = False
) -> dict[str, Any]:
    """Record for some seconds; then look for each record on the disk, in the log or in the spool.

    As fast as it goes, or so many a second; with what seals at its own low priority, or at that of the benchmark.
    """
    said = new_log(folder)
    recorder = al.Recorder(**said, seal_s=2.0, seal=False)
    with sealing_beside(said, recorder.spool, low=low):
        result = _recorded(recorder, given, seconds, pace)
        recorder.close()
    there, sealed = on_disk(folder, result["records"])
    if there != result["records"] or result.pop("dropped"):
        raise SystemExit(f"{result['records']:,} were recorded and {there:,} are on the disk")
    return {**result, "sealed_at_the_end": sealed}


def _recorded(recorder: al.Recorder, given: list[dict[str, Any]], seconds: float, pace: int | None) -> dict[str, Any]:
    """Record for some seconds, and return what was seen meanwhile."""
    started, recorded, peaks, lags = time.perf_counter(), 0, [], []
    while (elapsed := time.perf_counter() - started) < seconds:
        for row in given:
            recorder.record(row, 0.25, decision="deny")
        recorded += ROWS
        if elapsed >= len(peaks) * seconds / 6:
            peaks.append(round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
            lags.append(round(recorder.status().sealing_lag_s, 1))
        if pace is not None:
            time.sleep(max(0.0, started + recorded / pace - time.perf_counter()))
    recorder.flush()
    took = time.perf_counter() - started
    status = recorder.status()
    return {
        "records_per_second": round(recorded / took),
        "seconds": round(took, 1),
        "records": recorded,
        "peak_mb_by_sixth": peaks,
        "sealing_lag_s_by_sixth": lags,
        "sealing_lag_s_at_the_end": round(status.sealing_lag_s, 1),
        "dropped": status.dropped,
    }


def on_disk(folder: Path, most: int) -> tuple[int, int]:
    """Return how many of the numbers from 1 to `most` are in the log or in the spool; and the rows of the log."""
    found = np.zeros(most + 1, dtype=bool)
    stored = al.open(folder / "log").predictions.select("sequence").collect()["sequence"]
    found[stored.to_numpy()] = True
    for path in spool_files(folder / "log.spool", CLOSED, OPEN):
        with path.open("rb") as file:
            read_header(file, str(path))
            for frame in read_frames(file):
                if isinstance(frame, Frame) and frame.kind == RECORDS:
                    found[frame.first : frame.first + len(frame.items)] = True
    return int(found[1:].sum()), stored.len()


def sealing(folder: Path, given: list[dict[str, Any]], records: int) -> dict[str, Any]:
    """Record so many, and wait until they are sealed; then count what is in the log."""
    with al.Recorder(**new_log(folder)) as recorder:
        for number in range(records):
            recorder.record(given[number % ROWS], 0.25, decision="deny")
    started = time.perf_counter()
    recorder.sealed()
    took = time.perf_counter() - started
    seal_now(folder / "log", folder / "log.spool", vault=folder / "vault")
    stored = al.open(folder / "log").predictions.select("sequence").collect()["sequence"]
    if stored.len() != records or stored.n_unique() != records:
        raise SystemExit(f"{records:,} were recorded and {stored.len():,} are in the log")
    return {"records": records, "sealed_after_s": round(took, 1), "records_per_second": round(records / took)}


def slowed(folder: Path, given: list[dict[str, Any]], *, low: bool) -> dict[str, float]:
    """Measure a model of 200 microseconds bare and recorded, in rounds that take turns."""

    def model(_: dict[str, Any]) -> float:
        until = time.perf_counter() + MODEL_S
        while time.perf_counter() < until:
            pass
        return 0.25

    found: dict[str, list[float]] = {"bare": [], "recorded": []}
    said = new_log(folder)
    with (
        al.Recorder(**said, seal=False, seal_s=1.0) as recorder,
        sealing_beside(said, recorder.spool, low=low),
    ):

        def recorded(row: dict[str, Any]) -> None:
            recorder.record(row, model(row), decision="deny")

        for _ in range(ROUNDS):
            for name, call in (("bare", model), ("recorded", recorded)):
                clock = time.perf_counter_ns
                for number in range(MODEL_CALLS):
                    started = clock()
                    call(given[number % ROWS])
                    found[name].append((clock() - started) / 1e3)
    result: dict[str, float] = {}
    for what, share in (("median", 50), ("p99", 99)):
        bare, own = (float(np.percentile(found[name], share)) for name in ("bare", "recorded"))
        result |= {f"{what}_bare_us": round(bare, 1), f"{what}_recorded_us": round(own, 1)}
        result[f"{what}_slower_percent"] = round(100 * (own / bare - 1), 2)
    return result


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--sealed", type=int, default=500_000, help="records that are waited for until they are sealed")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--own-priority", action="store_true", help="what seals runs at its own low priority")
    parser.add_argument("--traced", action="store_true", help="measure MLflow's tracing alone")
    options = parser.parse_args()
    if options.traced:
        print(json.dumps(traced(rows(), options.calls)), flush=True)
        os._exit(0)  # what is still to be exported is not waited for
    folder, given = options.folder / "record", rows()
    results = {}
    for name, measure in (
        ("one call", lambda: callers(folder, given, options.calls, low=options.own_priority)),
        ("model of 200 us", lambda: slowed(folder, given, low=options.own_priority)),
        ("sealing", lambda: sealing(folder, given, options.sealed)),
        ("throughput", lambda: throughput(folder, given, options.seconds, low=options.own_priority)),
        ("paced", lambda: throughput(folder, given, options.seconds, PACE, low=options.own_priority)),
    ):
        results[name] = measure()
        print(name, json.dumps(results[name]), flush=True)
    keep(__file__, results, features=len(FEATURES))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()

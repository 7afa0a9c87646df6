"""What it costs to append to a sealed log, and how many appends a second several writers manage.

Run: ``.venv/bin/python benchmarks/append.py [--appends 100] [--folder build/benchmarks]``. Prints a table and one line
of JSON, and writes ``benchmarks/append.json``.

Every append is one seal: rows, row hashes, indexes, entries, tiles and checkpoints are on the disk when it returns.
What the disk takes for one synced file is measured beside it. `predictions` has the 24 canonical columns, `inputs` 20
features; both are committed field by field.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from made_log import DEFAULT_FOLDER, MODEL, segment
from result import keep

from audit_lab.log.writing.batch import Batch
from audit_lab.log.writing.writer import LogWriter, create_log

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGIN = "demonstration-benchmark"
WRITERS = 4
WRITER = """
import sys, time
sys.path.insert(0, sys.argv[4])
from append import ORIGIN, tables
from audit_lab.log.writing.writer import open_writer
writer = open_writer(sys.argv[1], vault=sys.argv[2])
given = [tables(10, number) for number in range(int(sys.argv[3]) + 1)]
writer.append(given.pop(0))
print("ready", flush=True)
sys.stdin.readline()
for rows in given:
    writer.append(rows)
"""


def tables(rows: int, number: int = 0) -> dict[str, pl.DataFrame]:
    """Return predictions and their inputs; those of another number are other rows."""
    predictions, inputs = segment(number, rows, timedelta(milliseconds=250))
    predictions = predictions.with_columns(writer_id=pl.lit(f"{os.getpid()}-{rows}"))
    return {"predictions": predictions, f"inputs/{MODEL}": inputs}


def timed_ms(work: Callable[[int], object], times: int) -> list[float]:
    """Return how many milliseconds `work` took each time."""
    taken = []
    for number in range(times):
        start = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - start) * 1000)
    return taken


def synced_file(folder: Path) -> None:
    """Write one small file and wait for the disk."""
    handle = os.open(folder / "synced", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(handle, b"x" * 2000)
    os.fsync(handle)
    os.close(handle)


def batched(writer: LogWriter, hand_ins: int) -> float:
    """Return how many single decisions a second a batch seals."""
    given = [tables(1, number + 1_000_000) for number in range(hand_ins)]
    start = time.perf_counter()
    with Batch(writer, rows=1000, seconds=0.2) as batch:
        promises = [batch.add(one) for one in given]
    for promise in promises:
        promise.result()
    return hand_ins / (time.perf_counter() - start)


def together(folder: Path, vault: Path, appends: int) -> float:
    """Return how many appends a second four processes manage on one log."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, str(folder), str(vault), str(appends), here]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(WRITERS)]
    for process in processes:
        process.stdout.readline()  # type: ignore[union-attr]
    start = time.perf_counter()
    for process in processes:
        process.communicate(b"go\n")
    return WRITERS * appends / (time.perf_counter() - start)


def main() -> None:
    """Measure, print and keep the result."""
    options = argparse.ArgumentParser()
    options.add_argument("--appends", type=int, default=100)
    options.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    chosen = options.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=chosen.folder, prefix="append-"))
    try:
        result: dict[str, object] = {
            "disk_sync_ms": round(statistics.median(timed_ms(lambda _: synced_file(place), 50)), 2)
        }
        with create_log(place / "log", ORIGIN, vault=place / "vault") as writer:
            for rows, times in ((1, chosen.appends), (1_000, chosen.appends), (100_000, 5)):
                given = [tables(rows, number) for number in range(times + 1)]
                writer.append(given.pop())
                median = statistics.median(timed_ms(lambda number, given=given: writer.append(given[number]), times))
                result[f"append_{rows}_rows_ms"] = round(median, 1)
                result[f"rows_per_second_by_{rows}"] = round(rows / median * 1000)
            result["heartbeat_ms"] = round(statistics.median(timed_ms(lambda _: writer.heartbeat(), chosen.appends)), 1)
            result["batched_decisions_per_second"] = round(batched(writer, 20 * chosen.appends))
            result["appends_per_second_by_4_writers"] = round(
                together(place / "log", place / "vault", chosen.appends), 1
            )
            start = time.perf_counter()
            writer.compact()
            result["compact_s"] = round(time.perf_counter() - start, 1)
            result["entries"] = writer.size
    finally:
        shutil.rmtree(place)
    for name, value in result.items():
        print(f"{name:34} {value}")
    keep(__file__, result)


if __name__ == "__main__":
    main()

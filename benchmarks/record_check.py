"""What it costs to check every record of a segment: read its Parquet, recompute each row's leaf, and the tree's root.

Beside it the loop that a user would write by hand: JSON of each row and SHA-256 of that (no tree, no types, no NaN).

Run: ``.venv/bin/python benchmarks/record_check.py [--rows 2000000]``. Prints a table and one line of JSON, and writes
``benchmarks/record_check.json``. Each measurement runs in a process of its own; memory is that process's peak, with the
interpreter, polars and the segment's rows in it. On a machine that does other work too, rows a second say little: the
load when each measurement began, and the processor time for a million rows, stand beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
import polars as pl
from result import keep

from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import rows_root

FEATURES = 20
ROWS_PER_SEGMENT = 500_000
ROWS_PER_GROUP = 65_536
SAMPLE = 50_000
#: Name to: share of the features that is null, whether rows are field-committed.
CHECKS = {
    "plain rows": (0.0, False),
    "plain rows, one feature in ten null": (0.1, False),
    "field-committed rows": (0.0, True),
}
LOOP = "JSON and SHA-256 in a Python loop"


def rows(count: int, nulls: float, seed: int) -> pl.DataFrame:
    """Return made-up predictions: an id, a time, a model, a label and twenty numbers."""
    random = np.random.default_rng(seed)
    columns = {
        "prediction_id": [str(uuid.UUID(bytes=random.bytes(16), version=4)) for _ in range(count)],
        "occurred_at": pl.Series(random.integers(0, 10**15, count)).cast(pl.Datetime("us", "UTC")),
        "model_name": ["delay"] * count,
        "label": pl.Series(random.integers(0, 3, count)).cast(pl.String),
    }
    for feature in range(FEATURES):
        values = pl.Series(random.normal(size=count))
        columns[f"feature_{feature:02}"] = (
            values.zip_with(pl.Series(random.random(count) >= nulls), pl.Series([None], dtype=pl.Float64))
            if nulls
            else values
        )
    return pl.DataFrame(columns)


def keys(count: int) -> bytes:
    """Return row keys that are the same in every process."""
    return hashlib.shake_256(b"benchmark").digest(32 * count)


def write(folder: Path, count: int, nulls: float, *, committed: bool) -> None:
    """Write segments and the roots that were sealed with them."""
    for number, start in enumerate(range(0, count, ROWS_PER_SEGMENT)):
        frame = rows(min(ROWS_PER_SEGMENT, count - start), nulls, number)
        frame.write_parquet(folder / f"{number}.parquet", row_group_size=ROWS_PER_GROUP)
        leaves = row_leaves(frame, keys(frame.height) if committed else None)
        (folder / f"{number}.root").write_bytes(rows_root(leaves))


def check(folder: Path, *, committed: bool) -> float:
    """Return the seconds that checking all segments took."""
    row_keys = keys(ROWS_PER_SEGMENT) if committed else b""
    start = time.perf_counter()
    for segment in sorted(folder.glob("*.parquet")):
        frame = pl.read_parquet(segment)
        leaves = row_leaves(frame, row_keys[: 32 * frame.height] if committed else None)
        if rows_root(leaves) != segment.with_suffix(".root").read_bytes():
            message = f"{segment} is not what was written"
            raise SystemExit(message)
    return time.perf_counter() - start


def loop(folder: Path) -> float:
    """Return the seconds that a hand-written loop over a sample of the rows took."""
    start = time.perf_counter()
    for row in pl.read_parquet(folder / "0.parquet", n_rows=SAMPLE).iter_rows(named=True):
        hashlib.sha256(json.dumps(row, default=str, sort_keys=True).encode()).digest()
    return time.perf_counter() - start


def measure(name: str, folder: Path, count: int, runs: int) -> dict[str, float]:
    """Return the best of some runs and the peak memory, each measured in fresh processes."""
    results = []
    for _ in range(runs):
        command = [sys.executable, __file__, "--measure", name, "--folder", str(folder)]
        results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    best = min(results, key=lambda result: result["seconds"])
    thriftiest = min(result["cpu_seconds"] for result in results)
    checked = min(count, SAMPLE) if name == LOOP else count
    return {
        "rows_per_second": round(checked / best["seconds"]),
        "slowest_rows_per_second": round(checked / max(result["seconds"] for result in results)),
        "cpu_seconds_per_million_rows": round(thriftiest / checked * 1e6, 2),
        "load_at_best": round(best["load"], 2),
        "peak_mb": round(max(result["peak_mb"] for result in results)),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        name, folder = options.measure, options.folder
        load, before = os.getloadavg()[0], time.process_time()
        seconds = loop(folder) if name == LOOP else check(folder, committed=CHECKS[name][1])
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        used = {"seconds": seconds, "cpu_seconds": time.process_time() - before, "load": load, "peak_mb": peak_mb}
        print(json.dumps(used))
        return
    results = {}
    for name, (nulls, committed) in CHECKS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), options.rows, nulls, committed=committed)
            results[name] = measure(name, Path(folder), options.rows, options.runs)
            if name == next(iter(CHECKS)):
                results[LOOP] = measure(LOOP, Path(folder), options.rows, options.runs)
    for name, result in results.items():
        print(
            f"{name:36} {result['rows_per_second']:>9,} rows/s  {result['cpu_seconds_per_million_rows']:>7} s of "
            f"processor for a million  peak {result['peak_mb']:>4,} MB  load {result['load_at_best']}"
        )
    keep(__file__, results, rows=options.rows, columns=FEATURES + 4, runs=options.runs)


if __name__ == "__main__":
    main()

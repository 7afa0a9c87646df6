"""How fast 20 features are counted by window and bin, beside polars and DuckDB written by hand for the same numbers.

Run: ``.venv/bin/python benchmarks/aggregate.py [--millions 10] [--runs 3] [--every 1w] [--drift]``. Prints a table and
one line of JSON, and writes ``benchmarks/aggregate.json``. Each way runs in a process of its own, in turn, so that its
peak memory is its own; the fastest run of each counts. The bins are those of the first window, made before the clock
starts. All ways must give the same counts.

"bins" is what a question about bins alone takes: one row for each window, with a sum for each edge. "cells" is what
drift needs for the exact Kolmogorov-Smirnov statistic: how many rows have each value. With ``--drift`` the whole
question is asked too: predictions beside inputs, reference, counts, measures and changes of unit.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from made_log import DEFAULT_FOLDER, FEATURES, MODEL, made_log
from result import keep

import audit_lab as al
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.counts import Rows, extent
from audit_lab.monitor.reference_rows import reference_bins
from audit_lab.monitor.window_counts import binned_counts, count_windows
from audit_lab.monitor.windows import window_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.monitor.bins import Bins

TIME = "recorded_at"
TEXT = FEATURES[0]
HAND, HAND_VALUES, HAND_DUCKDB = "polars by hand: bins", "polars by hand: cells", "duckdb by hand: bins"
OWN, OWN_CELLS, OWN_DRIFT = "audit_lab: bins", "audit_lab: cells", "audit_lab: whole drift"


class Task:
    """The rows, the windows and the bins that every way is given."""

    def __init__(self, log: Path, every: str) -> None:
        self.log = log
        self.every = every
        self.files = sorted(str(path) for path in (log / "inputs" / MODEL).glob("*.parquet"))
        self.frame = pl.scan_parquet(self.files)
        self.length = window_length(every)
        first, last = self.frame.select(pl.col(TIME).min(), pl.col(TIME).max().alias("last")).collect().row(0)
        self.starts = self.length.starts(first, last)
        self.rows = Rows(self.frame, TIME, FEATURES)
        start = self.starts[0]
        _, bins = reference_bins(self.rows, start, self.length.after(start))
        self.bins: tuple[Bins, ...] = bins
        self.numeric = [one for one in bins if isinstance(one, NumericBins)]
        self.text = [one for one in bins if not isinstance(one, NumericBins)]

    def edges(self) -> dict[str, list[float]]:
        """Return the upper edges of each numeric feature's bins."""
        return {one.column: [*one.edges.tolist(), float(one.values[-1])] for one in self.numeric}


def own_bins(task: Task) -> int:
    """Count by bin with audit_lab."""
    binned = binned_counts(task.rows, task.numeric, task.length, task.starts)
    _, text = count_windows(task.rows, task.text, task.length, task.starts)
    return int(sum(one[:, 3].sum() for one in binned) + text[0].binned[:, 0].sum())


def own_cells(task: Task) -> int:
    """Count by value with audit_lab."""
    _, counted = count_windows(task.rows, task.bins, task.length, task.starts)
    numeric = (one.binned[:, 3].sum() for one in counted if one.bins.kind == "numeric")
    return int(sum(numeric) + sum(one.binned[:, 0].sum() for one in counted if one.bins.kind != "numeric"))


def own_drift(task: Task) -> int:
    """Ask the log for drift."""
    return al.open(task.log).drift(FEATURES, every=task.every).table.height


def polars_bins(task: Task) -> int:
    """Count by bin with polars: a sum for each edge, and the text by value."""
    window = pl.col(TIME).dt.truncate(task.every).alias("window")
    edges = task.edges()
    sums = [(pl.col(name) <= edge).sum().alias(f"{name}/{n}") for name in edges for n, edge in enumerate(edges[name])]
    lowest = [(pl.col(one.column) < float(one.values[0])).sum().alias(f"{one.column}/below") for one in task.numeric]
    counts = [pl.col(name).count().alias(f"{name}/count") for name in edges]
    questions = [
        task.frame.group_by(window).agg(pl.len(), *counts, *lowest, *sums),
        task.frame.group_by(window, TEXT).agg(pl.len()),
    ]
    found, text = pl.collect_all(questions, engine="streaming")
    third = sum(int((found[f"{name}/2"] - found[f"{name}/1"]).sum()) for name in edges)
    return third + _most_frequent(task, text)


def polars_cells(task: Task) -> int:
    """Count by value with polars."""
    window = pl.col(TIME).dt.truncate(task.every).alias("window")
    questions = [task.frame.select(window, name).group_by("window", name).agg(pl.len()) for name in FEATURES]
    answers = dict(zip(FEATURES, pl.collect_all(questions, engine="streaming"), strict=True))
    edges = task.edges()
    held = [
        answers[name].filter(pl.col(name).is_between(edges[name][1], edges[name][2], closed="right"))["len"].sum()
        for name in edges
    ]
    return int(sum(held)) + _most_frequent(task, answers[TEXT])


def duckdb_bins(task: Task) -> int:
    """Count by bin with DuckDB: a filtered count for each edge, and the text by value."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
    listed = ", ".join(f"'{file}'" for file in task.files)
    unit = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month"}[task.every]
    edges = task.edges()
    counts = [
        f'count(*) FILTER ("{name}" <= {edge!r}) AS "{name}/{number}"'
        for name in edges
        for number, edge in enumerate(edges[name])
    ]
    counts += [
        f'count(*) FILTER ("{one.column}" < {float(one.values[0])!r}), count("{one.column}")' for one in task.numeric
    ]
    source = f"read_parquet([{listed}])"
    by_window = f"date_trunc('{unit}', {TIME})"
    found = connection.sql(f"SELECT {by_window}, {', '.join(counts)} FROM {source} GROUP BY ALL").pl()  # noqa: S608
    text = connection.sql(
        f'SELECT {by_window}, "{TEXT}", count(*) AS len FROM {source} GROUP BY ALL'  # noqa: S608 - names that we made
    ).pl()
    third = sum(int((found[f"{name}/2"] - found[f"{name}/1"]).sum()) for name in edges)
    return third + _most_frequent(task, text)


def _most_frequent(task: Task, text: pl.DataFrame) -> int:
    return int(text.filter(pl.col(TEXT) == task.text[0].categories[0])["len"].sum())


WAYS: dict[str, Callable[[Task], int]] = {
    HAND: polars_bins,
    OWN: own_bins,
    HAND_DUCKDB: duckdb_bins,
    HAND_VALUES: polars_cells,
    OWN_CELLS: own_cells,
    OWN_DRIFT: own_drift,
}


def run(way: str, log: Path, every: str) -> None:
    """Run one way once, in this process, and print what it took."""
    task = Task(log, every)
    extent(task.rows)
    before = time.perf_counter()
    counted = WAYS[way](task)
    seconds = time.perf_counter() - before
    largest_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": round(seconds, 2), "largest_memory_mb": largest_mb, "counted": counted}))


def measured(way: str, log: Path, every: str) -> dict[str, float]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--way", way, "--log", str(log), "--every", every]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(log: Path, every: str, runs: int, ways: list[str]) -> dict[str, dict[str, float]]:
    """Run each way in turn, several times; return the fastest run of each."""
    fastest: dict[str, dict[str, float]] = {}
    for _ in range(runs):
        for way in ways:
            result = measured(way, log, every)
            if way not in fastest or result["seconds"] < fastest[way]["seconds"]:
                fastest[way] = result
    counts = {result["counted"] for way, result in fastest.items() if way != OWN_DRIFT}
    if len(counts) != 1:
        raise SystemExit(f"the ways do not count the same: {fastest}")
    return fastest


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[10])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--every", default="1w")
    parser.add_argument("--drift", action="store_true")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        run(given.way, given.log, given.every)
        return
    ways = [way for way in WAYS if given.drift or way != OWN_DRIFT]
    results = []
    for millions in given.millions:
        fastest = compare(made_log(millions, given.folder), given.every, given.runs, ways)
        ratios = {
            "bins": fastest[HAND]["seconds"] / fastest[OWN]["seconds"],
            "cells": fastest[HAND_VALUES]["seconds"] / fastest[OWN_CELLS]["seconds"],
        }
        results.append(
            {
                "millions": millions,
                "every": given.every,
                "ways": fastest,
                "of_hand_written_polars": {name: round(ratio, 2) for name, ratio in ratios.items()},
            }
        )
        print(f"\n{millions:g} million rows, 20 features, windows of {given.every}")
        for way, result in fastest.items():
            print(f"  {way:24} {result['seconds']:8.2f} s   {result['largest_memory_mb']:6,} MB")
        for name, ratio in ratios.items():
            print(f"  {name}: {ratio:.2f} times the speed of polars written by hand")
    keep(__file__, results)


if __name__ == "__main__":
    main()

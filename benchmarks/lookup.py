"""How long one decision takes by its id, beside the peers that a user would scan the same files with.

Run: ``.venv/bin/python benchmarks/lookup.py [--millions 1 10] [--lookups 200] [--sealed] [--folder build/benchmarks]``.
Prints a table and one line of JSON, and writes ``benchmarks/lookup.json``.

`decision` is ``log.decision(id)``: the prediction, its inputs, version in force, registry, approvals, lineage, events,
overrides and outcome. The peers find the row of the prediction alone. Ids are random UUIDs, each asked for once; every
file is read once before, so that it is in the page cache where that is large enough. "First" is the first pass, with
each file opened on the way; "warm" is a second pass over other ids. The first lookup of all stands apart: in a log
without indexes it reads the column, and they are built beside it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow.dataset as ds
from made_log import DEFAULT_FOLDER, made_log, some_ids
from result import keep

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PEER_LOOKUPS = 7

#: A peer that needs longer than this for its lookups is asked for no more of them.
PEER_SECONDS = 60


def timed_ms(work: Callable[[str], object], ids: Sequence[str]) -> list[float]:
    """Return the milliseconds that each id took, ascending."""
    taken: list[float] = []
    for prediction_id in ids:
        start = time.perf_counter()
        work(prediction_id)
        taken.append((time.perf_counter() - start) * 1000)
        if sum(taken) > PEER_SECONDS * 1000:
            break
    return sorted(taken)


def spread(taken: list[float]) -> dict[str, float]:
    """Return median, 95th percentile and largest."""
    largest = len(taken) - 1
    return {
        "median_ms": round(statistics.median(taken), 3),
        "p95_ms": round(taken[min(round(0.95 * largest), largest)], 3),
        "largest_ms": round(taken[-1], 3),
    }


def peers(made: Path) -> dict[str, Callable[[str], object]]:
    """Return name to a function that finds the row of a prediction by scanning."""
    files = sorted(str(path) for path in (made / "predictions").glob("*.parquet"))
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    dataset = ds.dataset(files)
    listed = ", ".join(f"'{file}'" for file in files)
    query = f"SELECT * FROM read_parquet([{listed}]) WHERE prediction_id = ?"  # noqa: S608 - file names that we made
    return {
        "polars": lambda asked: one(pl.scan_parquet(files).filter(pl.col("prediction_id") == asked).collect().height),
        "duckdb": lambda asked: one(connection.sql(query, params=[asked]).to_arrow_table().num_rows),
        "pyarrow": lambda asked: one(dataset.to_table(filter=ds.field("prediction_id") == asked).num_rows),
    }


def one(rows: int) -> None:
    """Fail where a peer did not find the one row: it would be timed for nothing."""
    if rows != 1:
        raise SystemExit(f"a peer found {rows} rows")


def read_once(made: Path) -> None:
    """Read every file of the log, so that what follows finds them in the page cache, if they fit into it."""
    for path in sorted(made.rglob("*")):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass


def measure(millions: float, made: Path, lookups: int) -> dict[str, object]:
    """Return the results for one log."""
    read_once(made)
    ids = some_ids(made, 2 * lookups + 1)
    before = time.perf_counter()
    log = al.open(made)
    opened_ms = (time.perf_counter() - before) * 1000
    (first,) = timed_ms(log.decision, ids[:1])
    before = time.perf_counter()
    log._store.shelf.locator.finish()  # noqa: SLF001 - a user waits by going on
    built_s = time.perf_counter() - before
    results: dict[str, object] = {
        "millions": millions,
        "log": made.name,
        "open_ms": round(opened_ms, 1),
        "first_lookup_ms": round(first, 1),
        "indexes_built_after_s": round(built_s, 1),
        "decision_first": spread(timed_ms(log.decision, ids[1 : lookups + 1])),
        "decision_warm": spread(timed_ms(log.decision, ids[lookups + 1 :])),
    }
    results["largest_memory_mb_before_peers"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, work in peers(made).items():
        results[name] = spread(timed_ms(work, ids[1 : PEER_LOOKUPS + 1]))
    return results


def show(result: dict) -> None:
    """Print the lines of one log."""
    ours = result["decision_warm"]["median_ms"]
    print(f"\n{result['millions']:g} million predictions ({result['log']})")
    print(f"  open {result['open_ms']} ms, first lookup {result['first_lookup_ms']} ms, ", end="")
    print(f"indexes ready {result['indexes_built_after_s']} s later")
    for name in ("decision_first", "decision_warm", "polars", "duckdb", "pyarrow"):
        of = result[name]
        times = "" if name.startswith("decision") else f"   {of['median_ms'] / ours:8.0f} x"
        print(f"  {name:16} median {of['median_ms']:9.2f} ms   p95 {of['p95_ms']:9.2f} ms{times}")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--lookups", type=int, default=200)
    parser.add_argument("--sealed", action="store_true")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    given = parser.parse_args()
    # Indexes that a log lacks are built here, not among the user's own.
    os.environ["XDG_CACHE_HOME"] = str(given.folder.absolute() / "caches")
    results = []
    for millions in given.millions:
        made = made_log(millions, given.folder, sealed=given.sealed)
        results.append(measure(millions, made, given.lookups))
        show(results[-1])
    keep(__file__, results, lookups=given.lookups)


if __name__ == "__main__":
    main()

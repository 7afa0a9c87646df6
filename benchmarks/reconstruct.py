"""How long it takes to reconstruct 10,000 decisions by id, beside peers that only fetch and join their rows.

Run: ``.venv/bin/python benchmarks/reconstruct.py [--millions 1 10] [--decisions 10000] [--sealed] [--ways]
[--folder build/benchmarks]``. Prints a table and one line of JSON, and writes ``benchmarks/reconstruct.json``.

`decisions` is ``log.decisions(ids)`` with every frame of it: predictions, inputs, versions in force, registry,
approvals, lineage, events, outcomes, overrides, explanations, gaps and findings. The peers fetch the rows of the
predictions and of their inputs by id and join them, and know nothing of the rest. Ids are random UUIDs spread over the
whole log, other ones in each pass; files are in the page cache and the log's indexes are there. With ``--ways``, what
ways there are to read such rows of the inputs, given their numbers.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from made_log import DEFAULT_FOLDER, MODEL, made_log, some_ids
from result import keep

import audit_lab as al

if TYPE_CHECKING:
    from collections.abc import Callable

PASSES = 5
PEER_PASSES = 3
DEMANDED_S = 2.0
FRAMES = ("frame", "inputs", "overrides", "outcomes", "explanations", "gaps", "findings")

#: Rows read one by one, of which the time for all is reckoned.
ONE_BY_ONE = 200


def timed_s(work: Callable[[pl.Series], int], passes: list[pl.Series]) -> dict[str, float]:
    """Return median, least and most seconds of a work over passes; it returns the rows it found, which must be all."""
    taken = []
    for ids in passes:
        start = time.perf_counter()
        rows = work(ids)
        taken.append(time.perf_counter() - start)
        if rows != ids.len():
            raise SystemExit(f"{rows} of {ids.len()} rows were found: they would be timed for nothing")
    return {
        "median_s": round(statistics.median(taken), 3),
        "least_s": round(min(taken), 3),
        "most_s": round(max(taken), 3),
    }


def files_of(made: Path, table: str) -> list[str]:
    """Return the paths of a table's files."""
    return sorted(str(path) for path in (made / table).glob("*.parquet"))


def by_polars(made: Path) -> Callable[[pl.Series], int]:
    """Return what a user of polars would write."""
    predictions, inputs = files_of(made, "predictions"), files_of(made, f"inputs/{MODEL}")

    def work(ids: pl.Series) -> int:
        wanted = pl.col("prediction_id").is_in(ids.implode())
        found = pl.scan_parquet(predictions).filter(wanted)
        beside = pl.scan_parquet(inputs).filter(wanted)
        return found.join(beside, on="prediction_id", how="left").collect().height

    return work


def by_duckdb(made: Path) -> Callable[[pl.Series], int]:
    """Return what a user of DuckDB would write."""
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    predictions, inputs = files_of(made, "predictions"), files_of(made, f"inputs/{MODEL}")
    query = (
        "SELECT * FROM (SELECT * FROM read_parquet($predictions) WHERE prediction_id IN (SELECT id FROM asked)) "
        "LEFT JOIN (SELECT * FROM read_parquet($inputs) WHERE prediction_id IN (SELECT id FROM asked)) "
        "USING (prediction_id)"
    )

    def work(ids: pl.Series) -> int:
        connection.register("asked", pl.DataFrame({"id": ids}).to_arrow())
        found = connection.sql(query, params={"predictions": predictions, "inputs": inputs}).to_arrow_table()
        return int(found.num_rows)

    return work


def read_once(made: Path) -> None:
    """Read every file of the log, so that what follows finds them in the page cache, if they fit into it."""
    for path in sorted(made.rglob("*")):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 24):
                    pass


def measure(millions: float, made: Path, decisions: int, *, ways: bool) -> dict[str, object]:
    """Return the results for one log."""
    read_once(made)
    ids = pl.Series(some_ids(made, decisions * (PASSES + 2))).unique(maintain_order=True)
    passes = [ids.slice(number * decisions, decisions) for number in range(PASSES + 1)]
    log = al.open(made)
    log.decision(passes[0][0])
    log._store.shelf.locator.finish()  # noqa: SLF001 - a user waits by going on

    def ours(asked: pl.Series) -> int:
        found = log.decisions(asked)
        for name in FRAMES:
            getattr(found, name)
        return int(found.frame["found"].sum())

    start = time.perf_counter()
    ours(passes[0])
    first_s = time.perf_counter() - start
    before = time.process_time()
    result: dict[str, object] = {
        "millions": millions,
        "log": made.name,
        "decisions": decisions,
        "first_s": round(first_s, 3),
        "decisions_warm": timed_s(ours, passes[1:]),
        "processor_s": round((time.process_time() - before) / PASSES, 3),
    }
    result["largest_memory_mb"] = largest_memory_mb(made, passes[1])
    result["through_objects"] = through_objects(log, passes[1])
    result["polars"] = timed_s(by_polars(made), passes[1 : PEER_PASSES + 1])
    result["duckdb"] = timed_s(by_duckdb(made), passes[1 : PEER_PASSES + 1])
    if ways:
        result["ways"] = measured_ways(made, decisions)
    return result


def largest_memory_mb(made: Path, ids: pl.Series) -> int:
    """Return the peak of a process that opens the log and reconstructs the decisions once."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_peak_mb, made, ids).result()


def _peak_mb(made: Path, ids: pl.Series) -> int:
    found = al.open(made).decisions(ids)
    for name in FRAMES:
        getattr(found, name)
    status = Path("/proc/self/status").read_text("utf-8")  # getrusage counts what the parent had, too
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def through_objects(log: al.AuditLog, ids: pl.Series) -> dict[str, float]:
    """Return the seconds of going through the decisions one by one, each as an object, after the frames are there."""
    found = log.decisions(ids)
    start = time.perf_counter()
    count = sum(1 for _ in found)
    return {"decisions": count, "s": round(time.perf_counter() - start, 3)}


def measured_ways(made: Path, decisions: int) -> dict[str, float]:
    """Return the seconds that each way takes to read rows of the inputs whose numbers are known."""
    files = files_of(made, f"inputs/{MODEL}")
    generator = np.random.default_rng(5)
    heights = [pq.read_metadata(file).num_rows for file in files]
    each = decisions // len(files)
    rows = [np.sort(generator.choice(height, each, replace=False)).astype(np.uint32) for height in heights]
    scans = [pl.scan_parquet(file, row_index_name="row", glob=False) for file in files]
    numbers = [pl.Series(some) for some in rows]
    among = [pl.col("row").is_in(some.implode()) for some in numbers]
    there = pl.col("prediction_id").is_not_null()
    some = pl.concat(pl.collect_all([scan.filter(one & there) for scan, one in zip(scans, among, strict=True)]))
    ids = some["prediction_id"]

    def whole(file: str, wanted: np.ndarray) -> pa.Table:
        return pq.read_table(file).take(wanted)

    by_way: dict[str, Callable[[], object]] = {
        "polars, by row number": lambda: pl.collect_all(
            [scan.filter(one) for scan, one in zip(scans, among, strict=True)]
        ),
        "polars, by row number and a column of the file": lambda: pl.collect_all(
            [scan.filter(one & there) for scan, one in zip(scans, among, strict=True)]
        ),
        "polars, by id": lambda: pl.collect_all(
            [scan.filter(pl.col("prediction_id").is_in(ids.implode())) for scan in scans]
        ),
        "pyarrow, whole files": lambda: [whole(file, wanted) for file, wanted in zip(files, rows, strict=True)],
    }
    taken = {name: _least_s(work) for name, work in by_way.items()}
    single = [scans[n % len(scans)].slice(int(rows[n % len(rows)][n % each]), 1) for n in range(ONE_BY_ONE)]
    taken["polars, row by row (reckoned)"] = round(
        _least_s(lambda: pl.collect_all(single), 1) * decisions / ONE_BY_ONE, 3
    )
    return taken


def _least_s(work: Callable[[], object], passes: int = 3) -> float:
    taken = []
    for _ in range(passes):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return round(min(taken), 3)


def show(result: dict) -> None:
    """Print the lines of one log."""
    ours = result["decisions_warm"]["median_s"]
    print(f"\n{result['decisions']:,} decisions of {result['millions']:g} million ({result['log']})")
    print(f"  first {result['first_s']} s, largest memory {result['largest_memory_mb']} MB, ", end="")
    print(f"{result['processor_s']} s of processor each")
    for name in ("decisions_warm", "polars", "duckdb"):
        of = result[name]
        times = "" if name.startswith("decisions") else f"   {of['median_s'] / ours:6.2f} x"
        print(f"  {name:15} median {of['median_s']:7.3f} s   ({of['least_s']:.3f} to {of['most_s']:.3f}){times}")
    through = result["through_objects"]
    print(f"  as objects      {through['s']:.2f} s for {through['decisions']:,}")
    for name, seconds in result.get("ways", {}).items():
        print(f"  inputs, {name}: {seconds:.3f} s")
    print(f"  demanded: at most {DEMANDED_S} s of 10 million: {'met' if ours <= DEMANDED_S else 'NOT met'}")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--sealed", action="store_true")
    parser.add_argument("--ways", action="store_true")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    given = parser.parse_args()
    # Indexes that a log lacks are built here, not among the user's own.
    os.environ["XDG_CACHE_HOME"] = str(given.folder.absolute() / "caches")
    results = []
    for millions in given.millions:
        made = made_log(millions, given.folder, sealed=given.sealed)
        results.append(measure(millions, made, given.decisions, ways=given.ways))
        show(results[-1])
    keep(__file__, results)


if __name__ == "__main__":
    main()

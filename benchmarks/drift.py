"""Drift of 20 numeric and 5 categorical features, a week of rows against the one before, beside Evidently and NannyML.

Run: ``make peers``, then ``.venv/bin/python benchmarks/drift.py [--millions 1] [--repeats 5] [--alarms]``. One sealed
log holds both weeks, each appended at once: the features of `made_log`, one more number, and four more categories; in
the second week two numbers and one category moved. The same rows go to the peers as two Parquet files, which they hold
in memory before their clock starts (what reading took them is told beside); our clock runs from opening the log to the
finished table, reading included; nothing is known of the log before, and then it is asked again. Imports count for no
one. Each question has a process of its own, whose peak memory counts.

No time is kept unless the numbers agree: every column's scaled Wasserstein or Jensen-Shannon distance with Evidently's,
every Jensen-Shannon distance with NannyML's, those of numbers under its bins. ``--alarms`` also asks, of rows that only
chance tells apart, what each calls drifted as it comes; it needs no ``--millions``.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from made_log import DEFAULT_FOLDER, FEATURES, MODEL, START, segment, small_tables
from result import keep

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "build" / "peers" / "bin" / "python"
WEEK = timedelta(weeks=1)
#: Beside the one text and the 19 numbers of `made_log`.
NUMBER = "feature_20"
TEXTS = {
    "region": (["north", "east", "south", "west"], [0.4, 0.3, 0.2, 0.1]),
    "channel": (["web", "shop", "phone"], [0.6, 0.25, 0.15]),
    "plan": ([f"plan-{number:02d}" for number in range(30)], [1 / 30] * 30),
    "device": (["phone", "tablet", "desktop", "other"], [0.55, 0.1, 0.3, 0.05]),
}
COLUMNS = [*FEATURES, NUMBER, *TEXTS]
CATEGORIES = [FEATURES[0], *TEXTS]
NUMBERS = [name for name in COLUMNS if name not in CATEGORIES]
#: How far apart may lie what means the same.
NEAR = 1e-9
#: Rows that only chance tells apart: rows of the reference, rows of a piece, pieces.
PIECES = ((1_000, 1_000, 40), (100_000, 500, 40), (100_000, 5_000, 20), (100_000, 50_000, 8))


def week_of(number: int, rows: int, *, moved: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return predictions and inputs of one week; where `moved`, two numbers and one category are not as before."""
    random = np.random.default_rng((13, number))
    predictions, inputs = segment(number, rows, WEEK / rows)
    more = {NUMBER: pl.Series(random.gamma(2.0, 30.0, rows).round(1))}
    for name, (values, chances) in TEXTS.items():
        shares = np.array(chances)
        if moved and name == "region":
            shares = shares + np.array([-0.03, 0.0, 0.0, 0.03])
        more[name] = pl.Series(np.array(values)[random.choice(len(values), rows, p=shares)])
    inputs = inputs.with_columns(**more)
    if moved:
        shifted = {FEATURES[3]: 0.05 * 3, FEATURES[7]: 0.3 * 7}
        inputs = inputs.with_columns(pl.col(name) + shift for name, shift in shifted.items())
    return predictions, inputs


def written(folder: Path, rows: int) -> None:
    """Write the log of two weeks, and the same rows as two Parquet files, once."""
    import audit_lab as al

    if (folder / "current.parquet").exists():
        return
    print(f"writing {2 * rows:,} rows", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    weeks = [week_of(number, rows, moved=number == 1) for number in range(2)]
    with al.create_log(folder / "log", f"benchmark-drift-{rows}", vault=folder / "vault", passphrase=b"made") as writer:
        writer.append(small_tables(rows))
        for predictions, inputs in weeks:
            writer.append({"predictions": predictions, f"inputs/{MODEL}": inputs})
    for name, (predictions, inputs) in zip(("reference", "current"), weeks, strict=True):
        at = predictions["occurred_at"].dt.replace_time_zone(None).alias("at")
        inputs.select(at, *COLUMNS).write_parquet(folder / f"{name}.parquet")


def ours(folder: Path) -> None:
    """Ask this library, in this process, and print what it took and what it found."""
    # Imported before the clock starts, as the peers are: what opening and asking would import besides.
    import narwhals._interchange.dataframe
    import narwhals._namespace
    import narwhals._polars.dataframe
    import narwhals._polars.namespace  # noqa: F401
    import numpy.ma
    import numpy.random  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import scipy.special  # noqa: F401
    import threadpoolctl  # noqa: F401

    import audit_lab as al
    import audit_lab.face.drift_of_log
    import audit_lab.face.drift_search
    import audit_lab.face.opening
    import audit_lab.log.tree.tree_file
    import audit_lab.log.unification
    import audit_lab.monitor.tallied
    import audit_lab.seal.checkpoint
    import audit_lab.seal.entry
    import audit_lab.seal.entry_kinds
    import audit_lab.seal.note

    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    found = al.open(folder / "log").drift(COLUMNS, every="1w", reference=(START, START + WEEK))
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    table = found.table.filter(window_start=START + WEEK)
    measures = ["psi", "js_distance", "hellinger", "ks", "wasserstein_scaled", "wasserstein_error", "verdict"]
    result = {
        "seconds": round(seconds, 2),
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
        "peak_mb": round(after.ru_maxrss / 1024),
        "mb_before": round(before.ru_maxrss / 1024),
        "rows": table["rows"][0],
        "answer": {row["column"]: {name: row[name] for name in measures} for row in table.iter_rows(named=True)},
    }
    print(json.dumps(result))


def ask_ours(folder: Path) -> dict[str, Any]:
    """Ask this library in a process of its own that knows nothing of the log, then once more."""
    words = [sys.executable, __file__, "--ours", str(folder)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        asked = [subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment) for _ in "12"]
    first, again = (json.loads(told.stdout.splitlines()[-1]) for told in asked)
    if first["answer"] != again["answer"]:
        raise SystemExit("asked again, this library answers otherwise")
    return {**first, "again_seconds": again["seconds"], "again_processor_seconds": again["processor_seconds"]}


def ask_peers(what: str, folder: Path, *options: str, reference: str = "reference") -> dict[str, Any]:
    """Ask Evidently or NannyML in a process of theirs."""
    paths = [str(folder / f"{name}.parquet") for name in (reference, "current")]
    out = folder / "told.json"
    words = [str(PEERS), str(ROOT / "benchmarks" / "peers.py"), what, *paths, str(out), *options]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return json.loads(out.read_text("utf-8"))  # type: ignore[no-any-return]


def compared(
    folder: Path, mine: dict[str, Any], evidently: dict[str, Any], nannyml: dict[str, Any]
) -> dict[str, float]:
    """Return how far the numbers lie apart at most, and refuse where they mean the same and differ."""
    from audit_lab.monitor.measures import jensen_shannon_distance

    apart = {"wasserstein": 0.0, "js_of_categories": 0.0, "js_of_numbers_under_their_bins": 0.0}
    sides = [pl.read_parquet(folder / f"{name}.parquet", columns=NUMBERS) for name in ("reference", "current")]
    for name in COLUMNS:
        found, theirs, other = mine[name], evidently[name]["score"], nannyml[f"{name}/jensen_shannon"]
        if name in CATEGORIES:
            distance = found["js_distance"]
            gap = max(abs(distance * math.sqrt(math.log(2)) - theirs), abs(distance - other))
            allowed, kind = NEAR, "js_of_categories"
        else:
            values = [side[name].to_numpy() for side in sides]
            gap, deviation = abs(found["wasserstein_scaled"] - theirs), float(values[0].std())
            allowed, kind = found["wasserstein_error"] / deviation + NEAR, "wasserstein"
            edges = np.histogram_bin_edges(values[0], bins="doane")
            counts = [np.histogram(side, edges)[0] for side in values]
            outside = [side.size - held.sum() for side, held in zip(values, counts, strict=True)]
            held = [np.append(held, more) for held, more in zip(counts, outside, strict=True)]
            under = abs(jensen_shannon_distance(*held) - other)
            apart["js_of_numbers_under_their_bins"] = max(apart["js_of_numbers_under_their_bins"], under)
            if under > NEAR:
                raise SystemExit(f"{name}: Jensen-Shannon distances under the same bins are {under} apart")
        if gap > allowed:
            raise SystemExit(f"{name}: {kind} is {gap} apart from Evidently's, more than {allowed}")
        apart[kind] = max(apart[kind], gap)
    return {name: float(f"{value:.2g}") for name, value in apart.items()}


def false_alarms() -> list[dict[str, Any]]:
    """Return how many columns each library calls drifted in pieces of rows that only chance tells apart."""
    most = [max(before for before, _, _ in PIECES), max(size * count for _, size, count in PIECES)]
    every = [week_of(place, rows, moved=False)[1].select(COLUMNS) for place, rows in enumerate(most)]
    found = []
    for before, size, count in PIECES:
        print(f"false alarms in {count} pieces of {size:,} rows", file=sys.stderr, flush=True)
        part = DEFAULT_FOLDER / f"drift-pieces-{before}-{size}"
        part.mkdir(parents=True, exist_ok=True)
        current = every[1].head(count * size)
        every[0].head(before).write_parquet(part / "reference.parquet")
        current.write_parquet(part / "current.parquet")
        told = ask_peers("alarms", part, "--rows", str(size))["result"]
        called = {"audit_lab": _ours_by_pieces(part, current, count, size), **told}
        row: dict[str, Any] = {"reference_rows": before, "rows": size, "pieces": count, "columns": count * len(COLUMNS)}
        for name, numbers in called.items():
            row[name] = None if numbers is None else {"columns": sum(numbers), "pieces": sum(map(bool, numbers))}
        found.append(row)
        print(json.dumps(row), flush=True)
    return found


def _ours_by_pieces(part: Path, current: pl.DataFrame, count: int, size: int) -> list[int]:
    """Return how many columns are beyond chance in each piece: one question over all pieces, a day each."""
    import audit_lab as al
    from audit_lab.log.files.write import write_log

    one = week_of(5, 1, moved=False)[0]
    starts = np.repeat(np.arange(count), size)
    inside = np.tile(np.arange(size), count)
    at = START + WEEK * 9
    times = pl.Series(int(at.timestamp()) * 1_000_000 + starts * 86_400_000_000 + inside * (86_400_000_000 // size))
    ids = pl.Series([f"p{place:08d}" for place in range(count * size)])
    predictions = one.select(pl.all().repeat_by(count * size).explode()).with_columns(
        prediction_id=ids, occurred_at=times.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    )
    inputs = current.select(COLUMNS).with_columns(prediction_id=ids)
    folder = part / "log"
    tables = {**small_tables(1_000), "predictions": predictions, f"inputs/{MODEL}": inputs}
    write_log(folder, tables, {"origin": "benchmark/alarms", "description": "Made", "notes": []})
    found = al.open(folder).drift(COLUMNS, every="1d", reference=part / "reference.parquet")
    alarms = found.alerts()["window_start"].to_list()
    return [sum(start == at + place * timedelta(days=1) for start in alarms) for place in range(count)]


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--alarms", action="store_true")
    parser.add_argument("--ours", type=Path)
    given = parser.parse_args()
    if given.ours is not None:
        ours(given.ours)
        return
    rows = round(given.millions * 1_000_000)
    folder = DEFAULT_FOLDER / f"drift-{rows}"
    # In a process of its own: on Linux a child counts what its parent had held as its own peak.
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(written, folder, rows).result()
    # First, as somebody asks who asks nothing else: the peers leave a machine behind whose memory is slow to come by.
    runs = []
    for place in range(given.repeats):
        print(f"audit_lab, {place + 1} of {given.repeats} ...", file=sys.stderr, flush=True)
        runs.append(ask_ours(folder))
    taken: dict[str, dict[str, Any]] = {}
    for what in ("evidently", "evidently-psi", "nannyml", "nannyml-all"):
        print(f"{what} ...", file=sys.stderr, flush=True)
        told = ask_peers(what, folder)
        taken[what], versions = told["result"] | {"reading_seconds": told["reading_seconds"]}, told["versions"]
        print(json.dumps({what: {name: value for name, value in taken[what].items() if name != "answer"}}), flush=True)
    mine = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
    apart = compared(folder, mine["answer"], taken["evidently"]["answer"], taken["nannyml"]["answer"])
    results: dict[str, Any] = {"furthest_apart": apart}
    taken["audit_lab"] = {**mine, "of_runs": [run["seconds"] for run in runs]}
    for what, one in taken.items():
        results[what] = {name: value for name, value in one.items() if name not in ("answer", "rows")}
    for what in ("evidently", "evidently-psi", "nannyml", "nannyml-all"):
        results[f"times_as_fast_as_{what}"] = round(taken[what]["seconds"] / mine["seconds"], 1)
        both = taken[what]["seconds"] + taken[what]["reading_seconds"]
        results[f"times_as_fast_as_{what}_that_reads_too"] = round(both / mine["seconds"], 1)
    results["called_drifted"] = {
        "audit_lab": sorted(name for name, one in mine["answer"].items() if one["verdict"] != "stable"),
        "evidently": sorted(name for name, one in taken["evidently"]["answer"].items() if one["drifted"]),
        "evidently-psi": sorted(name for name, one in taken["evidently-psi"]["answer"].items() if one["drifted"]),
    }
    if given.alarms:
        results["false_alarms"] = false_alarms()
    for name, value in results.items():
        print(f"{name}: {value}")
    keep(__file__, results, rows_on_each_side=rows, features=len(COLUMNS), versions=versions)


if __name__ == "__main__":
    main()

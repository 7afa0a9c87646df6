"""How drift grows with rows and with features, and what asking again costs.

Run: ``.venv/bin/python benchmarks/drift_scale.py [--millions 2 10 100] [--wide [rows]] [--folder build/benchmarks]``.
Prints a table and one line of JSON, and writes ``benchmarks/drift_scale.json``. Each question runs in a process of its
own, so that its peak memory and its CPU seconds are its own; the cache of sketches is a folder of the benchmark.

The log has a segment of a million rows for each week: 20 numeric features, of which ten have a value of their own for
each row, and five of text, of 8 to 400 categories; score and decision are measured too. The reference is the first half
of the weeks. The values of ten segments are drawn, and come again in each ten segments after them; ids and times are
each row's own. Ids are numbers written as text, which compresses better than random ones.

*first* asks with an empty cache, *again* asks the same in a new process, *one more* asks after a segment was added.
``--wide`` asks for 1,000 numeric features of one million rows in two segments, of which half have a value of their own
for each row.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from made_log import CITIES, DEFAULT_FOLDER, MODEL, START, segment_entry, small_tables
from result import keep

from audit_lab.log.files.write import write_log

MILLION = 1_000_000
WEEK = timedelta(weeks=1)
NUMERIC, TEXT, DISTINCT = 20, 5, 10
WIDE = 1_000
ROWS_PER_GROUP = 131_072
THRESHOLD = 0.5


def values(number: int, rows: int, numeric: int, text: int) -> dict[str, pl.Series]:
    """Return the features of a segment."""
    generator = np.random.default_rng((21, number))
    found = {}
    for place in range(numeric):
        drawn = generator.normal(10.0 * (place % 20), 1.0 + place % 20, rows)
        found[f"number_{place:03d}"] = pl.Series(drawn if place % 2 else drawn.round(place % 3))
    for place in range(text):
        names = np.array([f"{CITIES[each % 8]} {each}" for each in range((8, 12, 40, 100, 400)[place])])
        found[f"text_{place}"] = pl.Series(names[generator.integers(0, len(names), rows)])
    return found


def tables(number: int, rows: int, features: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return predictions and inputs of a segment."""
    every = WEEK / rows
    first = START + number * WEEK
    at = pl.datetime_range(first, first + (rows - 1) * every, every, time_unit="us", eager=True)
    ids = pl.int_range(number * rows, (number + 1) * rows, eager=True).cast(pl.String).str.zfill(12)
    scores = pl.Series(np.random.default_rng((22, number % DISTINCT)).beta(2, 5, rows).round(4))
    own = {"prediction_id": ids, "recorded_at": at}
    predictions = pl.DataFrame({**own, "occurred_at": at}).with_columns(
        model_name=pl.lit(MODEL),
        model_version=pl.lit("1"),
        outputs=pl.struct(score=scores, label=pl.lit(None, dtype=pl.String)),
        decision=pl.Series(np.where(scores.to_numpy() >= THRESHOLD, "deny", "approve"), dtype=pl.String),
    )
    return {"predictions": predictions, f"inputs/{MODEL}": pl.DataFrame(own).hstack(features)}


def made_segments(folder: Path, segments: int, rows: int, numeric: int, text: int) -> list[dict[str, Any]]:
    """Write the segments that are not there yet; return the manifest's entries of each."""
    drawn: dict[int, pl.DataFrame] = {}
    entries = []
    for number in range(segments):
        stated = folder / "entries" / f"{number:05d}.json"
        if not stated.exists():
            if number % DISTINCT not in drawn:
                drawn[number % DISTINCT] = pl.DataFrame(values(number % DISTINCT, rows, numeric, text))
            of_segment = {}
            for table, frame in tables(number, rows, drawn[number % DISTINCT]).items():
                path = folder / table / f"part-{number:05d}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                frame.write_parquet(path, compression="zstd", compression_level=1, row_group_size=ROWS_PER_GROUP)
                of_segment[table] = segment_entry(folder, path, frame)
            stated.parent.mkdir(parents=True, exist_ok=True)
            stated.write_text(json.dumps(of_segment), "utf-8")
            print(f"\r{number + 1} segments", end="", file=sys.stderr, flush=True)
        entries.append(json.loads(stated.read_text("utf-8")))
    return entries


def made_log(folder: Path, segments: int, rows: int, numeric: int, text: int) -> Path:
    """Return a log of the first segments of a folder, whose files are linked, not copied."""
    entries, log = made_segments(folder, segments, rows, numeric, text), folder / "log"
    shutil.rmtree(log, ignore_errors=True)
    for of_segment in entries:
        for entry in of_segment.values():
            (log / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / entry["path"], log / entry["path"])
    few = {name: frame for name, frame in small_tables(10).items() if name in {"model_versions", "deployments"}}
    write_log(log, few, {"origin": f"benchmark/drift/{numeric}", "description": "Made", "notes": []})
    manifest = json.loads((log / "manifest.json").read_text("utf-8"))
    for table in ("predictions", f"inputs/{MODEL}"):
        manifest["tables"][table] = {"segments": [of_segment[table] for of_segment in entries]}
    (log / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
    return log


def asked(log: Path, half: int) -> dict[str, Any]:
    """Ask a log for drift in this process, and return what it took."""
    import audit_lab as al

    wall, cpu = time.perf_counter(), time.process_time()
    found = al.open(log).drift(every="1w", reference=(START.isoformat(), (START + half * WEEK).isoformat()))
    taken = {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2)}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **taken,
        "peak_mb": round(usage.ru_maxrss / 1024),
        "rows": int(found.volume["rows"].sum()),
        "columns": len(found.columns),
        "windows": found.volume.height,
        "sha256": found.table.hash_rows(7).sort().sum(),
    }


def in_process(log: Path, half: int, cache: Path) -> dict[str, Any]:
    """Ask in a process of its own."""
    command = [sys.executable, __file__, "--ask", str(log), "--half", str(half)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def measured(name: str, folder: Path, segments: int, rows: int, kinds: tuple[int, int]) -> list[dict[str, Any]]:
    """Ask a log three times: first, again, and with one more segment."""
    cache = folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    half = segments // 2
    log = made_log(folder, segments, rows, *kinds)
    found = [{"work": f"{name}, {how}", **in_process(log, half, cache)} for how in ("first", "again")]
    made_log(folder, segments + 1, rows, *kinds)
    found.append({"work": f"{name}, one more", **in_process(log, half, cache)})
    for one in found:
        print(f"{one['work']:30s} {one['wall_s']:8.2f} s {one['cpu_s']:8.2f} s CPU {one['peak_mb']:6d} MB")
    return found


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, nargs="*", default=[2, 10, 100])
    parser.add_argument("--wide", type=int, nargs="?", const=MILLION, help="rows of the log of 1,000 features")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--make", type=int, help="only write so many segments")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--half", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    long, wide = given.folder / "drift-scale", given.folder / f"drift-scale-wide-{given.wide}"
    if given.ask is not None:
        print(json.dumps(asked(given.ask, given.half)))
    elif given.make is not None:
        made_segments(long, given.make, MILLION, NUMERIC, TEXT)
    else:
        found = [
            one
            for millions in given.millions
            for one in measured(f"{millions} million rows", long, millions, MILLION, (NUMERIC, TEXT))
        ]
        if given.wide is not None:
            found += measured(f"1,000 features of {given.wide:,} rows", wide, 2, given.wide // 2, (WIDE, 0))
        keep(__file__, {"questions": found})


if __name__ == "__main__":
    main()

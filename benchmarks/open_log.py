"""How long it takes to open a log, in fresh processes, beside what peers need before a first question.

Run: ``.venv/bin/python benchmarks/open_log.py [--millions 1 10] [--runs 9] [--sealed] [--folder build/benchmarks]``.
Prints a table and one line of JSON, and writes ``benchmarks/open_log.json``. Importing audit_lab, and the peers, is not
counted; what opening itself imports is, the first time. The files are in the page cache.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from made_log import DEFAULT_FOLDER, made_log
from result import keep

ROOT = Path(__file__).resolve().parents[1]

_TIMED = "import time; {before}; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"

#: Name to what is imported before, and what is timed. The peers learn the schema of the predictions only.
WORK = {
    "audit_lab.open, first in a process": ("import audit_lab as al; al.open", "al.open({log!r})"),
    "audit_lab.open, again": ("import audit_lab as al; al.open({log!r})", "al.open({log!r})"),
    "polars scan_parquet, schema": ("import polars as pl", "pl.scan_parquet({files!r}).collect_schema()"),
    "duckdb read_parquet, describe": (
        "import duckdb; c = duckdb.connect()",
        "c.execute('DESCRIBE SELECT * FROM read_parquet(?)', [{files!r}]).fetchall()",
    ),
    "pyarrow dataset, schema": ("import glob, pyarrow.dataset as ds", "ds.dataset(glob.glob({files!r})).schema"),
}


def measure(before: str, work: str) -> float:
    """Return the milliseconds of `work` in a fresh process, after `before`."""
    code = _TIMED.format(before=before, work=work)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(shown.stdout) * 1000


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--sealed", action="store_true")
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    given = parser.parse_args()
    results = []
    for millions in given.millions:
        made = made_log(millions, given.folder, sealed=given.sealed)
        folder = made / "predictions"
        names = {"log": str(made), "files": str(folder / "*.parquet")}
        print(f"\n{millions:g} million predictions ({made.name}, {len(list(folder.glob('*.parquet')))} files)")
        result: dict[str, object] = {"millions": millions, "log": made.name}
        for name, (before, work) in WORK.items():
            taken = [measure(before.format(**names), work.format(**names)) for _ in range(given.runs)]
            result[name] = {"median_ms": round(statistics.median(taken), 2), "largest_ms": round(max(taken), 2)}
            print(f"  {name:36} median {statistics.median(taken):8.2f} ms   largest {max(taken):8.2f} ms")
        results.append(result)
    keep(__file__, results, runs=given.runs)


if __name__ == "__main__":
    main()

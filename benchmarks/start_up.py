"""What it costs to import audit_lab and to open a log, each in fresh processes, beside the peers a user would pick.

Run: ``.venv/bin/python benchmarks/start_up.py [--runs 15]``. Prints a table and writes ``benchmarks/start_up.json``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from result import keep

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = str(ROOT / "sample_data" / "flights")
SEGMENT = str(ROOT / "sample_data" / "flights" / "predictions" / "part-00000.parquet")

#: Name to Python that prints the seconds of the measured part.
_TIMED = "import time; {before}; start = time.perf_counter(); {work}; print(time.perf_counter() - start)"
WORK = {
    "import polars": ("pass", "import polars"),
    "import audit_lab, beyond polars": ("import polars", "import audit_lab; audit_lab.open"),
    "open the flights log": ("import audit_lab as al; al.open", f"al.open({FLIGHTS!r})"),
    "scan_parquet of its predictions (polars)": (
        "import polars as pl",
        f"pl.scan_parquet({SEGMENT!r}).collect_schema()",
    ),
    "reconstruct one decision": (
        f"import audit_lab as al; log = al.open({FLIGHTS!r}); key = log.newest(1)['prediction_id'][0]",
        "log.decision(key)",
    ),
}


def measure(before: str, work: str) -> float:
    """Return the seconds of `work` in a fresh process, after `before`."""
    code = _TIMED.format(before=before, work=work)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(shown.stdout)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    results = {}
    for name, (before, work) in WORK.items():
        seconds = [measure(before, work) for _ in range(runs)]
        results[name] = {"median_s": round(statistics.median(seconds), 4), "largest_s": round(max(seconds), 4)}
        median_ms, largest_ms = (value * 1000 for value in results[name].values())
        print(f"{name:45} median {median_ms:8.1f} ms   largest {largest_ms:8.1f} ms")
    keep(__file__, results, runs=runs)


if __name__ == "__main__":
    main()

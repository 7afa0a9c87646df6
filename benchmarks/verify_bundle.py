"""What it costs to verify a large bundle, with the one-file verifier and in full, beside sha256sum of its files.

Run: ``.venv/bin/python benchmarks/verify_bundle.py [--megabytes 100] [--runs 7] [--folder build/benchmarks]``. Prints a
table and one line of JSON, and writes ``benchmarks/verify_bundle.json``.

The bundle holds the notebook of the incident, executed, with its page, and tables of random numbers and texts as
Parquet and CSV, until it is as large as asked; it is made once. Each way is a fresh process, they take turns, the page
cache is warm for all, and Python's modules are compiled. Seconds by the clock, and of the processor: on a machine that
does other work too, the latter count. sha256sum reads the same files, unpacked.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
from made_log import DEFAULT_FOLDER
from result import keep

import audit_lab as al
from audit_lab.evidence import demonstration_key, export_case
from audit_lab.evidence.one_file import write_verifier

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "01_investigate_an_incident.ipynb"
ROWS = 100_000
#: What is demanded: so many times sha256sum, and so many seconds.
TIMES, MORE_S = 1.5, 0.5
#: Modules are compiled once, as an installer does it, and not by each process anew.
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def table(seed: int) -> pl.DataFrame:
    """Return a table of identifiers, numbers, counts and categories."""
    generator = np.random.default_rng(seed)
    numbers = {f"feature_{at}": generator.normal(size=ROWS) for at in range(4)}
    carriers = generator.choice(["AA", "DL", "UA", "WN"], ROWS)
    ids = [f"{seed:04x}-{value:012x}" for value in generator.integers(0, 1 << 48, ROWS)]
    return pl.DataFrame(
        {"prediction_id": ids, **numbers, "rows": generator.integers(0, 9999, ROWS), "carrier": carriers}
    )


def made_bundle(megabytes: int, folder: Path) -> tuple[Path, Path, Path]:
    """Make the bundle, its files in a folder, and the trust file, unless they are there; return the three."""
    home = folder / f"bundle-{megabytes}"
    bundle, unpacked = home / "bundle.zip", home / "files"
    demonstration = demonstration_key(home / "demonstration-key")
    if not unpacked.exists():
        log = al.open(ROOT / "sample_data" / "flights")
        case = al.Case.create(
            f"BENCHMARK-{time.time_ns()}",
            log,
            question="How long?",
            actor="benchmark",
            purpose="b",
            folder=home / "cases",
        )
        at = size_bytes = 0
        while size_bytes < megabytes * 1_000_000:
            kept = case.keep(table(at), f"Table {at}")
            size_bytes += sum((kept.folder / name).stat().st_size for name in kept.files)
            at += 1
        export_case(case, bundle, key=demonstration.key, notebook=NOTEBOOK, overwrite=True)
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(unpacked)  # our own archive, made just now
    return bundle, unpacked, demonstration.trust


def measured(command: list[str]) -> tuple[float, float]:
    """Return the seconds by the clock, and of the processor, that a process and its children took."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=COMPILED)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{command} ended with status {status}")
    process.returncode = 0
    return seconds, used.ru_utime + used.ru_stime


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    given = parser.parse_args()
    bundle, unpacked, trust = made_bundle(given.megabytes, given.folder)
    pyz = bundle.with_name("audit-lab-verify.pyz")
    write_verifier(pyz)
    asked = [str(bundle), "--trust", str(trust)]
    files = sorted(str(path) for path in unpacked.rglob("*") if path.is_file())
    ways = {
        "sha256sum": ["sha256sum", *files],
        "one-file verifier": [sys.executable, str(pyz), *asked],
        "audit-lab verify": [sys.executable, "-m", "audit_lab", "verify", *asked],
    }
    runs = {name: [] for name in ways}
    for command in ways.values():
        measured(command)
    for _ in range(given.runs):
        for name, command in ways.items():
            runs[name].append(measured(command))
    results = {
        name: {
            "wall_s": round(statistics.median(wall for wall, _ in taken), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu in taken), 3),
        }
        for name, taken in runs.items()
    }
    demanded = {kind: round(TIMES * results["sha256sum"][kind] + MORE_S, 3) for kind in ("wall_s", "cpu_s")}
    print(f"{bundle.stat().st_size / 1e6:.1f} MB, {len(files)} files")
    for name, taken in {**results, "demanded at most": demanded}.items():
        print(f"{name:20} {taken['wall_s']:7.3f} s by the clock   {taken['cpu_s']:7.3f} s of processor")
    keep(__file__, results, megabytes=bundle.stat().st_size / 1e6, files=len(files), runs=given.runs, demanded=demanded)


if __name__ == "__main__":
    main()

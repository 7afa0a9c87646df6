"""What it costs to export a notebook as a signed bundle, beside nbconvert running the same notebook to a page.

Run: ``.venv/bin/python benchmarks/export.py [--runs 3] [--notebook NOTEBOOK]``. Prints
a table and one line of JSON, and writes ``benchmarks/export.json``.

Either way is a fresh process with a fresh kernel, an empty cache, and a folder of its own for the cases that the
notebook makes; they take turns. Seconds by the clock, and of all processors for the process, its kernel and whatever
these started: on a machine that does other work too, the latter count. The export runs the notebook, renders its page,
gathers the case, signs, and verifies what it wrote; a PDF is part of it where a program that prints one is found.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from result import keep

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks" / "01_investigate_an_incident.ipynb"
#: Linux: whatever outlives its parent becomes a child of this process, so that its processor time is counted.
SUBREAPER = 36
DEMANDED = 1.3


def used_s() -> float:
    """Return the seconds of the processor that ended children took, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Return the seconds by the clock, and of the processor, that a command and all that it started took."""
    for name in ("cache", "cases"):
        (folder / name).mkdir()
    places = {"XDG_CACHE_HOME": str(folder / "cache"), "AUDIT_LAB_CASES": str(folder / "cases")}
    before, start = used_s(), time.perf_counter()
    ended = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if ended.returncode != 0:
        raise SystemExit(ended.stderr)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return seconds, used_s() - before


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK)
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    nbconvert = ["-m", "jupyter", "nbconvert", "--execute", "--to", "html", str(given.notebook), "--output-dir"]
    ways = {
        "jupyter nbconvert": [sys.executable, *nbconvert],
        "audit-lab export": [
            sys.executable,
            "-m",
            "audit_lab",
            "export",
            str(given.notebook),
            "--demonstration-key",
            "--out",
        ],
    }
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    files = 0
    for _ in range(given.runs):
        for name, command in ways.items():
            with tempfile.TemporaryDirectory(prefix="audit-lab-benchmark-") as made:
                out = Path(made) / "out"
                runs[name].append(measured([*command, str(out)], Path(made)))
                for bundle in out.glob("*.zip"):
                    files = len(zipfile.ZipFile(bundle).namelist())
    results = {
        name: {
            "wall_s": round(statistics.median(wall for wall, _ in taken), 2),
            "cpu_s": round(statistics.median(cpu for _, cpu in taken), 2),
            "least_cpu_s": round(min(cpu for _, cpu in taken), 2),
        }
        for name, taken in runs.items()
    }
    peer, own = results.values()
    ratios = {kind: round(own[kind] / peer[kind], 3) for kind in peer}
    for name, taken in results.items():
        print(f"{name:20} {taken['wall_s']:7.2f} s by the clock   {taken['cpu_s']:7.2f} s of processor")
    print(f"{'ratio':20} {ratios['wall_s']:7.2f}                  {ratios['cpu_s']:7.2f}   (demanded: {DEMANDED})")
    keep(__file__, results, notebook=given.notebook.name, runs=given.runs, files_in_bundle=files, ratios=ratios)


if __name__ == "__main__":
    main()

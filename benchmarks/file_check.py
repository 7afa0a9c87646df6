"""How fast a log's files are checked, beside sha256sum over the same files on as many processors; and its rows.

Run: ``.venv/bin/python benchmarks/file_check.py [--millions 10] [--runs 3] [--rows]``. Prints a table and one line of
JSON, and writes ``benchmarks/file_check.json``. The two ways take turns, and the page cache is warm for both. With
``--rows`` the whole verification is measured too, its rows decoded in the child process, with and without the vault.
On a machine that does other work too the two suffer alike; the load when each began stands beside them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from made_log import DEFAULT_FOLDER, made_log
from result import keep

from audit_lab.log.folder import LogFolder
from audit_lab.log.integrity import examine_log
from audit_lab.log.integrity.files import check_files, sealed_files
from audit_lab.log.integrity.findings import Examination
from audit_lab.log.integrity.history import read_history
from audit_lab.log.keys.vault import Vault
from audit_lab.log.tree.tree_file import LogTree

PEER = "xargs -P{} sha256sum"
OWN = "audit_lab: size and SHA-256 of every file"


def by_sha256sum(log: Path, paths: list[str], processors: int) -> float:
    """Return the seconds that sha256sum took over the files, one process for each file on each processor."""
    names = "\0".join(paths).encode() + b"\0"
    start = time.perf_counter()
    subprocess.run(
        ["xargs", "-0", "-n", "1", "-P", str(processors), "sha256sum"],  # noqa: S607
        input=names,
        cwd=log,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def by_audit_lab(log: Path) -> float:
    """Return the seconds that the check of the files took, reading the entries that state their digests included."""
    start = time.perf_counter()
    folder, examination = LogFolder(log), Examination()
    check_files(folder, read_history(LogTree(folder), examination), examination)
    seconds = time.perf_counter() - start
    if examination.findings:
        raise SystemExit(str(examination.findings[:3]))
    return seconds


def verified(log: Path, vault: Vault | None, *, rows: bool) -> dict[str, float | str]:
    """Return what the whole verification took."""
    load, start = os.getloadavg()[0], time.perf_counter()
    report = examine_log(log, vault=vault, rows=rows, remembered=False)
    seconds = time.perf_counter() - start
    if report.findings:
        raise SystemExit(str(report.findings[:3]))
    compared = next((text for text in report.checked if "recomputed" in text), "no rows")
    return {"seconds": round(seconds, 2), "load": round(load, 2), "what": compared}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--folder", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", action="store_true")
    given = parser.parse_args()
    log = made_log(given.millions, given.folder, sealed=True)
    processors = os.cpu_count() or 1
    folder = LogFolder(log)
    paths = [file.path for file in sealed_files(read_history(LogTree(folder), Examination()))]
    size = sum((log / path).stat().st_size for path in paths)
    taken: dict[str, list[tuple[float, float]]] = {PEER.format(processors): [], OWN: []}
    for _ in range(given.runs + 1):
        for name, runs in taken.items():
            load = os.getloadavg()[0]
            runs.append((by_audit_lab(log) if name == OWN else by_sha256sum(log, paths, processors), load))
    results = {}
    for name, runs in taken.items():
        seconds, load = min(runs[1:])  # the first fills the page cache
        results[name] = {
            "mb_per_second": round(size / seconds / 1e6),
            "seconds": round(seconds, 2),
            "slowest_seconds": round(max(runs[1:])[0], 2),
            "load_at_best": round(load, 2),
        }
    ratio = results[OWN]["mb_per_second"] / results[PEER.format(processors)]["mb_per_second"]
    print(f"{len(paths)} files, {size / 1e9:.2f} GB, {processors} processors")
    for name, result in results.items():
        print(f"{name:44} {result['mb_per_second']:>6,} MB/s  {result['seconds']:>7} s  load {result['load_at_best']}")
    print(f"{ratio:.2f} times the throughput of sha256sum (at least 0.7 is wanted)")
    whole = {}
    if given.rows:
        opened = Vault.open(LogTree(folder).origin, log.with_suffix(".vault"), passphrase=b"benchmark", log=log)
        for name, vault, rows in (
            ("files only", None, False),
            ("without the vault", None, True),
            ("with it", opened, True),
        ):
            whole[name] = verified(log, vault, rows=rows)
            print(f"verify, {name:36} {whole[name]['seconds']:>9} s  load {whole[name]['load']}  {whole[name]['what']}")
    keep(__file__, results, millions=given.millions, files=len(paths), bytes=size, ratio=round(ratio, 2), verify=whole)


if __name__ == "__main__":
    sys.exit(main())

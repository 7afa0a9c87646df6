"""Rows that are kept do not keep the chunk that they came from."""

from __future__ import annotations

import subprocess
import sys

import polars as pl

from audit_lab.replay.impact.own_memory import in_own_memory

MEASURED = """
import sys
import polars as pl
from audit_lab.replay.impact.own_memory import in_own_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def picked(number):
    chunk = pl.select(id=pl.format("{}-{}", pl.lit("x" * 200), pl.int_range(50_000)))
    return in_own_memory(chunk.filter(pl.int_range(pl.len()) % 100 == 0))

kept = [picked(0)]
before = resident()
kept += [picked(number) for number in range(20)]
print((resident() - before) // 1_000_000)
"""


def test_twenty_chunks_of_ten_megabytes_leave_little_behind():
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, timeout=120)
    assert int(done.stdout) < 80


def test_rows_stay_what_they_are():
    rows = pl.DataFrame(
        {"id": ["a", None], "score": [float("nan"), -0.0], "list": [[1.0], None]},
        schema_overrides={"id": pl.Enum(["a"])},
    )
    assert in_own_memory(rows).equals(rows)
    assert in_own_memory(rows.clear()).schema == rows.schema

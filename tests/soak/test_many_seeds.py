"""Faults planted elsewhere: whatever the seed, replay, coverage and drift find what TRUTH.json says was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

import audit_lab as al

pytestmark = pytest.mark.soak

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=range(101, 107))
def built(request, tmp_path_factory):
    """Return an opened flights log whose faults were planted by a seed of its own, and the truth about it."""
    out = tmp_path_factory.mktemp(f"seed-{request.param}")
    command = [
        sys.executable,
        "sample_data/build.py",
        "--out",
        str(out),
        "--seed",
        str(request.param),
        "--only",
        "flights",
    ]
    subprocess.run(command, check=True, cwd=REPOSITORY)
    return al.open(out / "flights"), json.loads((out / "TRUTH.json").read_text())


def planted(truth, kind):
    return next(fault for fault in truth["faults"] if fault["kind"] == kind)


def test_replay_reproduces_all_but_what_was_planted(built):
    log, truth = built
    rows = log.replay().rows
    assert rows.height == truth["predictions"]
    assert rows.filter(pl.col("verdict") == "EXACT").height == truth["replay"]["EXACT"]
    codes = dict(rows.filter(pl.col("verdict") == "UNREPLAYABLE")["code"].value_counts().rows())
    assert codes == truth["replay"]["UNREPLAYABLE"]


def test_coverage_counts_what_the_writer_lost(built):
    log, truth = built
    gap = planted(truth, "sequence-gap")
    covered = log.coverage()
    assert covered.lost == gap["lost"]
    assert covered.sequence_gaps["writer_id"].to_list() == [gap["writer_id"]]


def test_merger_is_dated_to_its_day(built):
    log, _ = built
    gone = log.drift().vanished
    assert [(one.category, one.last_seen.date().isoformat()) for one in gone if one.returned is None] == [
        ("US", "2015-06-30")
    ]


def test_changed_unit_is_found_with_its_days(built):
    log, truth = built
    fault = planted(truth, "unit-change")
    found = [one for one in log.drift().changes if one.kind == "unit" and one.column == fault["feature"]]
    days = [(one.start.date().isoformat(), one.end) for one in found]
    assert days[0][0] == fault["since"]
    assert found[0].end <= datetime.fromisoformat(fault["until"]).replace(tzinfo=found[0].end.tzinfo)
    assert found[0].factor == pytest.approx(fault["factor"], rel=1e-6)

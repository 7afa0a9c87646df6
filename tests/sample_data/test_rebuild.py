from __future__ import annotations

import json
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

if TYPE_CHECKING:
    from pathlib import Path

BUILT = ("flights", "credit", "foreign_loans", "TRUTH.md", "TRUTH.json")
MOST_BYTES = 15_000_000
#: Columns that follow the versions of the libraries, not the data.
FOLLOWS_LIBRARIES = (
    "artifact_uri",
    "artifact_sha256",
    "runtime",
    "environment",
    "evaluation",
    "metrics",
    "evidence_sha256",
    "payload",
    "summary",
    "event_id",
    "values",
    "versions",
)


def files(root: Path) -> dict[str, Path]:
    found = [path for name in BUILT for path in [root / name, *(root / name).rglob("*")] if path.is_file()]
    return {path.relative_to(root).as_posix(): path for path in found}


def same_libraries(root: Path) -> bool:
    built_with = json.loads((root / "flights" / "manifest.json").read_text(encoding="utf-8"))["built_with"]
    here = {"machine": platform.machine(), "python": platform.python_version()}
    here |= {name: version(name) for name in built_with if name not in here}
    return here == built_with


def test_the_same_libraries_rebuild_the_committed_bytes(committed, rebuilt):
    if not same_libraries(committed):
        pytest.skip("the libraries are not those of built_with; test_a_rebuild_has_the_committed_values holds")
    here, there = files(committed), files(rebuilt)
    assert [name for name in here if name not in there or here[name].read_bytes() != there[name].read_bytes()] == []
    assert sorted(there) == sorted(here)


@pytest.mark.parametrize("folder", ["flights", "credit", "foreign_loans"])
def test_a_rebuild_has_the_committed_values(committed, rebuilt, folder):
    tables = sorted(path.relative_to(committed) for path in (committed / folder).rglob("*.parquet"))
    assert tables == sorted(path.relative_to(rebuilt) for path in (rebuilt / folder).rglob("*.parquet"))
    for table in tables:
        left, right = (_values(pl.read_parquet(root / table), table) for root in (committed, rebuilt))
        assert_frame_equal(left, right, check_exact=False, rel_tol=0, abs_tol=1e-4)


def _values(frame: pl.DataFrame, table: Path) -> pl.DataFrame:
    frame = frame.unnest("outputs") if "outputs" in frame.columns else frame
    follows = [name for name in FOLLOWS_LIBRARIES if name in frame.columns and "predictions" not in table.parts]
    return frame.drop(follows)


def test_what_is_committed_stays_under_fifteen_megabytes(committed):
    assert sum(path.stat().st_size for path in files(committed).values()) < MOST_BYTES


@pytest.mark.parametrize("folder", ["flights", "credit"])
def test_the_log_says_nothing_of_the_planted_faults(committed, folder):
    assert [path.name for path in (committed / folder).iterdir() if "truth" in path.name.lower()] == []
    manifest = (committed / folder / "manifest.json").read_text(encoding="utf-8").lower()
    assert [word for word in ("planted", "fault", "hotfix", "duplicate", "unit change") if word in manifest] == []

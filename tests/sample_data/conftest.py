from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"
OTHER_SEED = 7


class Log:
    """A built log and the truth beside it, read without the library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    def __getitem__(self, table: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / table / "*.parquet")

    @property
    def truth(self) -> dict:
        return json.loads((self.folder.parent / "TRUTH.json").read_text(encoding="utf-8"))

    def fault(self, kind: str) -> dict:
        return next(fault for fault in self.truth["faults"] if fault["kind"] == kind)


def build(out: Path, *arguments: str) -> Path:
    command = [sys.executable, str(SAMPLE_DATA / "build.py"), "--out", str(out), *arguments]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="session")
def committed() -> Path:
    return SAMPLE_DATA


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("rebuilt"))


@pytest.fixture(scope="session")
def moved(tmp_path_factory) -> Path:
    """The flights log with the faults of another seed."""
    return build(tmp_path_factory.mktemp("moved"), "--only", "flights", "--seed", str(OTHER_SEED))


@pytest.fixture(scope="session")
def flights(committed) -> Log:
    return Log(committed / "flights")


@pytest.fixture(scope="session")
def credit(committed) -> Log:
    return Log(committed / "credit")


@pytest.fixture(scope="session", params=["committed", "moved"])
def faulty(request) -> Log:
    """The committed flights log, then the one with its faults moved."""
    return Log(request.getfixturevalue(request.param) / "flights")


@pytest.fixture(scope="session")
def source_flights(committed) -> pl.DataFrame:
    names = ("flight_delays_reference.csv.gz", "flight_delays.csv.gz")
    return pl.concat([pl.read_csv(committed / "sources" / name, try_parse_dates=True) for name in names])

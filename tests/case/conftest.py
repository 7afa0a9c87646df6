from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from audit_lab.case import CaseFile


@dataclass
class FakeLog:
    """What a case asks of a log."""

    origin: str = "flights.example"
    path: Path = Path("sample_data/flights")
    manifest_sha256: str = "ab" * 32
    checkpoint: str | None = None


class FakeVerdict(enum.StrEnum):
    EXACT = "EXACT"


@dataclass
class FakeDecision:
    """What a case asks of a decision."""

    prediction_id: str = "p1"
    prediction: dict[str, Any] = field(
        default_factory=lambda: {
            "prediction_id": "p1",
            "occurred_at": datetime(2015, 7, 1, tzinfo=UTC),
            "outputs": {"score": 0.25, "label": "on time"},
            "threshold": None,
        }
    )
    inputs: dict[str, Any] | None = field(default_factory=lambda: {"prediction_id": "p1", "distance": float("nan")})
    model_version: dict[str, Any] | None = field(
        default_factory=lambda: {"model_name": "delay", "model_version": "2", "artifact_sha256": "cd" * 32, "x": 1}
    )

    def to_dict(self):
        return {"prediction_id": "p1", "distance": float("nan"), "big": 2**60}


@dataclass
class FakeReplay:
    verdict: FakeVerdict = FakeVerdict.EXACT

    def to_dict(self):
        return {"verdict": self.verdict, "why": "equal"}


@dataclass
class FakeAttribution:
    contributions: tuple[str, ...] = ()
    artifact_sha256: str = "cd" * 32

    def to_json(self):
        return b'{"method":"shap"}'

    def to_frame(self):
        return pl.DataFrame({"feature": ["a"], "value": ["1"], "contribution": [0.5]})


@dataclass
class FakeDrift:
    table: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame({"column": ["a"], "psi": [0.3], "new_categories": [["x", "y"]]})
    )

    def summary(self):
        return ["a drifted"]


class Clock:
    """A clock that moves on one second at each look."""

    def __init__(self):
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def log():
    return FakeLog()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def create(tmp_path, log, clock):
    """Create a case; keyword arguments replace the usual ones."""

    def make(case_id="INC-1", **changes):
        usual = {"question": "Why?", "actor": "jane", "purpose": "complaint", "folder": tmp_path, "clock": clock}
        about = changes.pop("log", log)
        return CaseFile.create(case_id, about, **{**usual, **changes})

    return make


@pytest.fixture
def case(create):
    return create()


@pytest.fixture
def things():
    """One of each thing that a case keeps, by kind."""
    return {
        "table": pl.DataFrame({"a": [1, 2]}),
        "decision": FakeDecision(),
        "replay": FakeReplay(),
        "attribution": FakeAttribution(),
        "drift": FakeDrift(),
    }

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import audit_lab as al
from audit_lab.log.files.write import write_log

#: When the tests' rounds are: long after all that the logs hold.
NOW = datetime(2026, 3, 1, tzinfo=UTC)
START = datetime(2025, 6, 2, tzinfo=UTC)
WEEKS = 16

RULES = """\
format = 1
[[rule]]
name = "failures"
kind = "operations"
findings = ["failed-predictions", "failed-job"]
severity = "high"
"""


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def rules(tmp_path):
    """Return a function that writes a rule file: the one rule about failures, and what is added."""

    def write(added: str = "", begin: str = RULES):
        path = tmp_path / "rules.toml"
        path.write_text(begin + added, encoding="utf-8")
        return path

    return write


@pytest.fixture
def failing(make_log):
    """Return a log of forty predictions of which five failed in a row."""
    failed = pl.Series("error", [f"timeout of {row}" if 10 <= row < 15 else None for row in range(40)])
    return make_log(predictions=lambda frame: frame.with_columns(failed))


@pytest.fixture(scope="session")
def split(flights, tmp_path_factory):
    """Return a function that splits real rows at random over sixteen weeks: a log that cannot have drifted."""
    log = al.open(flights)
    predictions, inputs = log.predictions.collect().gather_every(9), log.inputs().collect()

    def make(seed: int):
        random = np.random.default_rng(seed)
        hours = random.uniform(0, WEEKS * 7 * 24, predictions.height)
        times = pl.Series("occurred_at", [START + timedelta(hours=hour) for hour in np.sort(hours)])
        mixed = predictions.sample(fraction=1, shuffle=True, seed=seed).with_columns(
            times.cast(predictions.schema["occurred_at"]), times.alias("recorded_at").cast(pl.Datetime("us", "UTC"))
        )
        folder = tmp_path_factory.mktemp("split")
        mine = inputs.join(mixed.select("prediction_id"), on="prediction_id", how="semi")
        about = {"origin": f"tests/split-{seed}", "description": "Real rows, split at random", "notes": ["Invented."]}
        write_log(folder, {"predictions": mixed, "inputs/delay-risk": mine}, about)
        return folder

    return make

"""What Evidently and NannyML said of three months of rows, kept, and what this library says of the same rows."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from oracles import KEPT
from three_months import FEATURES, MONTHS, digest, sides

from audit_lab.monitor.drift import drift


@pytest.fixture(scope="session")
def both():
    return sides()


@pytest.fixture(scope="session")
def kept(both):
    told = json.loads(KEPT.read_text("utf-8"))
    assert told["rows_sha256"] == digest(both), (
        "these are other rows than the peers were asked about: make peers-oracles"
    )
    return told


@pytest.fixture(scope="session")
def evidently(kept):
    return kept["result"]["evidently"]


@pytest.fixture(scope="session")
def nannyml(kept):
    return kept["result"]["nannyml"]


@pytest.fixture(scope="session")
def windows(both):
    """Return the rows of each month that is held against the first."""
    return {month: rows for month in list(MONTHS)[1:] if (rows := months(both[1], month)).height}


@pytest.fixture(scope="session")
def ours(both):
    """Return our own answer: `drift` by month against January."""
    reference, current = both
    found = drift(
        reference.vstack(current).lazy(),
        time="at",
        columns=list(FEATURES),
        every="1mo",
        reference=(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)),
    )
    rows = found.table.iter_rows(named=True)
    return {(row["window_start"].strftime("%Y-%m"), row["column"]): row for row in rows}, found


def months(rows, month):
    return rows.filter(rows["at"].dt.strftime("%Y-%m") == month)


@pytest.fixture(scope="session")
def numbers(both, windows):
    """Return a column's values, missing ones left out, of the reference and of each month."""

    def values(name, month=None):
        return (both[0] if month is None else windows[month])[name].drop_nulls().to_numpy().astype(np.float64)

    return values

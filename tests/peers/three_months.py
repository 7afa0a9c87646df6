"""Rows of three months that Evidently, NannyML and this library are all asked about; the same ones each time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import numpy as np
import polars as pl

#: Reference, then two windows. Below 10,000 rows of reference NannyML takes its distances of numbers exactly.
MONTHS = {"2024-01": 6_000, "2024-02": 2_400, "2024-03": 2_000}
NUMBERS = ("amount", "age", "children", "ratio", "same")
TEXTS = ("city", "channel", "member")
FEATURES = (*NUMBERS, *TEXTS)
_CITIES = ("Bern", "Oslo", "Rome", "Lima", "Kyiv", "Pune")
#: City by month: in February one has come and one has gone.
_SHARES = {
    "2024-01": (0.30, 0.25, 0.20, 0.15, 0.10, 0.0),
    "2024-02": (0.35, 0.25, 0.20, 0.0, 0.15, 0.05),
    "2024-03": (0.30, 0.25, 0.21, 0.14, 0.10, 0.0),
}


def month(name: str, number: int) -> pl.DataFrame:
    """Return the rows of one month; February differs from January, March hardly does."""
    rows, moved = MONTHS[name], number == 1
    random = np.random.default_rng((2024, number))
    start = datetime.fromisoformat(f"{name}-01").replace(tzinfo=UTC)
    micros = int(start.timestamp()) * 1_000_000 + (np.arange(rows) * (28 * 86_400_000_000 // rows))
    score = np.round(random.beta(2, 3, rows), 3)
    ratio = np.round(random.normal(0.4 * moved, 1, rows), 4)
    ratio[random.random(rows) < (0.08 if moved else 0.02)] = np.nan
    truth = random.random(rows) < score
    value = np.round(random.gamma(2, 50, rows), 2)
    found = pl.DataFrame(
        {
            "at": pl.Series(micros).cast(pl.Datetime("us")),
            "amount": np.round(np.exp(random.normal(4 + 0.1 * moved, 0.6, rows)), 2),
            "age": np.floor(random.triangular(18, 35 + 4 * moved, 90, rows)),
            "children": np.minimum(random.poisson(1.2 + 0.3 * moved, rows), 8),
            "ratio": pl.Series(ratio).fill_nan(None),
            "same": np.round(random.normal(10, 2, rows), 3),
            "city": random.choice(_CITIES, rows, p=_SHARES[name]),
            "channel": random.choice(["web", "shop", "phone"], rows, p=[0.5 - 0.08 * moved, 0.3 + 0.08 * moved, 0.2]),
            "member": random.choice(["yes", "no"], rows, p=[0.3, 0.7]),
            "truth": truth.astype(np.int64),
            "said": (score >= 0.5).astype(np.int64),
            "score": score,
            "amount_true": value,
            "amount_said": np.round(value * random.normal(1, 0.1, rows), 2),
        }
    )
    if not moved:
        return found
    # The last seven rows repeat the features of the first seven.
    place = np.append(np.arange(rows - 7), np.arange(7))
    return found.with_columns(found[name].gather(place) for name in FEATURES)


def sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the reference, and the rows of the windows."""
    reference, *windows = (month(name, number) for number, name in enumerate(MONTHS))
    return reference, pl.concat(windows)


def digest(frames: tuple[pl.DataFrame, ...]) -> str:
    """Return the SHA-256 of rows as CSV, so that results are never held against other rows."""
    return hashlib.sha256(b"".join(frame.write_csv().encode() for frame in frames)).hexdigest()

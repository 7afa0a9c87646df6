"""Rows that are kept one by one: a sample by SHA-256, and the ends of each feature."""

from __future__ import annotations

import hashlib
import itertools
from datetime import UTC, datetime

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain.cohorts.block import Block
from audit_lab.explain.cohorts.kept_rows import RANK, KeptRows, ranks

ROWS = 60


def block(start: int, end: int, seed: int, contributions: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Block:
    ids = [f"p-{number}" for number in range(start, end)]
    rows = pl.DataFrame(
        {
            "prediction_id": ids,
            "place": [f"{name}@s:0" for name in ids],
            "occurred_at": [datetime(2024, 1, 1, tzinfo=UTC)] * len(ids),
        }
    ).with_columns(ranks(ids, seed))
    inputs = pl.DataFrame({"a": contributions[start:end, 0] * 2, "b": [f"t{number}" for number in range(start, end)]})
    return Block(rows, inputs, contributions[start:end], contributions[start:end].sum(axis=1))


def kept(seed: int, cuts: list[int], contributions: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> KeptRows:
    found = KeptRows(("a", "b"), sample=7, ends=2)
    edges = [0, *sorted({cut % ROWS for cut in cuts} - {0}), ROWS]
    for start, end in itertools.pairwise(edges):
        found.add(block(start, end, seed, contributions))
    return found


def test_the_rank_is_the_beginning_of_the_sha256() -> None:
    digest = hashlib.sha256(b"3|p-1").digest()
    assert ranks(["p-1"], 3).to_list() == [int.from_bytes(digest[:8], "big")]


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 5),
    st.lists(st.integers(0, ROWS), max_size=6),
    st.lists(st.integers(-3, 3), min_size=2 * ROWS, max_size=2 * ROWS),
)
def test_the_same_rows_are_kept_however_they_come(seed: int, cuts: list[int], values: list[int]) -> None:
    contributions = np.array(values, np.float64).reshape(ROWS, 2)
    one, other = kept(seed, cuts, contributions), kept(seed, [], contributions)
    order = sorted(range(ROWS), key=lambda number: hashlib.sha256(f"{seed}|p-{number}".encode()).digest())
    assert one.sample()["prediction_id"].to_list() == [f"p-{number}" for number in order[:7]]
    for place, feature in enumerate(("a", "b")):
        found = one.points(feature)
        assert found.equals(other.points(feature))
        rank = {number: place for place, number in enumerate(order)}
        lowest = sorted(range(ROWS), key=lambda number: (contributions[number, place], rank[number]))[:2]
        highest = sorted(range(ROWS), key=lambda number: (-contributions[number, place], rank[number]))[:2]
        wanted = {f"p-{number}" for number in (*order[:7], *lowest, *highest)}
        assert set(found["prediction_id"]) == wanted
        assert found["contribution"].is_sorted()
    assert RANK not in one.points("a").columns


def test_a_kept_row_has_its_own_value_and_contribution() -> None:
    contributions = np.arange(2 * ROWS, dtype=np.float64).reshape(ROWS, 2)
    found = kept(0, [], contributions).points("b").filter(pl.col("kind") == "lowest")
    assert found.select("prediction_id", "given", "contribution").rows() == [
        ("p-0", "t0", 1.0),
        ("p-1", "t1", 3.0),
    ]

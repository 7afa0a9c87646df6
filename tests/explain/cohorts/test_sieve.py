"""Rows in blocks of one size, and some of them chosen."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain.cohorts.kept_rows import RANK
from audit_lab.explain.cohorts.sieve import chosen, in_blocks

ROWS = 30


def parts(cuts: list[int]) -> list[pl.DataFrame]:
    frame = pl.DataFrame({"prediction_id": [f"p-{number}" for number in range(ROWS)]})
    edges = [0, *sorted(cuts), ROWS]
    return [frame[start:end] for start, end in pairwise(edges)]


@settings(deadline=None)
@given(st.lists(st.integers(0, ROWS), max_size=9), st.integers(1, 40))
def test_blocks_do_not_depend_on_how_rows_come(cuts: list[int], size: int) -> None:
    found = [each["prediction_id"].to_list() for each in in_blocks(parts(cuts), size)]
    ids = [f"p-{number}" for number in range(ROWS)]
    assert found == [ids[first : first + size] for first in range(0, ROWS, size)]


@settings(deadline=None)
@given(st.lists(st.integers(0, ROWS), max_size=9), st.integers(1, 40), st.integers(0, 3))
def test_the_rows_with_the_smallest_sha256_are_chosen_in_their_order(cuts: list[int], most: int, seed: int) -> None:
    found = chosen(iter(parts(cuts)), most, seed)
    order = sorted(range(ROWS), key=lambda number: hashlib.sha256(f"{seed}|p-{number}".encode()).digest())
    assert found.rows["prediction_id"].to_list() == [f"p-{number}" for number in sorted(order[:most])]
    assert found.available == ROWS
    if most >= ROWS:
        assert (found.highest, found.words(seed)) == (None, None)
    else:
        assert found.highest == found.rows[RANK].max()
        assert found.words(seed) == f"of 30 that can be, those with the smallest SHA-256 of '{seed}|prediction_id'"

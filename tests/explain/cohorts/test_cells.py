"""What a feature contributed at its values: cells stay few, and do not depend on the order."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.explain.cohorts.cells import NumberCells, TextCells, cells_for

floats = st.floats(allow_nan=False, allow_infinity=False)


def filled(cells: NumberCells | TextCells, column: pl.Series, cuts: list[int]) -> NumberCells | TextCells:
    """Add a column in parts; each value contributes its place."""
    edges = [0, *sorted({cut % (len(column) + 1) for cut in cuts}), len(column)]
    contributions = np.arange(len(column), dtype=np.float64)
    for start, end in itertools.pairwise(edges):
        if start < end:
            cells.add(column[start:end], contributions[start:end])
    return cells


def counted(cells: NumberCells) -> list[tuple[float, float, int]]:
    groups = cells.groups
    return (
        []
        if groups is None
        else list(zip(groups.first.tolist(), groups.last.tolist(), groups.rows.tolist(), strict=True))
    )


def test_few_numbers_have_a_cell_each_in_order() -> None:
    found = filled(NumberCells(), pl.Series([2.5, -1.0, 0.0, -0.0, 2.5]), [2])
    assert isinstance(found, NumberCells)
    assert counted(found) == [(-1.0, -1.0, 1), (0.0, 0.0, 2), (2.5, 2.5, 2)]
    assert found.dropped == 0


def test_large_integers_are_told_apart_where_floats_would_not_be() -> None:
    column = pl.Series([2**53, 2**53 + 1, -(2**62)])
    assert counted(filled(NumberCells(), column, [])) == [
        (-(2**62),) * 2 + (1,),
        (2**53,) * 2 + (1,),
        (2**53 + 1,) * 2 + (1,),
    ]  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(floats, min_size=1, max_size=80), st.lists(st.integers(0, 80), max_size=5), st.randoms())
def test_cells_are_few_ordered_and_the_same_whatever_the_order(
    numbers: list[float], cuts: list[int], random: object
) -> None:
    mixed = list(numbers)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = (filled(NumberCells(most=8), pl.Series(each), cuts) for each in (numbers, mixed))
    cells = counted(one)  # type: ignore[arg-type]
    assert cells == counted(other)  # type: ignore[arg-type]
    assert len(cells) <= 8
    assert sum(rows for _, _, rows in cells) == len(numbers)
    assert all(last < first for (_, last, _), (first, _, _) in itertools.pairwise(cells))
    assert all(sum(first <= number <= last for number in numbers) == rows for first, last, rows in cells)


@settings(deadline=None)
@given(st.lists(floats, min_size=9, max_size=80, unique=True))
def test_no_more_bits_are_dropped_than_is_needed(numbers: list[float]) -> None:
    found = filled(NumberCells(most=8), pl.Series(numbers), [])
    finer = filled(NumberCells(most=len(numbers)), pl.Series(numbers), [])
    assert isinstance(found, NumberCells)
    assert isinstance(finer, NumberCells)
    assert finer.groups is not None
    if found.dropped:
        assert len(np.unique(finer.groups.keys >> (found.dropped - 1))) > 8


def test_missing_values_are_a_cell_of_their_own_and_nan_is_one_of_them() -> None:
    found = filled(NumberCells(), pl.Series([None, math.nan, 1.0], dtype=pl.Float64), [])
    assert found.missing is not None
    assert (found.missing.at(0).rows, found.missing.at(0).mean, found.has_nan) == (2, 0.5, True)
    assert counted(found) == [(1.0, 1.0, 1)]  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_of_many_texts_the_same_are_kept_whatever_the_order(texts: list[str], cuts: list[int]) -> None:
    one = filled(TextCells(known=("a",), most=3), pl.Series(texts), cuts)
    other = filled(TextCells(known=("a",), most=3), pl.Series(texts[::-1]), [])
    assert isinstance(one, TextCells)
    assert isinstance(other, TextCells)
    kept = {text: int(group.rows[0]) for text, group in one.groups.items()}
    assert kept == {text: int(group.rows[0]) for text, group in other.groups.items()}
    assert all(texts.count(text) == rows for text, rows in kept.items())
    assert len(kept.keys() - {"a"}) == min(3, len(set(texts) - {"a"}))
    assert ("a" in kept) == ("a" in texts)
    others = 0 if one.others is None else int(one.others.rows.sum())
    assert others == len(texts) - sum(kept.values())
    everything = [*one.groups.values(), *([one.others] if one.others is not None else [])]
    assert sum(group.at(0).mean * group.at(0).rows for group in everything) == pytest.approx(sum(range(len(texts))))


def test_truth_values_and_columns_of_nothing_are_texts() -> None:
    truth = filled(cells_for(pl.Boolean()), pl.Series([True, False, True]), [1])  # type: ignore[arg-type]
    assert isinstance(truth, TextCells)
    assert {text: int(group.rows[0]) for text, group in truth.groups.items()} == {"false": 1, "true": 2}
    nothing = filled(cells_for(pl.Null()), pl.Series([None, None]), [])  # type: ignore[arg-type]
    assert isinstance(nothing, TextCells)
    assert nothing.groups == {}
    assert nothing.missing is not None

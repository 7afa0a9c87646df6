"""Many columns at once: what is read, counted and tested together is what each column alone comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_lab.monitor import significance as significance_module
from audit_lab.monitor.bins import CategoryBins, NumericBins
from audit_lab.monitor.blocks import BLOCK_ROWS, column_groups
from audit_lab.monitor.counts import TIME_COLUMN
from audit_lab.monitor.cuts import calendar_cut
from audit_lab.monitor.drift import drift
from audit_lab.monitor.ordered import ascends
from audit_lab.monitor.significance import alike, significance
from audit_lab.monitor.sketch import read_columns
from audit_lab.monitor.windows import window_length

START = datetime(2024, 1, 1, tzinfo=UTC)


def numeric(name, distinct):
    return NumericBins.of_counts(name, np.arange(distinct, dtype=float), np.full(distinct, 40), 3)


def categorical(name, distinct):
    return CategoryBins(name, tuple(f"category {place}" for place in range(distinct)), np.full(distinct, 40), 0)


@pytest.fixture
def bins():
    """Columns of several kinds, in no order of kinds: many values, one, none; text of some names, and of none."""
    numbers, texts = [(numeric, each) for each in (100, 1, 0, 50)], [(categorical, each) for each in (3, 0, 9)]
    made = [*numbers, *texts] * 4
    return [kind(f"column {place}", distinct) for place, (kind, distinct) in enumerate(made)]


@pytest.mark.parametrize("at_once", [1, 400, 1_000_000])
def test_columns_tested_together_have_the_p_values_of_each_alone(bins, monkeypatch, at_once):
    monkeypatch.setattr(significance_module, "_AT_ONCE", at_once)
    random = np.random.default_rng(5)
    # Some bins are thin or empty, and few values missing: every part of the test is taken.
    means = [random.choice([0.0, 0.4, 6.0, 300.0], len(one.labels)) for one in bins]
    references, windows = (
        [random.poisson(each, (1 if side else 7, each.size)).astype(float) for each in means] for side in (1, 0)
    )
    alone = [significance(one, references[place], windows[place]) for place, one in enumerate(bins)]
    seen = []
    for places in alike(bins, 7):
        stacked = [np.stack([side[place] for place in places]) for side in (references, windows)]
        for answer, which in zip(significance(bins[places[0]], *stacked), (0, 1), strict=True):
            for row, place in zip(answer, places, strict=True):
                assert row.tolist() == alone[place][which].tolist()
        seen += places
    assert sorted(seen) == list(range(len(bins)))
    assert len({p_value for _, p_values in alone for p_value in p_values.tolist()}) > len(bins)


def test_columns_of_one_kind_are_tested_together(bins):
    together = [len(places) for places in alike(bins, 7)]
    assert sum(together) == len(bins)
    assert max(together) == 8  # those of ten bins


@given(st.integers(0, 300), st.integers(0, 3 * BLOCK_ROWS))
def test_the_fewer_rows_the_more_columns_are_read_together(columns, rows):
    names = [f"column {place}" for place in range(columns)]
    groups = column_groups(names, rows)
    assert [name for group in groups for name in group] == names
    assert len(groups) <= len(column_groups(names))
    assert all(len(group) == 1 or len(group) * min(rows, BLOCK_ROWS) <= 16_000_000 for group in groups)


def test_counts_are_the_same_however_many_columns_are_read_together():
    random, rows = np.random.default_rng(8), 900
    hours = [START + timedelta(hours=hour) for hour in range(rows)]
    numbers = np.where(random.random((40, rows)) < 0.1, np.nan, random.integers(0, 5, (40, rows)))
    texts = [[["b", "a", None][place] for place in each] for each in random.integers(0, 3, (20, rows)).tolist()]
    frame = pl.DataFrame(
        {TIME_COLUMN: pl.Series(hours, dtype=pl.Datetime("us", "UTC"))}
        | {f"number {place}": each for place, each in enumerate(numbers)}
        | {f"text {place}": each for place, each in enumerate(texts)}
    )
    kinds = {name: "numeric" if name.startswith("number") else "categorical" for name in frame.columns[1:]}
    length = window_length("1w")
    cut = calendar_cut(length, length.starts(START, START + timedelta(hours=rows)))
    few, many = (read_columns(frame.lazy(), kinds, cut, {}, rows=each).frames for each in (BLOCK_ROWS, rows))
    assert all(few[name].equals(many[name]) for name in few)
    expected = (
        frame.with_columns(pl.col(TIME_COLUMN).dt.truncate("1w"))
        .group_by(TIME_COLUMN, "text 7")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .sort(TIME_COLUMN, "text 7", nulls_last=True)
    )
    counted = many["texts"].filter(column="text 7")
    assert counted["rows"].to_list() == expected["rows"].to_list()
    assert counted["key"].to_list() == expected["text 7"].to_list()


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-2, 2, allow_nan=False)), max_size=6))
def test_rows_ascend_where_sorting_changes_nothing_and_none_stands_twice(rows):
    frame = pl.DataFrame(rows, schema={"window": pl.Int64, "key": pl.Float64}, orient="row")
    assert ascends(frame, ("window", "key")) == (rows == sorted(set(rows)))
    windows = [window for window, _ in rows]
    assert ascends(frame, ("window",)) == (windows == sorted(set(windows)))


def test_the_order_of_texts_is_not_looked_at():
    assert not ascends(pl.DataFrame({"window": [0, 1], "key": ["a", "b"]}), ("window", "key"))


def test_the_line_of_each_column_has_its_farthest_window_and_its_verdicts():
    random, rows = np.random.default_rng(2), 4_000
    frame = pl.DataFrame({"at": [START + timedelta(minutes=15 * place) for place in range(rows)]}).with_columns(
        pl.Series(f"column {place}", random.normal(place % 3 * (np.arange(rows) > 2_500), 1.0)) for place in range(5)
    )
    found = drift(frame.lazy(), time="at", columns=frame.columns[1:])
    shown = found._repr_html_()
    for name in found.columns:
        mine = found.table.filter(column=name)
        judged = mine.filter(pl.col("verdict") != "too few rows").sort("psi", descending=True)
        cells = [name, "numeric", f"{judged['psi'][0]:.3f}", found.cut.name(judged["window_start"][0])]
        cells += [
            str(mine.filter(verdict=verdict).height)
            for verdict in ("major", "moderate", "slight", "stable", "too few rows")
        ]
        assert f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" in shown

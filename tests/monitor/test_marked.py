"""A column counted between percentiles is the same whether rows are counted or values that were counted before."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from audit_lab.monitor import bins as bins_module
from audit_lab.monitor.bins import NumericBins
from audit_lab.monitor.marked import SUMS, marks_of_rows, marks_of_values


@pytest.mark.parametrize("windows", [1, 4])
@pytest.mark.parametrize("infinite", [False, True])
def test_of_rows_and_of_values(windows, infinite, monkeypatch):
    monkeypatch.setattr(bins_module, "MOST_VALUES", 50)
    random = np.random.default_rng(windows)
    known = np.unique(random.normal(5.0, 3.0, 400).round(1), return_counts=True)
    bins = NumericBins.of_counts("value", *known, 0)
    assert bins.marked
    values = random.normal(6.0, 5.0, 3_000).round(1)
    values[:7] = known[0][[0, 0, -1, -1, 3, 4, 5]]
    if infinite:
        values[[10, 20, 2_999]] = [np.inf, -np.inf, -np.inf]
    codes = np.sort(random.integers(0, windows, values.size))
    of_rows = marks_of_rows(bins, values, codes, windows)
    counted = pl.DataFrame({"window": codes, "key": values}).group_by("window", "key").agg(pl.len().alias("rows"))
    of_values = marks_of_values(bins, counted.sort("window", "key")).select(of_rows.columns)
    counts = pl.exclude(SUMS)
    assert of_values.select(counts).equals(of_rows.select(counts))
    assert_frame_equal(of_values.select(SUMS), of_rows.select(SUMS), check_exact=False, rel_tol=1e-12)
    assert of_values["below"].sum() > 0
    assert of_values["infinite"].sum() == 3 * infinite

"""A column has several values where its least is not its greatest, null aside."""

from __future__ import annotations

import polars as pl

from audit_lab.monitor.column_ends import several_values

FRAME = pl.LazyFrame(
    {
        "same": ["a", None, "a"],
        "several": ["a", None, "b"],
        "nothing": pl.Series([None, None, None], dtype=pl.String),
    }
)


def test_null_is_no_value():
    assert several_values(FRAME, ["same", "several", "nothing"]) == ["several"]


def test_of_a_source_that_is_asked_for_a_range():
    asked = []
    assert several_values(lambda *range_: (asked.append(range_), FRAME)[1], ["same"]) == []
    assert asked == [(None, None)]

"""Where rows lie in windows and spans of time is what a look at each row says, whatever pieces the times lie in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.log.schema import TIME
from audit_lab.monitor.counts import TIME_COLUMN
from audit_lab.monitor.cuts import calendar_cut
from audit_lab.monitor.placed import placed_rows
from audit_lab.monitor.samples import places_within
from audit_lab.monitor.windows import window_length

START = datetime(2024, 1, 1, tzinfo=UTC)


def times_of(seconds, pieces):
    moments = [None if each is None else START + timedelta(seconds=each) for each in seconds]
    whole = pl.Series(TIME_COLUMN, moments, dtype=TIME)
    ends = sorted({0, len(seconds), *(place % (len(seconds) + 1) for place in pieces)})
    parts = [whole[first:last] for first, last in pairwise(ends)]
    return pl.concat(parts, rechunk=False) if parts else whole


SECONDS = st.lists(st.one_of(st.none(), st.integers(-40, 400_000)), max_size=40)
PIECES = st.lists(st.integers(0, 1_000), max_size=4)


@given(SECONDS, PIECES, st.booleans(), st.lists(st.integers(0, 400_000), min_size=2, max_size=8, unique=True))
@settings(max_examples=50, deadline=None)
def test_rows_within_spans_of_time(seconds, pieces, ordered, bounds):
    if ordered:
        seconds = sorted(each for each in seconds if each is not None)
    edges = sorted(bounds[: len(bounds) // 2 * 2])
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    expected = [
        place
        for place, each in enumerate(seconds)
        if each is not None and any(first <= each < last for first, last in spans)
    ]
    asked = [(START + timedelta(seconds=first), START + timedelta(seconds=last)) for first, last in spans]
    assert places_within(times_of(seconds, pieces), asked).tolist() == expected


@given(SECONDS, PIECES, st.booleans())
@settings(max_examples=50, deadline=None)
def test_rows_in_windows(seconds, pieces, ordered):
    seconds = [None if each is None else abs(each) for each in seconds]
    if ordered:
        seconds = sorted(each for each in seconds if each is not None)
    length = window_length("1d")
    cut = calendar_cut(length, length.starts(START, START + timedelta(seconds=400_000)))
    placed = placed_rows(times_of(seconds, pieces).to_frame(), cut)
    rows = np.arange(len(seconds)) if placed.rows is None else placed.rows
    found = list(zip(placed.windows[placed.codes].tolist(), rows.tolist(), strict=True))
    known = [(each // 86_400, place) for place, each in enumerate(seconds) if each is not None]
    assert found == sorted(known)
    assert placed.times.to_list() == [START + timedelta(seconds=seconds[place]) for _, place in found]


@pytest.mark.parametrize("count", [1, 3])
def test_times_on_the_edges_of_windows(count):
    length = window_length("1d")
    cut = calendar_cut(length, length.starts(START, START + timedelta(days=2)))
    seconds = [each for day in range(3) for each in [day * 86_400] * count]
    placed = placed_rows(times_of(seconds, [1]).to_frame(), cut)
    assert placed.rows is None
    assert placed.volume().rows() == [(day, count) for day in range(3)]

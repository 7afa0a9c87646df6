"""Breaks in a writer's numbering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit_lab.log.files.write import write_log
from audit_lab.log.schema import TIME
from audit_lab.log.store import open_store
from audit_lab.replay import numbering
from audit_lab.replay.numbering import sequence_gaps

START = datetime(2024, 3, 4, tzinfo=UTC)
LOWEST, HIGHEST = -(2**63), 2**63 - 1


@pytest.fixture
def gaps_of(tmp_path, monkeypatch):
    """Return a function that writes predictions with some numbers, read a few at a time, and returns the breaks."""
    monkeypatch.setattr(numbering, "_BATCH_ROWS", 3)

    def gaps(numbers: list[tuple[str | None, int | None]]):
        folder = tmp_path / f"log-{len(list(tmp_path.iterdir()))}"
        frame = pl.DataFrame(
            {
                "prediction_id": [f"p-{row}" for row in range(len(numbers))],
                "occurred_at": [START + timedelta(hours=row) for row in range(len(numbers))],
                "writer_id": [writer for writer, _ in numbers],
                "sequence": [number for _, number in numbers],
            },
            schema={"prediction_id": pl.String, "occurred_at": TIME, "writer_id": pl.String, "sequence": pl.Int64},
        )
        write_log(folder, {"predictions": frame}, {"origin": "tests/numbers", "description": "", "notes": []})
        return sequence_gaps(open_store(folder))

    return gaps


def test_break_is_between_the_numbers_on_either_side(gaps_of):
    assert gaps_of([("a", 1), ("a", 2), ("a", 6)]).rows() == [
        ("a", 2, 6, 3, START + timedelta(hours=1), START + timedelta(hours=2))
    ]


def test_order_does_not_matter(gaps_of):
    found = gaps_of([("a", number) for number in (9, 3, 7, 1, 8, 2)])
    assert found.select("after", "before", "lost").rows() == [(3, 7, 3)]


def test_numbers_that_stand_twice_hide_nothing(gaps_of):
    found = gaps_of([("a", 1), ("a", 1), ("a", 2), ("a", 4), ("a", 4), ("a", 2)])
    assert found.select("after", "before", "lost", "last_seen", "next_seen").rows() == [
        (2, 4, 1, START + timedelta(hours=5), START + timedelta(hours=3))
    ]


def test_each_writer_numbers_for_itself_also_one_without_a_name(gaps_of):
    found = gaps_of([("a", 1), ("b", 2), ("a", 3), (None, 5), ("b", 3), (None, 9), ("c", None)])
    assert found.select("writer_id", "after", "before", "lost").rows() == [(None, 5, 9, 3), ("a", 1, 3, 1)]


def test_farthest_numbers_apart(gaps_of):
    assert gaps_of([("a", LOWEST), ("a", HIGHEST)])["lost"].to_list() == [HIGHEST]


NUMBERS = st.one_of(st.integers(-4, 30), st.sampled_from([LOWEST, LOWEST + 1, HIGHEST - 1, HIGHEST]), st.none())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), NUMBERS), max_size=30))
def test_breaks_are_those_of_the_sorted_numbers(gaps_of, numbers):
    expected = set()
    for writer in ("a", "b", None):
        mine = sorted({number for named, number in numbers if named == writer and number is not None})
        expected |= {
            (writer, one, other, min(other - one - 1, HIGHEST)) for one, other in pairwise(mine) if other > one + 1
        }
    found = gaps_of(numbers).select("writer_id", "after", "before", "lost").rows()
    assert len(found) == len(expected)
    assert set(found) == expected

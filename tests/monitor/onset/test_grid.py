"""Days and hours of a zone, on the days on which its clock changes too."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from audit_lab.errors import MisuseError
from audit_lab.monitor.onset.grid import grid_of


def test_days_are_those_of_the_zone_and_last_23_or_25_hours_where_the_clock_changes():
    spring = grid_of("1d", "Europe/Berlin", datetime(2024, 3, 29, 23, 30, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC))
    assert spring.hours.tolist() == [24, 23, 24]
    assert [spring.name(place) for place in range(3)] == ["2024-03-30", "2024-03-31", "2024-04-01"]
    assert spring.bounds[0] == datetime(2024, 3, 29, 23, 0, tzinfo=UTC)
    assert spring.weekdays.tolist() == [5, 6, 0]
    autumn = grid_of("1d", "Europe/Berlin", datetime(2024, 10, 26, tzinfo=UTC), datetime(2024, 10, 28, tzinfo=UTC))
    assert autumn.hours.tolist() == [24, 25, 24]


def test_rows_fall_into_the_day_of_the_zone():
    grid = grid_of("1d", "Asia/Kolkata", datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))
    times = [datetime(2024, 3, 1, 18, 29, 59, tzinfo=UTC), datetime(2024, 3, 1, 18, 30, tzinfo=UTC)]
    assert grid.windows_of(pl.Series(times)).tolist() == [0, 1]


def test_a_day_without_a_midnight_begins_as_the_clock_jumps():
    grid = grid_of(
        "1d", "America/Sao_Paulo", datetime(2017, 10, 14, 12, tzinfo=UTC), datetime(2017, 10, 16, 12, tzinfo=UTC)
    )
    assert grid.bounds[1:3] == (datetime(2017, 10, 15, 3, tzinfo=UTC), datetime(2017, 10, 16, 2, tzinfo=UTC))
    assert grid.hours.tolist() == [24, 23, 24]
    assert [grid.name(place) for place in range(3)] == ["2017-10-14", "2017-10-15", "2017-10-16"]


def test_hours_follow_one_another_through_a_change_of_the_clock():
    grid = grid_of("1h", "Europe/Berlin", datetime(2024, 10, 26, 23, tzinfo=UTC), datetime(2024, 10, 27, 3, tzinfo=UTC))
    assert grid.size == 5
    assert grid.hours_of_day.tolist() == [1, 2, 2, 3, 4]
    assert grid.name(1) == "2024-10-27 02:00+0200"
    assert grid.name(2) == "2024-10-27 02:00+0100"


@pytest.mark.parametrize(
    ("every", "zone", "message"),
    [
        ("1w", "UTC", "'1w' is not a window"),
        ("1d", "Europe/Nowhere", "is not a time zone"),
        ("1d", "../etc/passwd", "is not a time zone"),
        ("1d", "", "is not a time zone"),
        ("1h", "UTC", "1,465 hours, and changes are looked for in 1,100 at most"),
    ],
)
def test_what_cannot_be_cut_is_refused(every, zone, message):
    with pytest.raises(MisuseError, match=message):
        grid_of(every, zone, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC))

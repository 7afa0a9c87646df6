from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from audit_lab.dossier.moments import clock_of
from audit_lab.errors import MisuseError


@pytest.mark.parametrize(
    ("zone", "moment", "words"),
    [
        (
            "Europe/Berlin",
            datetime(2025, 9, 25, 10, 5, 2, tzinfo=UTC),
            "25 September 2025, 12:05:02 CEST (Europe/Berlin, UTC+02:00), that is 10:05:02 UTC",
        ),
        (
            "America/New_York",
            datetime(2015, 11, 1, 5, 30, tzinfo=UTC),
            "1 November 2015, 01:30:00 EDT (America/New_York, UTC-04:00), that is 05:30:00 UTC",
        ),
        (
            "America/New_York",
            datetime(2015, 11, 1, 6, 30, tzinfo=UTC),
            "1 November 2015, 01:30:00 EST (America/New_York, UTC-05:00), that is 06:30:00 UTC",
        ),
        (
            "Asia/Tokyo",
            datetime(2024, 12, 31, 20, 0, tzinfo=UTC),
            "1 January 2025, 05:00:00 JST (Asia/Tokyo, UTC+09:00), that is 31 December 2024, 20:00:00 UTC",
        ),
        (
            "America/Sao_Paulo",
            datetime(2025, 1, 1, 12, 0, tzinfo=UTC),
            "1 January 2025, 09:00:00 (America/Sao_Paulo, UTC-03:00), that is 12:00:00 UTC",
        ),
        ("UTC", datetime(2025, 1, 1, 12, 0, tzinfo=UTC), "1 January 2025, 12:00:00 UTC"),
    ],
)
def test_a_moment_is_told_in_local_time_beside_utc(zone, moment, words):
    assert clock_of(zone).at(moment).words() == words


def test_what_has_another_offset_is_the_same_moment():
    moment = datetime(2025, 1, 1, 15, 0, tzinfo=timezone(timedelta(hours=3)))
    assert clock_of("UTC").at(moment).utc == "2025-01-01T12:00:00.000000+00:00"


def test_no_time_is_told_as_that():
    moment = clock_of("Europe/Oslo").at(None)
    assert (moment.utc, moment.words(), moment.short()) == (None, "at a time not on record", "no time")


def test_the_end_of_the_calendar_is_told_in_utc():
    assert clock_of("Asia/Tokyo").at(datetime.max.replace(tzinfo=UTC)).words().startswith("31 December 9999, 23:59:59")


def test_the_short_form_is_local():
    assert clock_of("Asia/Tokyo").at(datetime(2025, 1, 1, 20, 30, tzinfo=UTC)).short() == "2025-01-02 05:30"


def test_without_a_zone_it_is_utc_and_says_so(monkeypatch):
    monkeypatch.delenv("AUDIT_LAB_TIMEZONE", raising=False)
    clock = clock_of(None)
    assert (clock.zone.key, clock.why) == ("UTC", "All times are UTC, since no time zone was asked for.")


def test_the_zone_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setenv("AUDIT_LAB_TIMEZONE", "Europe/Rome")
    assert clock_of(None).why == "Local times are those of Europe/Rome, as AUDIT_LAB_TIMEZONE says."
    assert clock_of("Europe/Oslo").zone.key == "Europe/Oslo"


def test_a_zone_that_is_none_is_refused_with_what_is_near():
    with pytest.raises(MisuseError, match="Did you mean Europe/Berlin"):
        clock_of("Europe/Berlim")

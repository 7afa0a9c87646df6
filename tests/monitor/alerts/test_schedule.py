from __future__ import annotations

import pytest

from audit_lab.errors import LogError, MisuseError
from audit_lab.monitor.alerts.schedule import Ended, run_rounds


class Time:
    """A clock that only moves when somebody waits, or a round takes time; it says stop after some waits."""

    def __init__(self, waits: int) -> None:
        self.now, self.left, self.waited = 100.0, waits, []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.now += seconds
        self.left -= 1
        return self.left <= 0


def rounds(time, answers, every=60.0, took=0.0):
    told = []

    def one_round():
        time.now += took
        answer = answers.pop(0) if answers else 0
        if isinstance(answer, Exception):
            raise answer
        return answer

    return run_rounds(one_round, every, clock=time.clock, wait=time.wait, told=told.append), told


def broken():
    return LogError("the log is gone", "Look for it.")


def test_a_round_begins_when_the_time_since_the_one_before_began_is_over():
    time = Time(3)
    assert rounds(time, [], took=10.0) == (Ended(3, 0, 0), [])
    assert time.waited == [50.0, 50.0, 50.0]


def test_a_round_that_takes_longer_is_followed_at_once_and_nothing_is_made_up_for():
    time = Time(2)
    rounds(time, [], took=200.0)
    assert time.waited == [0.0, 0.0]


def test_errors_are_told_and_the_pause_doubles_up_to_an_hour_and_is_short_again_after():
    time = Time(10)
    ended, told = rounds(time, [*(broken() for _ in range(8)), 0, 0])
    assert time.waited == [120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, 3600.0, 60.0, 60.0]
    assert (ended, len(told)) == (Ended(10, 8, 3), 8)


def test_a_pause_after_errors_is_never_shorter_than_the_schedule():
    time = Time(2)
    rounds(time, [broken(), broken()], every=86_400.0)
    assert time.waited == [86_400.0, 86_400.0]


@pytest.mark.parametrize(("answers", "code"), [([0, 0], 0), ([0, 1], 1), ([3, 0], 3), ([3, 1], 1)])
def test_the_code_is_the_worst_of_the_rounds(answers, code):
    assert rounds(Time(len(answers)), answers)[0].code == code


def test_what_is_wrong_in_the_call_ends_the_schedule():
    with pytest.raises(MisuseError):
        rounds(Time(5), [0, MisuseError("no such folder", "Name another.")])

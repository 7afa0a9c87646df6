"""Rounds on a schedule: one after another, later after errors, until somebody says stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Ended", "run_rounds"]

_LONGEST_BACK_OFF_S = 3_600.0


@dataclass(frozen=True)
class Ended:
    """How a schedule ended: its rounds, how many of them failed, and the worst exit code of those that did not."""

    rounds: int
    failed: int
    code: int


def run_rounds(
    one_round: Callable[[], int],
    every_s: float,
    *,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
    told: Callable[[AuditLabError], None],
) -> Ended:
    """Run rounds until `wait` says stop.

    A round begins `every_s` after the one before began, or at once where that took longer; rounds that were missed are
    not made up for. After an error the pause doubles with each further one, up to an hour (or `every_s`, where that is
    more).

    Parameters
    ----------
    one_round
        Makes a round and returns its exit code: 0, 1 (alerts) or 3 (a rule could not be evaluated).
    clock
        Seconds that only go forward.
    wait
        Waits so many seconds, or less when told to stop; returns whether it was.
    told
        Is called with each error.

    Raises
    ------
    MisuseError
        A round says that the call was wrong: that does not become right by waiting.
    """
    rounds = failed = running = 0
    codes = {0}
    stopped = False
    while not stopped:
        began = clock()
        rounds += 1
        try:
            codes.add(one_round())
            running = 0
        except MisuseError:
            raise
        except AuditLabError as error:
            told(error)
            failed, running = failed + 1, running + 1
        pause = every_s if not running else min(every_s * 2**running, max(_LONGEST_BACK_OFF_S, every_s))
        stopped = wait(max(pause - (clock() - began), 0.0))
    worst = 1 if 1 in codes else 3 if failed or 3 in codes else 0  # noqa: PLR2004 - the code of what was not evaluated
    return Ended(rounds, failed, worst)

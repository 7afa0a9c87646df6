"""A question about causes as a user asks it: windows as dates, an onset or an episode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.log.search.query import instant
from audit_lab.monitor.cause.measure import find_cause
from audit_lab.monitor.cause.question import DEFAULT_LENGTH, CauseQuestion, asked_windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.face.replays import When
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.cause.result import Cause
    from audit_lab.monitor.episodes import Episode
    from audit_lab.monitor.onset.events import Onset
    from audit_lab.replay.runner import Runner

__all__ = ["cause_asked", "cause_of"]


def cause_asked(
    store: LogStore,
    before: tuple[When, When] | None,
    after: tuple[When, When] | None,
    since: When | Onset | Episode,
    model: str | None,
    **rest: Any,
) -> CauseQuestion:
    """Return the question; parameters as for `AuditLog.cause`.

    Raises
    ------
    MisuseError
        It cannot be asked so.
    """
    windows = asked_windows(_pair(before, "before"), _pair(after, "after"), None if since is None else _began(since))
    return CauseQuestion(*windows, model=predicting_model(store, model), **rest)


def cause_of(
    store: LogStore, asked: CauseQuestion, runner: Runner, progress: Callable[[str, int], None] | None
) -> Cause:
    """Return the answer."""
    return find_cause(store, asked, runner, progress=progress)


def _pair(given: tuple[When, When] | None, name: str) -> tuple[datetime | None, datetime | None] | None:
    if given is None:
        return None
    if isinstance(given, str) or len(given) != 2:  # noqa: PLR2004
        raise MisuseError(
            f"the window {name} is {given!r}", f"Give {name}=(from, to), like ('2015-09-07', '2015-09-14')."
        )
    return instant(given[0], name), instant(given[1], name)


def _began(since: Any) -> tuple[datetime, datetime | None]:
    """Return when something began, and when it was over, as far as that is known."""
    if hasattr(since, "at") and hasattr(since, "returned"):
        held = min(since.until, since.at + DEFAULT_LENGTH)
        return since.at, since.returned or held
    if hasattr(since, "start") and hasattr(since, "end"):
        return since.start, since.end
    moment = instant(since, "since")
    if moment is None:
        raise MisuseError("since is not given", "Give a moment, like 2015-09-07.")
    return moment, None

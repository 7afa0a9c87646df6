"""A question about causes as a user asks it: windows as dates, an onset or an episode."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.face.description import predicting_model
from audit_lab.face.drift_search import DriftQuestion, drift_of
from audit_lab.face.untimed import untimed_fact, untimed_predictions
from audit_lab.log.evening import evened
from audit_lab.log.search.query import instant
from audit_lab.monitor.cause.measure import find_cause
from audit_lab.monitor.cause.question import DEFAULT_LENGTH, CauseQuestion, asked_windows
from audit_lab.monitor.cause.result import NamedChange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_lab.face.replays import When
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.cause.question import Span
    from audit_lab.monitor.cause.result import Cause
    from audit_lab.monitor.episodes import Episode
    from audit_lab.monitor.onset.events import Onset
    from audit_lab.monitor.recognised.change import DataChange
    from audit_lab.replay.runner import Runner

__all__ = ["cause_asked", "cause_of"]

#: A change is recognised by the days beside it: so much before the windows and after them is looked at for that.
_WEEKS_EARLIER, _WEEKS_LATER = 8, 4
_WEEK = timedelta(weeks=1)


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
    """Return the answer, with the changes of the data that the drift of the same windows recognises."""
    since, until = min(asked.before.start, asked.after.start), max(asked.before.end, asked.after.end)
    even = evened(store, asked.model, since, until)
    found = find_cause(
        even, asked, runner, recognised=lambda features: _recognised(store, asked, features), progress=progress
    )
    sampled = () if even.evened is None else (even.evened.fact,)
    untimed = untimed_fact(untimed_predictions(store, asked.model, "model_version"))
    return replace(found, facts=(*found.facts, *sampled, *untimed))


def _recognised(store: LogStore, asked: CauseQuestion, features: Sequence[str]) -> list[NamedChange]:
    """Return the changes that one of the windows carries, and the other does not, or not as long.

    Raises
    ------
    MisuseError
        The window after is the earlier one, or drift cannot be measured on them.
    """
    before, after = asked.before, asked.after
    if after.start < before.start:
        raise MisuseError("the window after is the earlier one", "Put the later one after.")
    question = DriftQuestion(
        features,
        "1w",
        (before.start, before.end),
        asked.model,
        around=after.start,
        before=f"{-(-(after.start - before.start) // _WEEK) + _WEEKS_EARLIER}w",
        after=f"{-(-(after.end - after.start) // _WEEK) + _WEEKS_LATER}w",
        seed=asked.seed,
    )
    moved, _ = drift_of(store, question)
    return [_named(each) for each in moved.changes if _is_between(each, before, after)]


def _is_between(change: DataChange, before: Span, after: Span) -> bool:
    met = [change.start < span.end and change.end > span.start for span in (before, after)]
    filled = [change.start <= span.start and change.end >= span.end for span in (before, after)]
    return any(met) and not all(filled)


def _named(change: DataChange) -> NamedChange:
    """Return a change in the words of this answer: what, in which columns, how, and since when."""
    columns = " and ".join(change.columns)
    how = f" x{change.factor:.4g}" if change.factor is not None else ""
    how += f" ({change.conversion})" if change.conversion is not None else ""
    if change.before is not None or change.after is not None:
        how += f" ({' -> '.join(each for each in (change.before, change.after) if each is not None)})"
    until = "" if change.ongoing else f", until {change.end:%Y-%m-%d}"
    return NamedChange(
        change.kind, change.columns, f"{columns}: {change.kind}{how} since {change.start:%Y-%m-%d}{until}"
    )


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

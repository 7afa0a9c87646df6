"""Performance and fairness as a log answers them: with the way from windows to the decisions in them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from audit_lab.monitor.fairness import Fairness
from audit_lab.monitor.performance import Performance

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from audit_lab.face.foremost import Foremost

__all__ = ["FairnessOfLog", "PerformanceOfLog", "fairness_of_log", "performance_of_log"]


@dataclass(frozen=True, eq=False, repr=False)
class PerformanceOfLog(Performance):
    """A performance that leads to the decisions of its log, by `choose`, which is ``log.foremost``."""

    choose: Callable[..., Foremost] = field(repr=False)

    def foremost(self, since: datetime, until: datetime, *, limit: int = 25) -> Foremost:
        """Return the decisions of ``since <= occurred_at < until`` that turned out wrong and were surest of it.

        Where none did, or no outcome is known, those that lie nearest to their threshold.
        """
        return self.choose(**self.choosing(), since=since, until=until, model=self.model, limit=limit)

    def choosing(self) -> dict[str, Any]:
        """Return what `log.foremost` is asked of a period beside it."""
        positive = self.meaning.output.positive
        return {"mistaken": True} | ({} if positive is None else {"positive": positive})


@dataclass(frozen=True, eq=False, repr=False)
class FairnessOfLog(Fairness):
    """A fairness that leads to the decisions of its log, by `choose`, which is ``log.foremost``."""

    choose: Callable[..., Foremost] = field(repr=False)

    def foremost(self, since: datetime, until: datetime, *, limit: int = 25) -> Foremost:
        """Return the decisions of ``since <= occurred_at < until``, of all groups, nearest to their threshold."""
        return self.choose(since=since, until=until, model=self.asked.model, limit=limit)

    def choosing(self) -> dict[str, Any]:
        """Return what `log.foremost` is asked of a period beside it: nothing."""
        return {}


def performance_of_log(found: Performance, choose: Callable[..., Foremost]) -> PerformanceOfLog:
    """Return a performance that was measured, connected with its log by `choose`."""
    return PerformanceOfLog(**{one.name: getattr(found, one.name) for one in fields(Performance)}, choose=choose)


def fairness_of_log(found: Fairness, choose: Callable[..., Foremost]) -> FairnessOfLog:
    """Return a fairness that was counted, connected with its log by `choose`."""
    return FairnessOfLog(**{one.name: getattr(found, one.name) for one in fields(Fairness)}, choose=choose)

"""Performance and fairness of one model, as a user asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit_lab.face.description import predicting_model
from audit_lab.log.evening import evened
from audit_lab.log.search.query import instant
from audit_lab.monitor.fairness.measuring import measure_fairness
from audit_lab.monitor.performance.measuring import measure_performance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.fairness import Fairness
    from audit_lab.monitor.performance import Performance

__all__ = ["fairness_of", "performance_of"]


def performance_of(
    store: LogStore, *, model: str | None, since: Any, until: Any, as_of: Any, **asked: Any
) -> Performance:
    """Return the performance of a model; parameters as for `AuditLog.performance`."""
    times: dict[str, Any] = {
        "since": instant(since, "since"),
        "until": instant(until, "until"),
        "as_of": instant(as_of, "as_of"),
    }
    name = predicting_model(store, model)
    even = evened(store, name, times["since"], times["until"], outcomes=True, known_by=times["as_of"])
    found = measure_performance(even, name, **times, **asked)
    return found if even.evened is None else replace(found, facts=(*found.facts, even.evened.fact))


def fairness_of(
    store: LogStore, groups: Sequence[str], *, model: str | None, since: Any, until: Any, as_of: Any, **asked: Any
) -> Fairness:
    """Return the rates of decisions by group; parameters as for `AuditLog.fairness`."""
    times: dict[str, Any] = {
        "since": instant(since, "since"),
        "until": instant(until, "until"),
        "as_of": instant(as_of, "as_of"),
    }
    name = predicting_model(store, model)
    return measure_fairness(store, name, groups, **times, **asked)

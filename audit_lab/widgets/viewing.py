"""Which view shows which object; each view, with what it needs to be drawn, is imported when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.explain.attribution import Attribution
    from audit_lab.face import Decision
    from audit_lab.replay.comparable_cases import Comparable
    from audit_lab.widgets.panel import Panel

__all__ = ["view"]

_ATTRIBUTION = "audit_lab.explain.attribution.Attribution"
_COMPARABLE = "audit_lab.replay.comparable_cases.Comparable"
_DECISION = "audit_lab.face.decision.Decision"
_LOG = "audit_lab.face.audit_log.AuditLog"

#: What is shown alone, by the name of its class, and the module of this package and the class that show it.
_VIEWS = {
    "audit_lab.explain.agreement.Agreement": ("agreement", "AgreementView"),
    "audit_lab.case.casefile.CaseFile": ("case_board", "CaseBoardView"),
    "audit_lab.monitor.alerts.states.Alerts": ("alerts", "AlertsView"),
    "audit_lab.replay.batch_replay.BatchReplay": ("batch_replay", "BatchReplayView"),
    "audit_lab.face.browse.Browse": ("explorer", "ExplorerView"),
    "audit_lab.monitor.cause.result.Cause": ("cause", "CauseView"),
    "audit_lab.explain.cohorts.result.CohortAttribution": ("cohort", "CohortView"),
    _COMPARABLE: ("comparable", "ComparableView"),
    "audit_lab.replay.coverage.Coverage": ("coverage", "CoverageView"),
    "audit_lab.face.decisions.Decisions": ("decisions", "DecisionsView"),
    "audit_lab.monitor.drift.Drift": ("drift", "DriftView"),
    "audit_lab.replay.environment.exploration.Exploration": ("exploration", "ExplorationView"),
    "audit_lab.monitor.fairness.result.Fairness": ("performance", "FairnessView"),
    "audit_lab.replay.impact.result.Impact": ("impact", "ImpactView"),
    "audit_lab.replay.lineage.graph.LineageGraph": ("lineage", "LineageView"),
    "audit_lab.monitor.onset.search.Onsets": ("onset", "OnsetView"),
    "audit_lab.monitor.performance.result.Performance": ("performance", "PerformanceView"),
    "audit_lab.replay.verdict.Replay": ("replay", "ReplayView"),
    "audit_lab.explain.what_if.result.WhatIf": ("what_if", "WhatIfView"),
}


def view(subject: Any, other: Attribution | Comparable | None = None, *, decision: Decision | None = None) -> Panel:
    """Return the view of a log, a case or an answer; an attribution or a decision is shown with `other`, if given.

    Parameters
    ----------
    subject
        A log, whose predictions are then explored, a case, or what a log, or a decision, answered.
    other
        With an attribution another one, with a decision its comparable cases.
    decision
        With an attribution, the decision that it explains: the sentences then say what was decided, and by what.

    Raises
    ------
    MisuseError
        There is no view of such an object, or `other` does not go with it.
    """
    if _is(subject, _LOG) and other is None and decision is None:
        return _shown("explorer", "ExplorerView", subject.browse())
    if _is(subject, _DECISION) and decision is None and (other is None or _is(other, _COMPARABLE)):
        return _shown("decision", "DecisionView", subject, comparable=other)
    if _is(subject, _ATTRIBUTION) and (other is None or _is(other, _ATTRIBUTION)):
        return _shown("attribution", "AttributionView", subject, other, decision=decision)
    if decision is not None:
        message = f"A {type(subject).__name__} is not shown with its decision"
        raise MisuseError(message, "Leave decision= out: it goes with an attribution.")
    if other is not None:
        message = f"A {type(subject).__name__} is not shown beside this: {type(other).__name__}"
        raise MisuseError(message, "Show an attribution with another one, or a decision with its comparable cases.")
    for name in _names(subject):
        if name in _VIEWS:
            return _shown(*_VIEWS[name], subject)
    message = f"There is no view of a {type(subject).__name__}"
    answers = (
        "log.browse(...), log.decision(...), its replay, explain, agreement, what_if, comparable or lineage_graph, "
        "log.decisions, log.replay, log.explore, log.impact, log.attributions, log.drift, log.onset, log.cause, "
        "log.performance, log.fairness, log.alerts or log.coverage"
    )
    next_step = f"Give a log, a case, or what {answers} returned."
    raise MisuseError(message, next_step)


def _shown(module: str, view_class: str, *given: Any, **more: Any) -> Panel:
    made: Panel = getattr(import_module(f"{__package__}.{module}"), view_class)(*given, **more)
    return made


def _is(subject: Any, name: str) -> bool:
    return name in _names(subject)


def _names(subject: Any) -> list[str]:
    """Return the names of the classes that an object is of, its own first."""
    return [f"{each.__module__}.{each.__qualname__}" for each in type(subject).__mro__]

"""Which view shows which object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.explain.agreement import Agreement
from audit_lab.explain.attribution import Attribution
from audit_lab.explain.cohorts import CohortAttribution
from audit_lab.explain.what_if import WhatIf
from audit_lab.face import AuditLog, Decision
from audit_lab.face.browse import Browse
from audit_lab.face.decisions import Decisions
from audit_lab.monitor.alerts import Alerts
from audit_lab.monitor.cause import Cause
from audit_lab.monitor.drift import Drift
from audit_lab.monitor.fairness import Fairness
from audit_lab.monitor.onset import Onsets
from audit_lab.monitor.performance import Performance
from audit_lab.replay.batch_replay import BatchReplay
from audit_lab.replay.comparable_cases import Comparable
from audit_lab.replay.coverage import Coverage
from audit_lab.replay.environment.exploration import Exploration
from audit_lab.replay.impact import Impact
from audit_lab.replay.lineage import LineageGraph
from audit_lab.widgets.agreement import AgreementView
from audit_lab.widgets.alerts import AlertsView
from audit_lab.widgets.attribution import AttributionView
from audit_lab.widgets.batch_replay import BatchReplayView
from audit_lab.widgets.cause import CauseView
from audit_lab.widgets.cohort import CohortView
from audit_lab.widgets.comparable import ComparableView
from audit_lab.widgets.coverage import CoverageView
from audit_lab.widgets.decision import DecisionView
from audit_lab.widgets.decisions import DecisionsView
from audit_lab.widgets.drift import DriftView
from audit_lab.widgets.exploration import ExplorationView
from audit_lab.widgets.explorer import ExplorerView
from audit_lab.widgets.impact import ImpactView
from audit_lab.widgets.lineage import LineageView
from audit_lab.widgets.onset import OnsetView
from audit_lab.widgets.performance import FairnessView, PerformanceView
from audit_lab.widgets.what_if import WhatIfView

if TYPE_CHECKING:
    from audit_lab.widgets.panel import Panel

__all__ = ["view"]

#: What is shown alone, and by which view.
_VIEWS: dict[type, type[Panel]] = {
    Agreement: AgreementView,
    Alerts: AlertsView,
    BatchReplay: BatchReplayView,
    Browse: ExplorerView,
    Cause: CauseView,
    CohortAttribution: CohortView,
    Comparable: ComparableView,
    Coverage: CoverageView,
    Decisions: DecisionsView,
    Drift: DriftView,
    Exploration: ExplorationView,
    Fairness: FairnessView,
    Impact: ImpactView,
    LineageGraph: LineageView,
    Onsets: OnsetView,
    Performance: PerformanceView,
    WhatIf: WhatIfView,
}


def view(subject: Any, other: Attribution | Comparable | None = None, *, decision: Decision | None = None) -> Panel:
    """Return the view of a log, or of what it answered; an attribution or a decision is shown with `other`, if given.

    Parameters
    ----------
    subject
        A log, whose predictions are then explored, or what a log, or a decision, answered.
    other
        With an attribution another one, with a decision its comparable cases.
    decision
        With an attribution, the decision that it explains: the sentences then say what was decided, and by what.

    Raises
    ------
    MisuseError
        There is no view of such an object, or `other` does not go with it.
    """
    if isinstance(subject, AuditLog) and other is None and decision is None:
        return ExplorerView(subject.browse())
    if isinstance(subject, Decision) and decision is None and (other is None or isinstance(other, Comparable)):
        return DecisionView(subject, comparable=other)
    if isinstance(subject, Attribution) and (other is None or isinstance(other, Attribution)):
        return AttributionView(subject, other, decision=decision)
    if decision is not None:
        message = f"A {type(subject).__name__} is not shown with its decision"
        raise MisuseError(message, "Leave decision= out: it goes with an attribution.")
    if other is not None:
        message = f"A {type(subject).__name__} is not shown beside this: {type(other).__name__}"
        raise MisuseError(message, "Show an attribution with another one, or a decision with its comparable cases.")
    for kind, made in _VIEWS.items():
        if isinstance(subject, kind):
            return made(subject)
    message = f"There is no view of a {type(subject).__name__}"
    answers = (
        "log.browse(...), log.decision(...), its explain, agreement, what_if, comparable or lineage_graph, "
        "log.decisions, log.replay, log.explore, log.impact, log.attributions, log.drift, log.onset, log.cause, "
        "log.performance, log.fairness, log.alerts or log.coverage"
    )
    next_step = f"Give a log, or what {answers} returned."
    raise MisuseError(message, next_step)

"""Which view shows which object."""

from __future__ import annotations

from typing import Any

from audit_lab.errors import MisuseError
from audit_lab.explain.attribution import Attribution
from audit_lab.face import Decision
from audit_lab.monitor.drift import Drift
from audit_lab.replay.coverage import Coverage
from audit_lab.replay.lineage import LineageGraph
from audit_lab.widgets.attribution import AttributionView
from audit_lab.widgets.coverage import CoverageView
from audit_lab.widgets.decision import DecisionView
from audit_lab.widgets.drift import DriftView
from audit_lab.widgets.lineage import LineageView

__all__ = ["view"]


def view(
    subject: Any, other: Attribution | None = None
) -> DecisionView | AttributionView | CoverageView | DriftView | LineageView:
    """Return the view of a decision, an attribution (beside `other`, if given), a drift, a lineage or a coverage.

    Raises
    ------
    MisuseError
        There is no view of such an object.
    """
    if isinstance(subject, Decision):
        return DecisionView(subject)
    if isinstance(subject, Attribution):
        return AttributionView(subject, other)
    if isinstance(subject, Drift):
        return DriftView(subject)
    if isinstance(subject, LineageGraph):
        return LineageView(subject)
    if isinstance(subject, Coverage):
        return CoverageView(subject)
    message = f"There is no view of a {type(subject).__name__}"
    answers = "log.decision(...), its explain(...) or lineage_graph(), log.drift(...) or log.coverage()"
    next_step = f"Give what {answers} returned."
    raise MisuseError(message, next_step)

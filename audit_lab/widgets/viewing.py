"""Which view shows which object."""

from __future__ import annotations

from typing import Any

from audit_lab.errors import MisuseError
from audit_lab.explain.attribution import Attribution
from audit_lab.face import Decision
from audit_lab.monitor.drift import Drift
from audit_lab.widgets.attribution import AttributionView
from audit_lab.widgets.decision import DecisionView
from audit_lab.widgets.drift import DriftView

__all__ = ["view"]


def view(subject: Any, other: Attribution | None = None) -> DecisionView | AttributionView | DriftView:
    """Return the view of a decision, an attribution (beside `other`, if given) or a drift.

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
    message = f"There is no view of a {type(subject).__name__}"
    raise MisuseError(message, "Give what log.decision(...), decision.explain(...) or log.drift(...) returned.")

"""Views of what a log answers: widgets in a notebook, pages where there is no kernel.

:func:`view` picks the view for an object. Each view is a box of ipywidgets, and beside it carries a static rendering
(escaped HTML with its pictures inside), so that an exported notebook shows what the live one showed. Each hands out
the Python that made it, with ``code()``. Views hold no logic: numbers come from the objects, pictures from
:mod:`audit_lab.charts`.

A view is imported, with what it needs to be drawn, when its name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.first_use import imported_on_first_use

if TYPE_CHECKING:
    from audit_lab.widgets.alerts import AlertsView
    from audit_lab.widgets.attribution import AttributionView
    from audit_lab.widgets.batch_replay import BatchReplayView
    from audit_lab.widgets.case_board import CaseBoardView
    from audit_lab.widgets.cause import CauseView
    from audit_lab.widgets.cohort import CohortView
    from audit_lab.widgets.comparable import ComparableView
    from audit_lab.widgets.coverage import CoverageView
    from audit_lab.widgets.decision import DecisionView
    from audit_lab.widgets.decisions import DecisionsView
    from audit_lab.widgets.drift import DriftView
    from audit_lab.widgets.exploration import ExplorationView
    from audit_lab.widgets.impact import ImpactView
    from audit_lab.widgets.lineage import LineageView
    from audit_lab.widgets.onset import OnsetView
    from audit_lab.widgets.performance import FairnessView, PerformanceView
    from audit_lab.widgets.replay import ReplayView
    from audit_lab.widgets.viewing import view

__all__ = [
    "AlertsView",
    "AttributionView",
    "BatchReplayView",
    "CaseBoardView",
    "CauseView",
    "CohortView",
    "ComparableView",
    "CoverageView",
    "DecisionView",
    "DecisionsView",
    "DriftView",
    "ExplorationView",
    "FairnessView",
    "ImpactView",
    "LineageView",
    "OnsetView",
    "PerformanceView",
    "ReplayView",
    "view",
]

_HOMES = {
    "AlertsView": "alerts",
    "AttributionView": "attribution",
    "BatchReplayView": "batch_replay",
    "CaseBoardView": "case_board",
    "CauseView": "cause",
    "CohortView": "cohort",
    "ComparableView": "comparable",
    "CoverageView": "coverage",
    "DecisionView": "decision",
    "DecisionsView": "decisions",
    "DriftView": "drift",
    "ExplorationView": "exploration",
    "FairnessView": "performance",
    "ImpactView": "impact",
    "LineageView": "lineage",
    "OnsetView": "onset",
    "PerformanceView": "performance",
    "ReplayView": "replay",
    "view": "viewing",
}

__getattr__ = imported_on_first_use(__name__, _HOMES)

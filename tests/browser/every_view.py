"""A view of each kind, as a notebook asks for it."""

from __future__ import annotations

__all__ = ["SHOWN", "opened_in"]

_OPENED = """
import audit_lab as al
small, credit = al.open('../{loans}'), al.open('../sample_data/credit')
asked = {{'question': 'Why was it denied?', 'actor': 'Ida Berg', 'purpose': 'a complaint'}}
case = al.Case.create('C-7', small, decision=small.decision('p-030'), folder='../{loans}-cases', **asked)
_ = case.finding('The threshold decided.', [1], 'high')
decision = small.decision('p-030')
month = ('2025-03-01', '2025-04-01')
"""
#: What is shown, one view of each kind in a cell of its own.
SHOWN = {
    "DecisionView": "decision",
    "ExplorerView": "small",
    "ReplayView": "decision.replay()",
    "AgreementView": "decision.agreement()",
    "AttributionView": "decision.explain('shap')",
    "WhatIfView": "decision.what_if({'income': 1_200.0})",
    "ComparableView": "decision.comparable()",
    "LineageView": "decision.lineage_graph()",
    "CaseBoardView": "case",
    "BatchReplayView": "small.replay(causes=False)",
    "CohortView": "small.attributions(rows=40)",
    "CoverageView": "small.coverage()",
    "DecisionsView": "small.decisions('sequence < 5')",
    "ExplorationView": "small.explore('1', '1')",
    "ImpactView": "small.impact(al.Correction.unit('income', factor=0.5))",
    "AlertsView": "small.alerts(record='kept')",
    "OnsetView": "credit.onset(['age_in_years'])",
    "CauseView": (
        "credit.cause(after=('2025-09-01', '2025-10-01'), before=month, rows=30, columns=['purpose'], anyway=True)"
    ),
    "FairnessView": "credit.fairness(['personal_status_and_sex'], favourable='approve')",
    "PerformanceView": "credit.performance()",
    "DriftView": "credit.drift(['duration_in_month', 'purpose'])",
}


def opened_in(loans: str) -> str:
    """Return the code of the first cell, for a small log that stands in a folder of the working folder.

    Both sample logs are opened, a case of the small one is made beside it, and a decision is chosen.
    """
    return _OPENED.format(loans=loans)

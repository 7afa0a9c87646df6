"""A view of each kind, as a notebook asks for it."""

from __future__ import annotations

__all__ = ["ANSWERED", "SHOWN", "opened_in"]

_OPENED = """
import audit_lab as al
small = al.open('../{loans}')
credit, flights = al.open('../sample_data/credit'), al.open('../sample_data/flights')
asked = {{'question': 'Why was it denied?', 'actor': 'Ida Berg', 'purpose': 'a complaint'}}
case = al.Case.create('C-7', small, decision=small.decision('p-030'), folder='../{loans}-cases', **asked)
record = '../{loans}-alerts'
_ = flights.raise_alerts(record=record, since='2015-06-20', until='2015-07-20')
_ = case.finding('The threshold decided.', [1], 'high')
decision = small.decision('p-030')
month = ('2025-03-01', '2025-04-01')
answers = {{}}
"""
#: What is shown, one view of each kind in a cell of its own, each with something in it to choose.
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
    "BatchReplayView": "flights.replay(\"model_version = '4.0.0-rc.1'\", causes=False)",
    "CohortView": "small.attributions(rows=40)",
    "CoverageView": "flights.coverage()",
    "DecisionsView": "small.decisions('sequence < 5')",
    "ExplorationView": "credit.explore('1.0.0', '2.0.0', rows=200)",
    "ImpactView": "small.impact(al.Correction.unit('income', factor=0.5))",
    "AlertsView": "flights.alerts(record=record)",
    "OnsetView": "flights.onset(['distance_miles'])",
    "CauseView": (
        "credit.cause(after=('2025-09-01', '2025-10-01'), before=month, rows=30, columns=['purpose'], anyway=True)"
    ),
    "FairnessView": "credit.fairness(['personal_status_and_sex'], favourable='approve')",
    "PerformanceView": "credit.performance()",
    "DriftView": "credit.drift(['duration_in_month', 'purpose'])",
}
#: The same, each answer kept under the name of its view, so that it can be shown again without being asked for again.
ANSWERED = {name: f"answers[{name!r}] = {each}\nal.view(answers[{name!r}])" for name, each in SHOWN.items()}


def opened_in(loans: str) -> str:
    """Return the code of the first cell, for a small log that stands in a folder of the working folder.

    It and both sample logs are opened; a case of the small one is made beside it, and a record of alerts of flights.
    """
    return _OPENED.format(loans=loans)

"""What somebody with a screen reader, or with weak eyes, meets: axe looks at views as pages, in light and in dark."""

from __future__ import annotations

import pytest
from accessibility import violations

import audit_lab as al
from audit_lab.widgets import viewing

pytestmark = pytest.mark.browser

THEMES = {"light": ("#ffffff", "#1f1f1f"), "dark": ("#111111", "#e0e0e0")}


@pytest.fixture(scope="module")
def lent(credit):
    return al.open(credit)


def case(small):
    about = {"question": "Why?", "actor": "Ida Berg", "purpose": "a review", "folder": small.path.parent / "cases"}
    return al.Case.create("C-1", small, **about, decision=small.decision("p-030"))


def raised(small):
    small.raise_alerts(record=small.path.parent / "kept")
    return small.alerts(record=small.path.parent / "kept")


def opened(explorer):
    """Open the first row, with the bytes that are stored of it."""
    explorer.table.opened = explorer.table.browse.page(0, 1)["place"][0]
    explorer.stored.value = True
    return explorer


AROUND = {"after": ("2025-09-01", "2025-10-01"), "before": ("2025-03-01", "2025-04-01"), "rows": 30, "anyway": True}

#: What is shown: a view of each kind.
SHOWN = {
    "AgreementView": lambda small, _: al.view(small.decision("p-030").agreement()),
    "AlertsView": lambda small, _: al.view(raised(small)),
    "AttributionView": lambda small, _: al.view(small.decision("p-030").explain("shap")),
    "BatchReplayView": lambda small, _: al.view(small.replay(causes=False)),
    "CaseBoardView": lambda small, _: al.view(case(small)),
    "CauseView": lambda _, lent: al.view(lent.cause(**AROUND, columns=["purpose"])),
    "CohortView": lambda small, _: al.view(small.attributions(rows=40)),
    "ComparableView": lambda small, _: al.view(small.decision("p-030").comparable()),
    "CoverageView": lambda small, _: al.view(small.coverage()),
    "DecisionView": lambda small, _: al.view(small.decision("p-030")).choose(stored=True),
    "DecisionsView": lambda small, _: al.view(small.decisions("sequence < 5")),
    "DriftView": lambda _, lent: al.view(lent.drift(["purpose"])),
    "ExplorationView": lambda small, _: al.view(small.explore("1", "1")),
    "ExplorerView": lambda small, _: opened(al.view(small)),
    "FairnessView": lambda _, lent: al.view(lent.fairness(["personal_status_and_sex"], favourable="approve")),
    "ImpactView": lambda small, _: al.view(small.impact(al.Correction.unit("income", factor=0.5))),
    "LineageView": lambda small, _: al.view(small.decision("p-030").lineage_graph()),
    "OnsetView": lambda _, lent: al.view(lent.onset(["age_in_years"])),
    "PerformanceView": lambda _, lent: al.view(lent.performance()),
    "ReplayView": lambda small, _: al.view(small.decision("p-030").replay()),
    "WhatIfView": lambda small, _: al.view(small.decision("p-030").what_if({"income": 1_200.0})),
}


def test_every_view_that_there_is_is_looked_at():
    assert set(SHOWN) == {name for _, name in viewing._VIEWS.values()} | {"AttributionView", "DecisionView"}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_view_without_a_kernel_can_be_read_by_everybody(page, make_log, lent, name):
    view = SHOWN[name](al.open(make_log()), lent)
    assert type(view).__name__ == name
    shown = view.static_html()
    for paper, ink in THEMES.values():
        looks = f'style="background-color: {paper}; color: {ink}"'
        page.set_content(
            f'<!DOCTYPE html><html lang="en"><head><title>A view</title></head><body {looks}><main><h1>A view</h1>'
            f"<h2>Its output</h2>{shown}</main></body></html>"
        )
        assert violations(page) == {}

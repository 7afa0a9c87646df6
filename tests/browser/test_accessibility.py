"""What somebody with a screen reader, or with weak eyes, meets: axe looks at views as pages, in light and in dark."""

from __future__ import annotations

import pytest
from accessibility import violations

import audit_lab as al

pytestmark = pytest.mark.browser

THEMES = {"light": ("#ffffff", "#1f1f1f"), "dark": ("#111111", "#e0e0e0")}


@pytest.fixture(scope="module")
def lent(credit):
    return al.open(credit)


def case(small, _):
    about = {"question": "Why?", "actor": "Ida Berg", "purpose": "a review", "folder": small.path.parent / "cases"}
    return al.Case.create("C-1", small, **about, decision=small.decision("p-030"))


#: What is shown: an answer for each way in which a page is laid out.
SHOWN = {
    "case": case,
    "decision": lambda small, _: small.decision("p-030"),
    "attribution": lambda small, _: small.decision("p-030").explain("shap"),
    "what-if": lambda small, _: small.decision("p-030").what_if({"income": 1_200.0}),
    "lineage": lambda small, _: small.decision("p-030").lineage_graph(),
    "explorer": lambda small, _: small,
    "batch replay": lambda small, _: small.replay(causes=False),
    "coverage": lambda small, _: small.coverage(),
    "impact": lambda small, _: small.impact(al.Correction.unit("income", factor=0.5)),
    "drift": lambda _, lent: lent.drift(["purpose"]),
    "fairness": lambda _, lent: lent.fairness(["personal_status_and_sex"], favourable="approve"),
    "performance": lambda _, lent: lent.performance(),
}


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_a_view_without_a_kernel_can_be_read_by_everybody(page, make_log, lent, name):
    shown = al.view(SHOWN[name](al.open(make_log()), lent)).static_html()
    for paper, ink in THEMES.values():
        looks = f'style="background-color: {paper}; color: {ink}"'
        page.set_content(
            f'<!DOCTYPE html><html lang="en"><head><title>A view</title></head><body {looks}><main><h1>A view</h1>'
            f"<h2>Its output</h2>{shown}</main></body></html>"
        )
        assert violations(page) == {}

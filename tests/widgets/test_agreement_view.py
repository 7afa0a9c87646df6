"""SHAP and LIME beside each other, below what their comparison came to."""

from __future__ import annotations

import base64
import re

import pytest

import audit_lab as al
from audit_lab.widgets.agreement import AgreementView


@pytest.fixture
def log(make_log):
    return al.open(make_log())


def test_an_agreement_is_shown_with_verdict_rules_and_both_side_by_side(log):
    found = log.decision("p-001").agreement()
    view = al.view(found)
    assert isinstance(view, AgreementView)
    shown = view.static_html()
    assert "SHAP and LIME " in shown
    assert "What the verdicts mean" in shown
    pictures = [base64.b64decode(one).decode() for one in re.findall(r"data:image/svg\+xml;base64,([^\"']+)", shown)]
    assert "SHAP beside LIME" in pictures[0]
    assert view.text().startswith(found.methods.summary())
    names = {"log": log}
    exec(view.code(), names)
    assert names["agreement"].to_dict() == found.to_dict()

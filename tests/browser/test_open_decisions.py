"""What a view names by its id is one press away: the decision, and from there its stored rows and their bytes."""

from __future__ import annotations

import re

import pytest
from lab_page import ready, run_cell
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SOURCE = "import audit_lab as al\nal.view(al.open('../sample_data/flights').coverage())"


def test_an_id_behind_a_reason_opens_down_to_its_bytes(notebook):
    ready(notebook)
    shown = run_cell(notebook, SOURCE).locator(".jp-OutputArea-output .widget-vbox").first
    expect(shown.get_by_label("Ids of", exact=True)).to_be_visible(timeout=60_000)
    shown.get_by_label("Ids of", exact=True).select_option("inputs-missing")
    told = shown.get_by_role("heading", name="inputs-missing: The log holds no inputs for this prediction")
    expect(told).to_be_visible(timeout=30_000)
    first = told.locator("xpath=following-sibling::ul").locator("li").first.inner_text()

    shown.get_by_role("button", name="Open decisions").click()
    expect(shown.get_by_role("heading", name="Decisions of inputs-missing")).to_be_visible(timeout=60_000)
    decision = shown.get_by_label("Decision", exact=True)
    expect(decision.locator("option").nth(1)).to_contain_text(first)
    decision.select_option(decision.locator("option").nth(1).inner_text())
    expect(shown).to_contain_text(
        "The log holds no inputs for this prediction. Cannot replay or explain", timeout=30_000
    )

    shown.get_by_role("button", name="Stored bytes").click()
    expect(shown.get_by_role("heading", name="Stored in predictions")).to_be_visible(timeout=30_000)
    expect(shown).to_contain_text("Canonical bytes of the row")
    shown.get_by_text("Python that shows this", exact=True).last.click()
    code = shown.locator("textarea").last
    expect(code).to_have_value(re.compile(r"choose\(reason='inputs-missing', opened=True, decision=0"))

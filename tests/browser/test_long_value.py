"""A value of 10 MB in a log: it is shown cut, in JupyterLab's views and in its panel, and neither waits for it."""

from __future__ import annotations

import polars as pl
import pytest
from lab_page import decision, open_by_id, panel, ready, run_cell, select_log
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LONG = "<b>long</b> " * 833_334
SHOWN = "import audit_lab as al\nlog = al.open('../long-value')\ndisplay(al.view(log), al.view(log.decision('p-031')))"
#: What is too long to be in a page, by the class of the element that it stands in.
TOO_LONG = """all => all.flatMap(one => [...one.querySelectorAll('*')])
  .filter(one => one.childElementCount === 0 && one.textContent.length > 200_000)
  .map(one => `${one.tagName} ${one.className} in ${one.parentElement.className}: ${one.textContent.length}`)"""


def long_in(frame, column):
    is_long = pl.col("prediction_id") == "p-031"
    return frame.with_columns(pl.when(is_long).then(pl.lit(LONG)).otherwise(pl.col(column)).alias(column))


def test_a_value_of_10_mb_is_shown_cut_and_waited_for_by_nobody(lab, notebook, write_small_log):
    page = notebook
    write_small_log(
        lab.folder / "long-value",
        predictions=lambda frame: long_in(frame, "decision"),
        inputs_loans=lambda frame: long_in(frame, "city"),
    )
    ready(page)
    cell = run_cell(page, SHOWN, 0)
    views = cell.locator(".auditlab-ShownView")
    explorer = views.first
    expect(explorer.get_by_role("status").first).to_have_text("40 predictions, by occurred_at, greatest first.")
    row = explorer.get_by_role("row", name="p-031")
    expect(row).to_contain_text("<b>long</b>")
    row.click()
    expect(explorer.get_by_role("heading", name="Model version")).to_be_visible()
    expect(explorer).to_contain_text("<b>long</b> <b>long</b>")
    expect(views.nth(1)).to_contain_text("<b>long</b> <b>long</b>")
    expect(views.nth(1).get_by_role("row", name="income")).to_be_visible()

    panel(page).get_by_role("button", name="Look for audit logs again").click()
    select_log(page, "long-value")
    open_by_id(page, "p-031")
    tab = decision(page, "p-031")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("<b>long</b> <b>long</b>")
    expect(tab.get_by_role("row", name="city")).to_contain_text("<b>long</b>")

    shown = page.locator(".auditlab-ShownView, .auditlab-Decision, #audit-lab-panel")
    assert shown.evaluate_all(TOO_LONG) == []
    assert shown.locator("b").filter(has_text="long").count() == 0

"""The drift view as a user has it: a live widget in JupyterLab whose dropdowns redraw the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SOURCE = "import audit_lab as al\nal.view(al.open('../sample_data/flights').drift())"


@pytest.fixture
def view(notebook):
    """Return the page and the view that a cell shows."""
    page = notebook
    # Before it has a kernel the notebook's own indicator says idle too; the status bar names the kernel.
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
    cell = page.locator(".jp-NotebookPanel .jp-CodeCell").first
    cell.locator(".cm-content").fill(SOURCE)
    page.keyboard.press("Control+Enter")
    shown = cell.locator(".jp-OutputArea-output .widget-vbox").first
    expect(shown.get_by_role("combobox").first).to_be_visible(timeout=120_000)
    return page, shown


def heading(view, text):
    return view.get_by_role("heading", name=text)


def drawn(view):
    """Return the pictures of the view: the source of each that the browser could decode."""
    return view.locator("img").evaluate_all("all => all.filter(one => one.naturalWidth > 200).map(one => one.src)")


def test_the_dropdowns_redraw_the_pictures(view, picture):
    page, shown = view
    expect(shown).to_contain_text("carrier: category US (7.1% of the reference) vanished after 2015-06-30")
    expect(heading(shown, "carrier over time")).to_be_visible()
    expect(heading(shown, re.compile("carrier in the week of 2015-07-0"))).to_be_visible()
    before = drawn(shown)
    assert len(before) == shown.locator("img").count() == 3
    shown.locator("img").first.evaluate("map => map.scrollIntoView()")
    picture(page, "drift")

    column, measure, window = (shown.get_by_label(name, exact=True) for name in ("Column", "Measure", "Window"))
    column.select_option("distance_miles")
    expect(heading(shown, "distance_miles over time")).to_be_visible(timeout=30_000)
    window.select_option("the week of 2015-09-07")
    expect(heading(shown, "distance_miles in the week of 2015-09-07")).to_be_visible(timeout=30_000)
    after = drawn(shown)
    assert after[0] == before[0]
    assert not set(after[1:]) & set(before)

    measure.select_option("Kolmogorov-Smirnov statistic")
    expect(shown.locator("img").nth(1)).not_to_have_attribute("src", after[1], timeout=30_000)
    assert drawn(shown)[2] == after[2]

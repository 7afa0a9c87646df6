"""The drift view as a user has it: a live widget in JupyterLab whose dropdowns redraw the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab_page import ready, run_cell
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SOURCE = "import audit_lab as al\nal.view(al.open('../sample_data/flights').drift())"


@pytest.fixture
def view(notebook):
    """Return the page and the view that a cell shows."""
    ready(notebook)
    cell = run_cell(notebook, SOURCE)
    shown = cell.locator(".jp-OutputArea-output .widget-vbox").first
    expect(shown.get_by_role("combobox").first).to_be_visible()
    return notebook, shown


def heading(view, text):
    return view.get_by_role("heading", name=text)


def drawn(view):
    """Return the pictures of the view: the source of each that the browser could decode."""
    return view.locator("img").evaluate_all("all => all.filter(one => one.naturalWidth > 200).map(one => one.src)")


def test_the_dropdowns_redraw_the_pictures(view):
    _, shown = view
    expect(shown).to_contain_text("carrier: category US (7.1% of the reference) vanished after 2015-06-30")
    expect(heading(shown, "carrier over time")).to_be_visible()
    expect(heading(shown, re.compile("carrier in the week of 2015-07-0"))).to_be_visible()
    before = drawn(shown)
    assert len(before) == shown.locator("img").count() == 2

    column, measure, window = (shown.get_by_label(name, exact=True) for name in ("Column", "Measure", "Window"))
    column.select_option("distance_miles")
    expect(heading(shown, "distance_miles over time")).to_be_visible(timeout=30_000)
    window.select_option("the week of 2015-09-07")
    expect(heading(shown, "distance_miles in the week of 2015-09-07")).to_be_visible(timeout=30_000)
    after = drawn(shown)
    assert not set(after) & set(before)

    measure.select_option("Kolmogorov-Smirnov statistic")
    expect(shown.locator("img").first).not_to_have_attribute("src", after[0])
    assert drawn(shown)[1] == after[1]


def test_a_pressed_cell_and_the_brush_choose_windows_and_list_their_decisions(view, picture):
    page, shown = view
    row = shown.locator(".widget-hbox").filter(has=page.get_by_text("distance_miles", exact=True)).first
    row.locator("button", has_text="the week of 2015-09-07").click()
    expect(heading(shown, "distance_miles in the week of 2015-09-07")).to_be_visible(timeout=60_000)
    expect(heading(shown, "Decisions of the week of 2015-09-07")).to_be_visible(timeout=60_000)
    expect(shown).to_contain_text("Of 1,871 decisions the 25 that lie furthest from the usual distance_miles of 631.")
    shown.get_by_role("heading").first.evaluate("said => said.scrollIntoView()")
    picture(page, "drift")

    decision = shown.get_by_label("Decision", exact=True)
    first = decision.locator("option").nth(1).inner_text()
    decision.select_option(first)
    expect(shown).to_contain_text(re.compile(f"{re.escape(first.partition('@')[0])}: .* at 2015-09-07"))

    upper = shown.locator(".noUi-handle-upper")
    upper.focus()
    upper.press("ArrowRight")
    brushed = "the week of 2015-09-07 to the week of 2015-09-14"
    expect(heading(shown, f"distance_miles in {brushed}")).to_be_visible(timeout=60_000)
    expect(heading(shown, f"Decisions of {brushed}")).to_be_visible(timeout=60_000)


LINKED = """
log = al.open('../sample_data/flights')
explorer = al.view(log.browse("decision = 'late'"))
drift = al.view(log.drift(['distance_miles'])).link(explorer)
display(explorer, drift)
"""


def test_a_pressed_cell_selects_the_same_week_in_a_linked_explorer(notebook):
    page = notebook
    ready(page)
    cell = run_cell(page, f"import audit_lab as al\n{LINKED}")
    explorer = cell.locator(".al-explorer")
    expect(explorer.get_by_role("status")).to_contain_text("by occurred_at, greatest first.")
    pressed = cell.locator(".widget-hbox").filter(has=page.get_by_text("distance_miles", exact=True)).first
    pressed.locator("button", has_text="the week of 2015-09-07").click()
    expect(explorer.get_by_role("status")).to_contain_text("predictions, from 2015-09-07 00:00 to 2015-09-14 00:00")
    expect(explorer.get_by_role("combobox")).to_have_value("decision = 'late'")
    expect(explorer.locator("tbody tr").first.locator("td").nth(1)).to_contain_text("2015-09-13")

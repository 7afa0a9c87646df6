"""The log explorer as a user has it: filter, order, counts, timeline, and the decision of a row, in JupyterLab."""

from __future__ import annotations

import re

import pytest
from accessibility import violations
from lab_page import ready, run_cell
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SOURCE = "import audit_lab as al\nal.view(al.open('../sample_data/flights'))"


@pytest.fixture
def explorer(notebook):
    """Return the page, the explorer that a cell shows, and the cell."""
    ready(notebook)
    cell = run_cell(notebook, SOURCE)
    shown = cell.locator(".al-explorer").first
    expect(shown.get_by_role("grid", name="Predictions")).to_be_visible()
    return notebook, shown, cell


def first_cell(shown, number=1):
    return shown.locator("tbody tr").first.locator("td").nth(number)


def seen(shown):
    """Return where something stands that may be drawn anew just now."""
    for _ in range(100):
        box = shown.bounding_box()
        if box is not None:
            return box
        shown.page.wait_for_timeout(100)
    raise AssertionError("it is not to be seen")


def test_filter_order_counts_timeline_and_a_decision(explorer, picture):
    page, shown, cell = explorer
    said = shown.get_by_role("status")
    expect(said).to_have_text("99,953 predictions, by occurred_at, greatest first.")
    expect(first_cell(shown)).to_contain_text("2015-12-31 20:31")
    expect(shown.locator(".al-timeline rect").nth(20)).to_be_attached(timeout=60_000)
    shown.evaluate("said => said.scrollIntoView()")
    picture(page, "explorer")

    # The bar's end is the last row; the keys move on from there.
    shown.locator(".al-bar").evaluate("bar => bar.scrollTo(0, bar.scrollHeight)")
    expect(shown.locator("tbody tr").last.locator("td").nth(1)).to_contain_text("2015-01-01 01:13")

    shown.get_by_role("button", name="inputs.carrier", exact=True).click()
    facet = shown.get_by_role("dialog", name="Column inputs.carrier")
    facet.get_by_role("button", name=re.compile("^AA")).click(timeout=30_000)
    expect(shown.get_by_role("combobox")).to_have_value("inputs.carrier = 'AA'")
    expect(said).to_have_text(re.compile(r"^1\d,\d{3} predictions, by occurred_at, greatest first\.$"))

    shown.get_by_role("button", name="outputs.score", exact=True).click()
    shown.get_by_role("button", name="Greatest first").click()
    expect(shown.get_by_role("columnheader", name="outputs.score")).to_have_attribute("aria-sort", "descending")
    expect(said).to_contain_text("by outputs.score, greatest first.")
    first = shown.locator("tbody tr").first
    expect(first).to_contain_text("AA")

    first.click()
    place = first.locator("td").first.inner_text()
    expect(cell.get_by_text(f"{place}: ").first).to_be_visible(timeout=60_000)
    cell.get_by_text("Python that shows this").click()
    code = cell.locator("textarea").last.input_value()
    assert "log.browse(expression=\"inputs.carrier = 'AA'\", sort='outputs.score', descending=True)" in code
    assert f".choose(opened='{place}@" in code


def test_an_alert_over_the_timeline_is_read_out_and_selects_its_window(explorer):
    page, shown, cell = explorer
    alerts = shown.get_by_role("group", name="Alerts").get_by_role("button")
    expect(alerts).to_have_count(4)
    first = shown.get_by_role("button", name=re.compile("^Alert, warning, of the log: Winter storm"))
    assert violations(page, ".al-explorer") == {}
    first.focus()
    first.press("ArrowRight")
    second = shown.get_by_role("button", name=re.compile("^Alert, warning, of the log: 3.0.0 has called"))
    expect(second).to_be_focused()
    second.press("Enter")
    expect(shown.get_by_role("status")).to_have_text(
        re.compile("^[0-9,]+ predictions, from 2015-08-10 00:00 to 2015-08-17 00:00")
    )
    expect(alerts).to_have_count(1)
    expect(second).to_be_focused()
    cell.get_by_text("Python that shows this").click()
    assert "since='2015-08-10T00:00:00+00:00', until='2015-08-17" in cell.locator("textarea").last.input_value()


def test_completion_problems_timeline_keys_and_hostile_text(explorer, hostile_log):
    page, shown, cell = explorer
    said, field = shown.get_by_role("status"), shown.get_by_role("combobox")
    field.click()
    field.press_sequentially("dist")
    shown.get_by_role("option", name="inputs.distance_miles").wait_for()
    field.press("Tab")
    expect(field).to_have_value("inputs.distance_miles")
    field.press_sequentially(" >")
    field.press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("something is missing at character")
    field.press_sequentially(" 2000")
    field.press("Enter")
    expect(said).to_have_text(re.compile(r"^6,582 predictions"))
    expect(shown.get_by_role("alert")).to_be_hidden()
    shown.get_by_role("button", name="Clear").click()
    expect(said).to_contain_text("99,953 predictions, by")

    # A stretch of the timeline that is dragged over is what the table shows.
    bars = shown.locator(".al-timeline svg")
    expect(bars.locator("rect").nth(50)).to_be_attached(timeout=60_000)
    box = seen(bars)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(said).to_contain_text(re.compile("predictions, from 2015-06-29 00:00 to 2015-08-"))
    expect(first_cell(shown)).to_contain_text("2015-08")
    shown.get_by_role("button", name="Clear").click()
    expect(said).to_contain_text("99,953 predictions, by")

    # The keyboard reaches every row and opens one.
    expect(first_cell(shown)).to_contain_text("2015-12-31")
    shown.locator(".al-frame").focus()
    page.keyboard.press("End")
    expect(shown.locator("tbody tr").last).to_have_attribute("aria-rowindex", "99954")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(shown.locator("tr.al-chosen")).to_have_attribute("aria-rowindex", "3")
    expect(first_cell(shown)).to_contain_text("2015-12-31")
    page.keyboard.press("Enter")
    expect(cell.locator(".widget-html-content").first).to_contain_text("2.0.0")

    # Texts of a hostile log are shown as text, in the table, its counts and its timeline.
    code = cell.locator(".cm-content")
    code.fill(f"al.view(al.open({'../uploads/' + hostile_log!r}))")
    code.press("Control+Enter")
    expect(first_cell(shown, 0)).to_have_text(hostile_log)
    shown.get_by_role("button", name="decision", exact=True).click()
    expect(shown.get_by_role("dialog").get_by_text(hostile_log)).to_be_visible(timeout=30_000)
    expect(shown.locator(".al-legend")).to_contain_text(hostile_log)
    assert "owned" not in page.title()

"""Notebook 7: the panel, the commands, the toolbar, a decision and a view, in the areas that it has.

Every view is used in it in `test_live_views.py`, on the kernel that has the answers already.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from lab_page import (
    TOKEN,
    active_cell,
    answer,
    decision,
    keep_newest,
    open_by_id,
    panel,
    predictions,
    run_cell,
    select_log,
)
from playwright.sync_api import TimeoutError as NotInTime
from playwright.sync_api import expect

import audit_lab as al

pytestmark = pytest.mark.browser

#: What the palette holds where no file is selected, in the words of its commands.
PALETTE = {
    "Show Audit Lab",
    "Refresh Audit Logs",
    "Verify Selected Audit Log",
    "Replay a Decision",
    "Investigate an Incident",
    "Audit Lab Help",
    "Show Lineage of Decision",
    "Insert Decision into Notebook",
    "Copy Prediction Id",
    "Open Case",
    "Keep Cell as Exhibit",
    "Export Evidence",
    "Verify Log",
}

_CONNECTED = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === 'connected' && kernel.status === 'idle';
}"""


@pytest.fixture
def notebook7(lab, window, watch, request):
    """Return a page of Notebook 7 on a notebook of its own, and so with a kernel of its own."""
    name = f"{request.function.__name__}.ipynb"
    shutil.copy(lab.folder / "notebooks" / "investigation.ipynb", lab.folder / "notebooks" / name)
    page = window.page.context.new_page()
    page.goto(f"{lab.url}/notebooks/notebooks/{name}?token={TOKEN}")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    page.wait_for_function(_CONNECTED)  # the indicator says idle before that too, and what is run then may be lost
    assert urlsplit(page.url).path == f"/notebooks/notebooks/{name}"
    yield page
    page.close()


def palette(page):
    """Show the palette, which Notebook 7 has in a dialog; return its field."""
    search = page.locator(".lm-CommandPalette-input")
    for _ in range(3):  # chosen before Notebook 7 has restored its page, the entry shows nothing
        page.get_by_role("menuitem", name="View", exact=True).click()
        page.get_by_role("menuitem", name="Activate Command Palette").click()
        with suppress(NotInTime):
            search.wait_for(timeout=5_000)
            break
    return search


def command(page, name):
    """Choose a command of the palette."""
    palette(page).fill(name)
    # By its key: the list is drawn anew whenever a command changes, and a click may meet an item that is gone by then.
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active", has_text=name)).to_be_visible()
    page.keyboard.press("Enter")


def test_from_the_panel_to_a_decision_a_cell_and_a_view(lab, notebook7, picture):
    page = notebook7
    newest = al.open(lab.folder / "sample_data" / "credit").newest(1)["prediction_id"][0]
    toolbar = page.locator(".jp-NotebookPanel-toolbar")
    for name in ("Open Case", "Keep Cell as Exhibit", "Export Evidence", "Verify Log"):
        expect(toolbar.get_by_role("button", name=name)).to_be_visible()

    command(page, "Show Audit Lab")
    select_log(page, "sample_data/credit")
    predictions(page).get_by_role("button").first.click()
    shown = page.get_by_role("article", name=f"Decision {newest}")
    expect(shown.get_by_role("region", name="Version")).to_be_visible()
    picture(page, "notebook7")
    page.get_by_role("button", name="Insert cell").click()
    expect(active_cell(page)).to_contain_text(f'log.decision("{newest}")')

    cell = run_cell(page, "import audit_lab as al\nal.view(al.open('../sample_data/credit'))", 0)
    expect(cell.get_by_role("grid", name="Predictions")).to_be_visible()
    expect(cell.get_by_role("status").first).to_contain_text("by occurred_at, greatest first.")

    command(page, "Replay a Decision")
    expect(page.get_by_role("article", name="Replay a decision")).to_be_visible()
    expect(panel(page)).to_be_visible()


def test_every_command_is_there(notebook7):
    page = notebook7
    palette(page).fill("Audit Lab")
    items = page.locator(".lm-CommandPalette-itemLabel")
    expect(items.filter(has_text="Show Audit Lab").first).to_be_visible()
    assert PALETTE - set(items.all_inner_texts()) == set()
    page.keyboard.press("Escape")

    command(page, "Investigate an Incident")
    expect(page.locator(".jp-Dialog").get_by_text("Investigate an incident")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    command(page, "Audit Lab Help")
    expect(page.get_by_role("article", name="Audit Lab help")).to_be_visible()


def test_what_the_palette_does_with_a_log_and_a_decision(lab, notebook7, write_small_log):
    page = notebook7
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    newest = al.open(lab.folder / "sample_data" / "credit").newest(1)["prediction_id"][0]
    command(page, "Show Audit Lab")
    logs = panel(page).get_by_role("list", name="Audit logs")
    expect(logs.get_by_role("button", name="sample_data/credit")).to_be_visible()
    write_small_log(lab.folder / "come-to-seven")
    command(page, "Refresh Audit Logs")
    expect(logs.get_by_role("button", name="come-to-seven")).to_contain_text("40 predictions")

    select_log(page, "sample_data/credit")
    open_by_id(page, newest)
    expect(decision(page, newest)).to_be_visible()
    command(page, "Copy Prediction Id")
    page.wait_for_function("id => navigator.clipboard.readText().then(text => text === id)", arg=newest)
    command(page, "Insert Decision into Notebook")
    expect(active_cell(page)).to_contain_text(newest)
    command(page, "Show Lineage of Decision")
    expect(page.get_by_role("article", name=f"Lineage of {newest}")).to_be_visible()
    command(page, "Verify Selected Audit Log")
    report = page.get_by_role("article", name="Verification of sample_data/credit")
    expect(report.get_by_role("region", name="Verdict UNANCHORED")).to_contain_text("It is not sealed")
    command(page, "Verify Log")
    answer(page, item="come-to-seven")
    other = page.get_by_role("article", name="Verification of come-to-seven")
    expect(other.get_by_role("region", name="Verdict UNANCHORED")).to_be_visible()


def test_what_the_palette_does_with_a_case(lab, notebook7):
    page = notebook7
    log = al.open(lab.folder / "sample_data" / "credit")
    al.Case.create("INC-70", log, question="Who?", actor="ana", purpose="a test", folder=lab.folder / "cases-of-seven")
    command(page, "Open Case")
    answer(page, item="INC-70 (cases-of-seven/INC-70)")
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    opened = cells.filter(has_text='al.Case.open("../cases-of-seven/INC-70")')
    expect(opened.locator(".jp-OutputArea-output").first).to_contain_text("INC-70")
    status = page.locator(".jp-NotebookPanel-toolbar").get_by_role("button", name=re.compile("^Audit Lab. Case"))
    expect(status).to_have_text("Case: INC-70")
    keep_newest(page, opened, 1, command)
    command(page, "Export Evidence")
    jobs = panel(page).get_by_role("list", name="Jobs").get_by_role("listitem")
    exported = jobs.filter(has_text="Export of the case cases-of-seven/INC-70")
    expect(exported.first).to_contain_text("done", timeout=240_000)
    assert (lab.folder / "dossiers" / "INC-70.zip").is_file()

"""A kernel that ends, a log that goes away or is damaged while it is looked at: a sentence, or what was shown last."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from contextlib import suppress
from urllib.request import Request, urlopen

import pytest
from lab_page import TOKEN, decision, panel, predictions, ready, run_cell, select_log
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

ENDED = "The kernel that this view was live in has ended. This is what it showed last"
LINKED = """
import audit_lab as al
log = al.open('../sample_data/credit')
explorer = al.view(log)
drift = al.view(log.drift(['purpose'])).link(explorer)
display(explorer, drift)
"""
#: What is asked while a kernel starts may be lost: nobody waits for the answer.
ASKED = """() => {
  window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo().catch(() => null);
}"""
SHOWN = "import os\nimport audit_lab as al\nprint('process', os.getpid())\nal.view(al.open('../fleeting'))"


def ask(lab, place, method):
    request = Request(f"{lab.url}/api/{place}", method=method, headers={"Authorization": f"token {TOKEN}"})
    with urlopen(request, timeout=60) as reply:
        reply.read()


@pytest.fixture
def loans(lab, write_small_log):
    """Lay the small log into the working folder; return its folder."""
    folder = write_small_log(lab.folder / "fleeting")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_lived(loans, notebook, window):
    """Return the page, whose kernel ends in the test, and its id; whoever comes next gets another page and kernel."""
    ready(notebook)
    kernel = window.kernel
    window.is_fresh = True
    yield notebook, kernel
    window.kernel, window.is_fresh = None, True


def saved(page, lab, condition):
    """Save the notebook until its file is as it should be; return the pages that it holds."""
    path = max((lab.folder / "notebooks").glob("test_what_goes_wrong-*.ipynb"), key=os.path.getmtime)
    deadline = time.monotonic() + 60
    while True:
        page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
        with suppress(ValueError):  # it is being written just now
            cells = json.loads(path.read_text())["cells"]
            data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
            pages = ["".join(each["text/html"]) for each in data if "application/vnd.audit-lab.view+json" in each]
            if condition(pages):
                return pages
        assert time.monotonic() < deadline
        page.wait_for_timeout(500)


def narrowed(explorer, expression):
    field = explorer.get_by_role("combobox")
    field.fill(expression)
    field.press("Enter")


def test_what_a_brush_led_a_linked_explorer_to_is_saved_and_is_there_when_the_kernel_has_ended(lab, short_lived):
    page, kernel = short_lived
    cell = run_cell(page, LINKED)
    explorer = cell.locator(".al-explorer")
    expect(explorer.get_by_role("status")).to_contain_text("by occurred_at, greatest first.")
    pressed = cell.locator(".widget-hbox").filter(has=page.get_by_text("purpose", exact=True)).first
    week = pressed.locator("button").last
    week.click()
    expect(explorer.get_by_role("status")).to_contain_text("predictions, from 20")
    period = re.search(r"from (\S+ \S+) to", explorer.get_by_role("status").inner_text())[1]
    shown = saved(page, lab, lambda pages: len(pages) == 2 and period[:10] in pages[0].partition("<table")[0])
    assert "purpose" in shown[1]

    ask(lab, f"kernels/{kernel}", "DELETE")
    views = cell.locator(".auditlab-ShownView")
    for number in (0, 1):
        expect(views.nth(number).get_by_role("status")).to_contain_text(ENDED)
    expect(views.first.locator("table").first).to_be_visible()
    expect(views.first).to_contain_text(period[:10])
    expect(cell.locator(".al-explorer")).to_have_count(0)


@pytest.mark.parametrize("how", ["dies", "is restarted"])
def test_a_kernel_that_ends_in_the_middle_of_an_answer_leaves_what_was_shown_last(lab, short_lived, watch, how):
    page, _ = short_lived
    cell = run_cell(page, SHOWN, 0)
    explorer = cell.locator(".al-explorer")
    expect(explorer.get_by_role("status")).to_have_text("40 predictions, by occurred_at, greatest first.")
    process = int(re.search(r"process (\d+)", cell.inner_text())[1])
    os.kill(process, signal.SIGSTOP)  # from now on it answers nothing
    narrowed(explorer, "decision = 'deny'")
    if how == "dies":
        os.kill(process, signal.SIGKILL)
        page.locator(".jp-Dialog", has_text="Kernel Restarting").get_by_role("button", name="Ok").click()
    else:
        page.get_by_role("menuitem", name="Kernel", exact=True).click()
        page.get_by_role("menuitem", name=re.compile("^Restart Kernel…")).click()
        page.locator(".jp-Dialog").locator(".jp-mod-accept").click()
    view = cell.locator(".auditlab-ShownView")
    expect(view.get_by_role("status")).to_contain_text(ENDED)
    expect(view.get_by_role("row", name=re.compile("p-039"))).to_be_visible()
    expect(cell.locator(".al-explorer")).to_have_count(0)

    # As the sentence says: its cell makes it live again.
    ready(page)
    run_cell(page, SHOWN, 0)
    expect(cell.locator(".al-explorer").get_by_role("status")).to_contain_text("40 predictions")
    expect(cell.get_by_text(ENDED)).to_have_count(0)


def test_a_kernel_that_another_client_restarts_leaves_what_was_shown_last(lab, short_lived):
    page, kernel = short_lived
    cell = run_cell(page, SHOWN, 0)
    expect(cell.locator(".al-explorer").get_by_role("status")).to_have_text(
        "40 predictions, by occurred_at, greatest first."
    )
    ask(lab, f"kernels/{kernel}/restart", "POST")
    view = cell.locator(".auditlab-ShownView")
    ended = view.get_by_role("status").filter(has_text=ENDED)
    # Its first word, that it starts, may be lost on the way; with its next one at the latest the view knows.
    for _ in range(30):
        page.evaluate(ASKED)
        with suppress(AssertionError):
            expect(ended).to_be_visible(timeout=2_000)
            break
    expect(ended).to_be_visible()
    expect(view.get_by_role("row", name=re.compile("p-039"))).to_be_visible()
    expect(cell.locator(".al-explorer")).to_have_count(0)


def looked_at(page):
    """Show the log in the panel, one of its decisions, and a live view of it; return the view."""
    select_log(page, "fleeting")
    predictions(page).get_by_role("button").first.click()
    expect(decision(page, "p-039").get_by_role("region", name="Version")).to_be_visible()
    page.get_by_role("tab", name=re.compile("^test_what_goes_wrong-")).click()
    ready(page)
    cell = run_cell(page, SHOWN)
    explorer = cell.locator(".al-explorer")
    expect(explorer.get_by_role("status")).to_have_text("40 predictions, by occurred_at, greatest first.")
    return explorer


def test_a_log_that_disappears_while_it_is_shown_is_missed_in_a_sentence(loans, notebook, watch):
    page = notebook
    explorer = looked_at(page)
    shutil.rmtree(loans)
    narrowed(explorer, "environment = 'production'")
    expect(explorer.get_by_role("alert")).to_contain_text("fleeting")
    predictions(page).get_by_role("button").nth(1).click()
    expect(page.locator(".auditlab-Decision").get_by_role("alert")).to_contain_text("There is no folder 'fleeting'")
    watch.excuse("404", "log=fleeting")
    panel(page).get_by_role("button", name="Look for audit logs again").click()
    logs = panel(page).get_by_role("list", name="Audit logs")
    expect(logs.get_by_role("button", name="fleeting")).to_have_count(0)
    expect(panel(page)).to_contain_text("Select a log to see its newest predictions.")


def test_a_segment_that_is_damaged_while_it_is_shown_is_named_in_a_sentence(loans, notebook, watch):
    page = notebook
    explorer = looked_at(page)
    segment = next((loans / "predictions").glob("*.parquet"))
    segment.write_bytes(b"PAR1" + b"\x00" * (segment.stat().st_size - 8) + b"PAR1")
    narrowed(explorer, "environment = 'production'")
    expect(explorer.get_by_role("alert")).to_contain_text(segment.name)
    predictions(page).get_by_role("button").nth(1).click()
    expect(page.locator(".auditlab-Decision").get_by_role("alert")).to_contain_text(segment.name)
    watch.excuse("422", "log=fleeting")

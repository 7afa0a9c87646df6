"""Every view, live: it is used, nobody is shut out of it, and none asks for anything outside.

First in JupyterLab, where each is also kept, then in Notebook 7 on the same kernel, which has the answers already.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from accessibility import violations
from every_view import ANSWERED, SHOWN, opened_in
from lab_page import TOKEN, answer, press_button, ready, run_cell, theme
from nbconvert import HTMLExporter
from playwright.sync_api import expect
from using_views import use
from watching import Watch

import audit_lab as al

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

GUARD = Path(__file__).parent / "guard"
LIVE = ".auditlab-ShownView:has(.widget-vbox)"
CASES = "live-loans-cases"
#: What these show is sentences and tables, before anything is opened in them.
WITHOUT_A_PICTURE = {"BatchReplayView", "CaseBoardView", "DecisionsView", "ExplorationView", "ReplayView"}
#: The handles of the range slider are ipywidgets' own, and have no name.
LOOKED_AT = {"include": [[".auditlab-ShownView"]], "exclude": [[".noUi-handle"]]}
#: What is read and drawn in the page of a view, in pieces: its headings, the rows of its tables, its pictures.
SEEN = """view => [...view.querySelectorAll('.widget-html-content')]
  .flatMap(page => [...page.querySelectorAll('h1, h2, h3, h4, tr, img')])
  .map(one => one.src ?? one.textContent.replace(/\\s+/g, ''))"""
READ = f"""html => ({SEEN})(
  new DOMParser().parseFromString(`<div class="widget-html-content">${{html}}</div>`, 'text/html')
)"""


@dataclass
class Shown:
    """A page on which a view of each kind is live, what it tried to reach outside, and what it complained of."""

    page: Page
    kernel: str
    tried: list[str]
    watch: Watch


@pytest.fixture(scope="module")
def views(lab, window, browser, browser_context_args, write_small_log):
    """Run a notebook that shows a view of each kind, watched from its first request on."""
    write_small_log(lab.folder / "live-loans")
    write_notebook(lab.folder / "notebooks" / "live.ipynb", [opened_in("live-loans"), *ANSWERED.values()])
    context = browser.new_context(**browser_context_args)
    context.set_default_timeout(60_000)
    page, tried, watch = context.new_page(), [], Watch(urlsplit(lab.url).netloc)

    def block(route):
        tried.append(route.request.url)
        route.abort()

    context.route(re.compile(r"^(?!(https?|wss?)://127\.0\.0\.1:|data:|blob:|about:)"), block)
    watch.follow(page)
    page.goto(f"{lab.url}/lab/tree/notebooks/live.ipynb?token={TOKEN}&reset")
    page.locator(".jp-NotebookPanel").wait_for()
    ready(page)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    expect(page.locator(LIVE)).to_have_count(len(SHOWN), timeout=400_000)
    kernel = page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.id")
    yield Shown(page, kernel, tried, watch)
    context.close()
    window.kernel, window.is_fresh = None, True


@pytest.fixture
def live(views, lab):
    """Return the views; whatever they complained of, since they were first asked for, fails the test."""
    yield views
    assert views.watch.complaints == []
    assert lab.tried() == []


def test_no_live_view_asks_for_anything_outside_or_complains_while_it_is_drawn(live, lab):
    assert live.tried == []
    assert live.watch.complaints == []
    assert lab.tried() == []


def test_the_guards_of_the_page_bite(live):
    live.page.evaluate("fetch('https://outside.example/').catch(() => null)")
    assert live.tried == ["https://outside.example/"]
    live.watch.excuse("another host", "https://outside.example/")
    live.watch.excuse("failed: https://outside.example/")
    live.watch.excuse("console error", "https://outside.example/")
    # What is said, thrown and closed by no code of ours is seen as well.
    live.page.evaluate(
        """async () => {
          console.warn('a word of warning');
          setTimeout(() => { throw new Error('nobody caught this'); });
          await fetch('/nowhere');
          await new Promise(ended => {
            const socket = new WebSocket('ws://127.0.0.1:1/nowhere');
            socket.onclose = ended;
          });
        }"""
    )
    live.watch.excuse("console warning", "a word of warning")
    live.watch.excuse("uncaught", "nobody caught this")
    live.watch.excuse("status 404", "/nowhere")
    live.watch.excuse("another host: ws://127.0.0.1:1/nowhere")
    live.watch.excuse("socket failed: ws://127.0.0.1:1/nowhere")
    live.watch.excuse("console error", "nowhere")


def test_the_guard_of_the_server_s_processes_bites(tmp_path):
    outside = tmp_path / "outside"
    asked = "import socket\nsocket.create_connection(('192.0.2.1', 443), 1)"
    environment = {**os.environ, "PYTHONPATH": str(GUARD), "AUDIT_LAB_TEST_OUTSIDE": str(outside)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=False)
    assert "the outside is blocked here" in done.stderr
    assert "192.0.2.1" in outside.read_text()


@pytest.mark.parametrize("name", SHOWN)
def test_a_view_is_used_as_a_person_uses_it_and_kept_as_it_then_is(live, lab, name):
    page, cases = live.page, lab.folder / CASES
    view = page.locator(".auditlab-ShownView").nth(list(SHOWN).index(name))
    said = use(view, name, cases)
    seen = view.evaluate(SEEN)
    view.locator("xpath=ancestor::*[contains(@class, 'jp-CodeCell')]").locator(".jp-InputPrompt").click()
    press_button(page, "Keep Cell as Exhibit")
    answer(page, text=f"Kept: {name}")
    cell = page.locator(".jp-CodeCell").filter(has=page.locator(".cm-content", has_text=f'keep(case, "Kept: {name}")'))
    answered = cell.locator(".jp-OutputArea-output").last
    if name == "CaseBoardView":  # what shows all that is kept is not kept itself
        expect(answered).to_contain_text("MisuseError: A case cannot keep a Case.")
        return
    expect(answered).to_contain_text(f"Kept: {name}")
    (exhibit,) = (each for each in al.Case.open(cases / "C-7").exhibits if each.title == f"Kept: {name}")
    kept = page.evaluate(READ, exhibit.content_of("shown.html").decode())
    assert seen
    assert [each for each in seen if each not in kept] == []
    assert [each for each in said if each not in exhibit.code] == []


def test_plain_keys_are_the_view_s_where_the_focus_is_in_it(live):
    page = live.page
    view = page.locator(".auditlab-ShownView").nth(list(SHOWN).index("FairnessView"))
    cells = page.locator(".jp-NotebookPanel .jp-Cell")
    before = cells.count()
    view.locator("xpath=ancestor::*[contains(@class, 'jp-CodeCell')]").locator(".jp-InputPrompt").click()
    rate = view.get_by_label("Rate", exact=True)
    rate.focus()
    chosen = rate.input_value()
    for key in ("d", "d", "ArrowDown"):
        rate.press(key)
    expect(rate).to_be_focused()
    expect(rate).not_to_have_value(chosen)
    assert cells.count() == before
    # With others, a key is the notebook's.
    rate.press("Control+a")
    expect(page.locator(".jp-NotebookPanel .jp-Cell.jp-mod-selected")).to_have_count(before)
    rate.press("Escape")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_live_view_can_be_used_by_everybody(live, colours):
    theme(live.page, colours)
    assert violations(live.page, LOOKED_AT) == {}


def test_the_saved_notebook_is_a_page_that_needs_no_scripts(live, lab, browser, tmp_path):
    path = lab.folder / "notebooks" / "live.ipynb"
    live.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    html, _ = HTMLExporter().from_filename(str(path))
    (tmp_path / "live.html").write_text(html, "utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "live.html").as_uri())
    drawn = {}
    for number, name in enumerate(SHOWN):
        view = page.locator(f"[id='cell-id=c{number + 1}'] .jp-RenderedHTMLCommon.jp-OutputArea-output")
        rows = [row for row in view.locator("tr").all() if row.is_visible()]
        pictures = view.locator("img[src^='data:image/svg+xml']")
        widths = pictures.evaluate_all("all => all.map(one => one.naturalWidth)")
        assert len(rows) > 1, name
        assert all(width > 100 for width in widths), name
        drawn[name] = len(widths)
    context.close()
    assert {name for name, count in drawn.items() if count == 0} - WITHOUT_A_PICTURE == set()


@pytest.fixture(scope="module")
def in_notebook7(views, lab):
    """Show the same answers again, in one cell, in Notebook 7; return its page and where the views stand."""
    path = "notebooks/live-in-7.ipynb"
    write_notebook(lab.folder / path, [""])
    session = {"path": path, "name": "", "type": "notebook", "kernel": {"id": views.kernel}}
    asked = Request(f"{lab.url}/api/sessions", json.dumps(session).encode(), {"Authorization": f"token {TOKEN}"})
    with urlopen(asked, timeout=60) as reply:
        reply.read()
    page = views.page
    page.goto(f"{lab.url}/notebooks/{path}?token={TOKEN}")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    cell = run_cell(page, "for each in answers.values():\n    display(al.view(each))", 0)
    expect(cell.locator(LIVE)).to_have_count(len(SHOWN), timeout=240_000)
    return cell.locator(".auditlab-ShownView")


@pytest.mark.parametrize("name", SHOWN)
def test_a_view_is_used_in_notebook_7_as_well(live, in_notebook7, lab, name):
    use(in_notebook7.nth(list(SHOWN).index(name)), name, lab.folder / CASES)


def write_notebook(path, sources):
    """Write a notebook of cells of code that have not run."""
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))

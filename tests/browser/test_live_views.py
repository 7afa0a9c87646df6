"""Every view, live, in JupyterLab: it is used, nobody is shut out of it, and none asks for anything outside."""

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

import pytest
from accessibility import violations
from every_view import SHOWN, opened_in
from lab_page import TOKEN, ready, theme
from playwright.sync_api import expect
from using_views import USES
from watching import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

GUARD = Path(__file__).parent / "guard"
#: The handles of the range slider are ipywidgets' own, and have no name.
LOOKED_AT = {"include": [[".auditlab-ShownView"]], "exclude": [[".noUi-handle"]]}


@dataclass
class Shown:
    """A page on which a view of each kind is live, what it tried to reach outside, and what it complained of."""

    page: Page
    tried: list[str]
    watch: Watch


@pytest.fixture(scope="module")
def views(lab, window, browser, browser_context_args, write_small_log):
    """Run a notebook that shows a view of each kind, watched from its first request on."""
    write_small_log(lab.folder / "live-loans")
    sources = [opened_in("live-loans"), *(f"al.view({each})" for each in SHOWN.values())]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells})
    (lab.folder / "notebooks" / "live.ipynb").write_text(content)
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
    live = page.locator(".auditlab-ShownView:has(> .widget-vbox), .auditlab-ShownView:has(.widget-vbox)")
    expect(live).to_have_count(len(sources) - 1, timeout=400_000)
    yield Shown(page, tried, watch)
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
def test_a_view_is_used_as_a_person_uses_it(live, lab, name):
    view = live.page.locator(".auditlab-ShownView").nth(list(SHOWN).index(name))
    view.scroll_into_view_if_needed()
    said = USES[name](view, lab)
    drawer = view.get_by_text("Python that shows this", exact=True).last
    drawer.click()
    code = view.locator("textarea").last
    expect(code).to_be_visible()
    for each in said:
        expect(code).to_have_value(re.compile(re.escape(each)))
    drawer.click()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_live_view_can_be_used_by_everybody(live, colours):
    theme(live.page, colours)
    assert violations(live.page, LOOKED_AT) == {}

"""Every view, live, in JupyterLab: nobody is shut out of it, and none asks for anything beyond this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from accessibility import violations
from lab_page import TOKEN, ready, theme
from playwright.sync_api import expect
from test_reopened import OPENED, SHOWN

pytestmark = pytest.mark.browser

GUARD = Path(__file__).parent / "guard"
CASE = "al.Case.create('C-1', small, question='Why?', actor='Ida Berg', purpose='a review', decision=decision)"
#: The handles of the range slider are ipywidgets' own, and have no name.
LOOKED_AT = {"include": [[".auditlab-ShownView"]], "exclude": [[".noUi-handle"]]}


@pytest.fixture(scope="module")
def views(lab, window, browser, browser_context_args, write_small_log):
    """Run a notebook that shows a view of each kind; return its page and what this tried to reach outside."""
    write_small_log(lab.folder / "live-loans")
    sources = [OPENED.replace("../loans", "../live-loans"), *(f"al.view({each})" for each in (CASE, *SHOWN))]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells})
    (lab.folder / "notebooks" / "live.ipynb").write_text(content)
    context = browser.new_context(**browser_context_args)
    context.set_default_timeout(60_000)
    page, tried = context.new_page(), []

    def block(route):
        tried.append(route.request.url)
        route.abort()

    context.route(re.compile(r"^(?!(https?|wss?)://127\.0\.0\.1:|data:|blob:|about:)"), block)
    page.goto(f"{lab.url}/lab/tree/notebooks/live.ipynb?token={TOKEN}&reset")
    page.locator(".jp-NotebookPanel").wait_for()
    ready(page)
    window.watch.follow(page)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    live = page.locator(".auditlab-ShownView:has(> .widget-vbox), .auditlab-ShownView:has(.widget-vbox)")
    expect(live).to_have_count(len(sources) - 1, timeout=400_000)
    yield page, tried
    context.close()
    window.kernel, window.is_fresh = None, True


def test_no_live_view_asks_for_anything_outside(views, watch, lab):
    page, tried = views
    assert tried == []
    assert lab.tried() == []
    # Both guards bite: what is tried is stopped, and seen.
    page.evaluate("fetch('https://outside.example/').catch(() => null)")
    assert tried == ["https://outside.example/"]
    watch.complaints[:] = [each for each in watch.complaints if "outside.example" not in each]


def test_the_guard_of_the_server_s_processes_bites(tmp_path):
    outside = tmp_path / "outside"
    asked = "import socket\nsocket.create_connection(('192.0.2.1', 443), 1)"
    environment = {**os.environ, "PYTHONPATH": str(GUARD), "AUDIT_LAB_TEST_OUTSIDE": str(outside)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=False)
    assert "the outside is blocked here" in done.stderr
    assert "192.0.2.1" in outside.read_text()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_live_view_can_be_used_by_everybody(views, watch, colours):
    page, _ = views
    theme(page, colours)
    assert violations(page, LOOKED_AT) == {}

"""What of the extension crosses to the browser when JupyterLab starts, what only when it is used, and what if not."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from accessibility import violations
from lab_page import TOKEN, select_log
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

OURS = "/lab/extensions/audit-lab-labextension/static/"
#: What all of it may take, and what its start may take of that.
MOST_BYTES, MOST_AT_START = 400_000, 100_000


def test_what_shows_decisions_and_the_form_is_fetched_when_they_are_first_opened(lab, watch, page):
    watch.follow(page)
    fetched = {}
    page.on("response", lambda answer: fetched.update({urlsplit(answer.url).path: answer}))

    def ours():
        return {path for path in fetched if OURS in path and path.endswith(".js")}

    def size(paths):
        return sum(len(fetched[path].body()) for path in paths)

    page.goto(f"{lab.url}/lab/workspaces/lazily?token={TOKEN}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("window.jupyterapp.restored")
    page.evaluate("window.jupyterapp.commands.execute('audit-lab:show-panel')")
    select_log(page, "credit")
    at_start = ours()
    assert 0 < size(at_start) <= MOST_AT_START

    def fetches(act):
        """Do something that shows what was not shown before; what that needs must cross now."""
        before = ours()
        act()
        for _ in range(300):
            if ours() - before:
                return
            page.wait_for_timeout(100)
        raise AssertionError("nothing was fetched")

    execute = "name => window.jupyterapp.commands.execute(name)"
    fetches(lambda: page.evaluate(execute, "audit-lab:help"))
    fetches(lambda: page.evaluate(execute, "audit-lab:replay-decision"))
    first = page.get_by_role("list", name="Newest predictions").get_by_role("button").first
    fetches(first.click)
    fetches(page.get_by_role("button", name="Lineage", exact=True).first.click)
    expect(page.get_by_role("article", name="Lineage of")).to_be_visible()
    assert size(ours()) <= MOST_BYTES


def test_a_part_that_does_not_come_is_named_and_can_be_tried_again(lab, watch, page):
    watch.follow(page)
    page.goto(f"{lab.url}/lab/workspaces/cut-off?token={TOKEN}")
    page.wait_for_function("window.jupyterapp !== undefined")
    page.evaluate("window.jupyterapp.restored")
    page.evaluate("window.jupyterapp.commands.execute('audit-lab:show-panel')")
    select_log(page, "credit")
    first = page.get_by_role("list", name="Newest predictions").get_by_role("button").first
    expect(first).to_be_visible()
    page.route(re.compile(OURS + r".*\.js"), lambda route: route.abort("connectionrefused"))
    first.click()
    said = page.get_by_role("alert").filter(has_text="A part of Audit Lab could not be fetched from the Jupyter server")
    expect(said).to_contain_text("Check that the server still runs, then try again; reload the page")
    expect(said.get_by_role("button", name="Reload the page")).to_be_visible()
    assert violations(page, ".Toastify__toast") == {}
    watch.excuse("failed: ", OURS)
    watch.excuse("console error", "ERR_CONNECTION_REFUSED")
    page.unroute_all()
    said.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("article", name="Decision ")).to_be_visible()
    expect(said).to_have_count(0)

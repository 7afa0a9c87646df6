"""A notebook that was saved and closed is opened again: every view is there, with a new kernel and without any."""

from __future__ import annotations

import json
import re
import shutil
import time
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from every_view import SHOWN, opened_in
from playwright.sync_api import expect

from audit_lab.widgets import viewing

pytestmark = pytest.mark.browser

VIEW = "application/vnd.audit-lab.view+json"


@pytest.fixture
def views(lab, watch, make_log):
    """Return the path of a notebook that shows a view of each kind; its outputs are not there yet."""
    shutil.copytree(make_log(), lab.folder / "loans")
    shown = "shown = al.view({})\nassert type(shown).__name__ == {!r}\nshown"
    sources = [opened_in("loans"), *(shown.format(asked, name) for name, asked in SHOWN.items())]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for n, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = lab.folder / "notebooks" / "views.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}))
    return path


def ask(lab, place, method="GET"):
    request = Request(f"{lab.url}/api/{place}", method=method, headers={"Authorization": "token a-token-for-this-test"})
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def shut_down(lab):
    """End every kernel, as somebody does who goes home."""
    for session in ask(lab, "sessions"):
        with suppress(HTTPError):  # it shared its kernel with one that has ended
            ask(lab, f"sessions/{session['id']}", "DELETE")
    assert ask(lab, "kernels") == []


def opened(page, lab):
    page.goto(f"{lab.url}/lab/tree/notebooks/views.ipynb?token=a-token-for-this-test&reset")
    page.locator(".jp-NotebookPanel").wait_for(timeout=120_000)


def kept(path):
    """Return the pages that a saved notebook holds, one for each view."""
    outputs = [output for cell in json.loads(path.read_text())["cells"] for output in cell.get("outputs", [])]
    data = [output["data"] for output in outputs if VIEW in output.get("data", {})]
    return ["".join(each["text/html"]) for each in data]


def saved(page, path, condition):
    """Save the notebook until its file is as it should be."""
    deadline = time.monotonic() + 60
    while True:
        page.locator(".jp-NotebookPanel .jp-InputPrompt").first.click()
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1_000)
        with suppress(ValueError):  # it is being written just now
            if condition(kept(path)):
                return
        assert time.monotonic() < deadline


def texts(page, pages):
    """Return what a reader reads in each page, without its spaces."""
    found = page.evaluate(
        "all => all.map(one => new DOMParser().parseFromString(one, 'text/html').body.textContent)", pages
    )
    return [re.sub(r"\s+", "", each) for each in found]


def all_there(page, path, outputs=".auditlab-ShownView"):
    """Every view of the notebook is seen as its file holds it, with its pictures."""
    shown = page.locator(outputs)
    expect(shown).to_have_count(len(SHOWN), timeout=120_000)
    pages = kept(path)
    for number, (name, text, html) in enumerate(zip(SHOWN, texts(page, pages), pages, strict=True)):
        view = shown.nth(number)
        view.scroll_into_view_if_needed()
        expect(view).to_be_visible()
        assert re.sub(r"\s+", "", view.text_content()).startswith(text), name
        drawn = view.locator("img").evaluate_all("all => all.filter(one => one.naturalWidth > 100).length")
        assert drawn == html.count("data:image/svg+xml;base64,"), name
        assert view.bounding_box()["height"] > 60, name
        expect(view.get_by_text(re.compile("Error displaying widget|Loading widget"))).not_to_be_visible()


def nobody_has_its_models(page, watch):
    """Jupyter's own widgets say of each view that its kernel has ended, two seconds after they looked for its model."""
    words = ("console error", "widget model not found", "jupyterlab-manager")
    deadline = time.monotonic() + 60
    while sum(all(word in each for word in words) for each in watch.complaints) < len(SHOWN):
        assert time.monotonic() < deadline, watch.complaints
        page.wait_for_timeout(200)
    assert watch.excuse(*words) == len(SHOWN)


def test_every_view_that_there_is_is_opened_again():
    views = {name for _, name in viewing._VIEWS.values()}
    assert set(SHOWN) == views | {"DecisionView", "AttributionView"}


def test_saved_closed_and_opened_without_a_kernel_every_view_is_there(views, lab, watch, page):
    watch.follow(page)
    opened(page, lab)
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=120_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    live = page.locator(".auditlab-ShownView:has(> .widget-vbox), .auditlab-ShownView:has(.widget-vbox)")
    expect(live).to_have_count(len(SHOWN), timeout=600_000)

    # What is chosen in a live view is what the saved notebook shows.
    drift = live.last
    drift.get_by_label("Column", exact=True).select_option("purpose")
    expect(drift.get_by_role("heading", name="purpose over time")).to_be_visible(timeout=60_000)
    saved(page, views, lambda pages: len(pages) == len(SHOWN) and "purpose over time" in pages[-1])
    assert "widgets" not in json.loads(views.read_text())["metadata"]

    shut_down(lab)
    opened(page, lab)
    expect(page.get_by_role("button", name="Python 3 (ipykernel) | Idle")).to_be_visible(timeout=120_000)
    all_there(page, views)
    nobody_has_its_models(page, watch)

    shut_down(lab)
    notebook = json.loads(views.read_text())
    notebook["metadata"] = {}
    views.write_text(json.dumps(notebook))
    opened(page, lab)
    page.get_by_role("dialog").get_by_role("combobox").select_option(label="No Kernel")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    # Its file was changed past Jupyter, which so trusts it no longer and shows the static rendering, cleaned.
    all_there(page, views, ".jp-RenderedHTMLCommon.jp-OutputArea-output")
    assert ask(lab, "kernels") == []

"""The page of a lineage in a browser: it loads nothing, runs nothing of a log, and can be pointed at."""

from __future__ import annotations

import pytest

from audit_lab import charts
from audit_lab.replay.lineage.edges import Edge
from audit_lab.replay.lineage.graph import LineageGraph, node_of

pytestmark = pytest.mark.browser

ATTACK = "</script><script>document.title = 'OWNED'</script><img src=x onerror=\"document.title='OWNED'\">"


@pytest.fixture
def opened(browser, tmp_path):
    """Return the page of a small lineage, what it asked for, and what it complained about."""
    nodes = (node_of("model:loans@1", {"note": ATTACK}), node_of("run:r-1"), node_of(f"dataset:{ATTACK}"))
    edges = (Edge("model:loans@1", "wasGeneratedBy", "run:r-1"), Edge("run:r-1", "used", f"dataset:{ATTACK}"))
    graph = LineageGraph("model:loans@1", "tests/loans", nodes, edges, (), ())
    path = tmp_path / "lineage.html"
    path.write_text(charts.interactive_html(charts.lineage_graph(*graph.to_frames(), subtitle=ATTACK), "Lineage"))
    page = browser.new_page(viewport={"width": 1200, "height": 500})
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector("#chart svg")
    yield page, asked, complaints
    page.close()


def faded(page):
    return page.locator('#chart svg [opacity="0.12"]').count()


def test_the_page_loads_only_itself_and_nothing_of_the_log_runs(opened):
    page, asked, complaints = opened
    page.wait_for_timeout(500)
    assert (len(asked), complaints, page.title()) == (1, [], "Lineage")


def test_what_the_pointer_is_on_stands_out_with_its_neighbours(opened):
    page, _, _ = opened
    assert faded(page) == 0
    page.get_by_text("loans@1", exact=True).hover(force=True)  # a sheet of glass lies over the words
    page.wait_for_function("document.querySelectorAll('#chart svg [opacity=\"0.12\"]').length > 0")
    page.mouse.move(5, 490)
    page.wait_for_function("document.querySelectorAll('#chart svg [opacity=\"0.12\"]').length === 0")

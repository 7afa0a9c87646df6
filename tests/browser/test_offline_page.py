"""The pages of an exported bundle, opened from a disk with neither scripts nor a network, show all there is."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from accessibility import violations

from audit_lab.evidence import demonstration_key, export_notebook

pytestmark = pytest.mark.browser

STORY = Path(__file__).parents[2] / "notebooks" / "01_investigate_an_incident.ipynb"

#: The pictures in a page: how wide each was decoded, whether it has words for those who cannot see it.
PICTURES = """
    () => Promise.all([...document.images].map(async image => {
        await image.decode().catch(() => null);
        return [image.naturalWidth, image.getBoundingClientRect().width, image.alt];
    }))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Export the incident notebook and unpack the bundle."""
    folder = tmp_path_factory.mktemp("offline")
    key = demonstration_key(folder / "demonstration-key").key
    with zipfile.ZipFile(export_notebook(STORY, folder, key=key)) as archive:
        archive.extractall(folder / "bundle")
    return folder / "bundle"


@pytest.fixture
def offline(browser):
    """Return a page without scripts and network, and the record of what it asked for."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1200, "height": 900})
    context.set_offline(True)
    asked = []

    def answer(route):
        asked.append(route.request.url)
        if urlsplit(route.request.url).scheme == "file":
            route.continue_()
        else:
            route.abort()

    context.route("**/*", answer)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    yield page, asked
    context.close()


def charts(notebook):
    """Count the pictures that the executed notebook's outputs hold, by what Jupyter calls their kinds."""
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    drawn = sum("image/svg+xml" in data for data in outputs)
    views = sum("".join(data.get("text/html", "")).count("<img ") for data in outputs)
    return drawn, views


def test_every_chart_of_the_notebook_is_drawn(offline, bundle):
    page, asked = offline
    page.goto((bundle / "data" / "notebook" / "investigation.html").as_uri())
    executed = json.loads((bundle / "data" / "notebook" / "investigation.ipynb").read_text())
    assert charts(executed) == (4, 2)
    pictures = page.evaluate(PICTURES)
    assert len(pictures) == 6
    assert [alt for wide, shown, alt in pictures if wide == 0 or shown < 200] == []
    assert [alt for _, _, alt in pictures if not alt] == []
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data"}
    assert page.get_by_text("Carrier US was last seen on 2015-06-30").count() >= 1


def test_the_page_that_is_read_first_is_complete(offline, bundle):
    page, asked = offline
    page.goto((bundle / "data" / "README.html").as_uri())
    exhibits = json.loads((bundle / "data" / "investigation.json").read_text())["exhibits"]
    drawn = [exhibit for exhibit in exhibits if exhibit["kind"] == "chart"]
    pictures = page.evaluate(PICTURES)
    assert len(pictures) == len(drawn) == 3
    assert [alt for wide, shown, alt in pictures if wide == 0 or shown < 200] == []
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data"}
    assert page.get_by_text("this shows how evidence looks and proves nothing").count() >= 1


@pytest.mark.parametrize("name", ["data/README.html", "data/notebook/investigation.html"])
def test_a_page_runs_nothing_and_links_nowhere_that_loads(offline, bundle, name):
    page, _ = offline
    page.goto((bundle / name).as_uri())
    assert page.locator("script, iframe, object, embed, link, form, [onload], [onerror], [onclick]").count() == 0
    sources = page.locator("img").evaluate_all("all => all.map(one => one.src.slice(0, 14))")
    assert set(sources) == {"data:image/svg"}


def test_a_picture_that_is_broken_or_from_the_network_would_be_noticed(offline, tmp_path):
    page, asked = offline
    broken = (
        '<img alt="broken" src="data:image/svg+xml;base64,AAAA"><img alt="elsewhere" src="https://example.org/a.png">'
    )
    (tmp_path / "page.html").write_text(broken)
    page.goto((tmp_path / "page.html").as_uri())
    assert [(wide, alt) for wide, _, alt in page.evaluate(PICTURES)] == [(0, "broken"), (0, "elsewhere")]
    assert "https://example.org/a.png" in asked


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", ["README.html", "verify.html", "notebook/investigation.html"])
def test_a_page_can_be_read_by_everybody(page, bundle, name, colours):
    page.emulate_media(color_scheme=colours)
    page.goto((bundle / "data" / name).as_uri())
    assert violations(page) == {}

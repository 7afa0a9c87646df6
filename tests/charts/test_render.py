from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise

import altair as alt
import pytest

from audit_lab import charts
from audit_lab.charts.theme import CATEGORIES, VERDICTS

ADDRESS = re.compile(r"""(?:https?:)?//[^\s"'<>]+""")


@pytest.fixture
def picture():
    return charts.score_against_threshold(0.7, 0.5)


def lightness(colour):
    """Return the relative luminance of a colour: WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_png_is_one_and_twice_the_same(picture):
    drawn = charts.png(picture)
    assert drawn.startswith(b"\x89PNG")
    assert charts.png(picture) == drawn


def test_an_svg_is_twice_the_same_whatever_was_drawn_between(picture):
    drawn = charts.svg(picture)
    charts.svg(charts.score_against_threshold(0.1, 0.9))
    assert charts.svg(picture) == drawn


def test_two_pictures_share_no_ids(picture):
    first, second = charts.svg(picture), charts.svg(charts.score_against_threshold(0.1, 0.9))
    ids = [set(re.findall(r'\bid="([^"]+)"', drawn)) for drawn in (first, second)]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", first)) <= ids[0]


def test_an_svg_names_no_address_but_its_namespaces(picture):
    assert set(ADDRESS.findall(charts.svg(picture))) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


def test_a_notebook_gets_an_svg_and_nothing_that_loads(picture):
    with alt.renderers.enable("default"):
        charts.enable_offline()
        bundle = picture._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml"}
    assert bundle["image/svg+xml"] == charts.svg(picture)


def test_a_renderer_that_the_user_chose_is_left_alone():
    with alt.renderers.enable("png"):
        charts.score_against_threshold(0.7, 0.5)
        assert alt.renderers.active == "png"


def test_the_package_is_imported_without_altair():
    code = "import sys, audit_lab.charts; sys.exit('altair' in sys.modules or 'vl_convert' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_verdicts_differ_in_lightness_and_shape():
    light = sorted(lightness(colour) for colour, _ in VERDICTS.values())
    assert all((high + 0.05) / (low + 0.05) > 1.2 for low, high in pairwise(light))
    assert len({shape for _, shape in VERDICTS.values()}) == len(VERDICTS)


def test_neighbouring_categories_differ_in_lightness():
    light = [lightness(colour) for colour in CATEGORIES]
    assert all(max(pair) + 0.05 > 1.3 * (min(pair) + 0.05) for pair in pairwise(light))

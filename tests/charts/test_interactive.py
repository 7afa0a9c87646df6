from __future__ import annotations

import re

import pytest

from audit_lab import charts
from audit_lab.charts.interactive import interactive_html

ATTACK = "</script><script>alert(1)</script>\u2028<!--"


@pytest.fixture(scope="module")
def written():
    chart = charts.score_against_threshold(0.7, 0.5, positive=ATTACK, subtitle=ATTACK)
    return interactive_html(chart, ATTACK)


def test_the_page_loads_nothing(written):
    assert "default-src &#x27;none&#x27;" in written
    outside = re.sub(r"(?s)<script>.*?</script>", "", written)  # Vega's own code writes elements too
    assert not re.search(r"\b(?:src|href)\s*=", outside)
    assert "<script>" not in outside


def test_no_text_ends_the_script_or_begins_another(written):
    assert written.count("<script>") == written.count("</script>") == 2
    assert "alert(1)</script>" not in written
    assert "<title>&lt;/script&gt;&lt;script&gt;alert(1)" in written
    assert "\u2028<!--" not in written.rpartition("</head>")[2]


def test_the_page_is_twice_the_same_for_the_same_chart():
    chart = charts.score_against_threshold(0.7, 0.5)
    assert interactive_html(chart) == interactive_html(chart)


def test_what_xml_cannot_hold_is_shown_by_its_number():
    assert "U+001B" in interactive_html(charts.score_against_threshold(0.7, 0.5, subtitle="\x1b"))

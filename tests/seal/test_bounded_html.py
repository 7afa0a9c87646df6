"""What shows itself in a notebook is small enough for a browser, and says what is cut."""

from __future__ import annotations

import html

from audit_lab.seal.bounded_html import bounded_html
from audit_lab.seal.hidden_letters import spelling, spelling_text


def test_what_is_small_stays():
    shown = f"<p>{'x' * 100_000}</p>"
    assert bounded_html(shown) is shown


def test_a_long_text_is_cut_and_the_tags_stay():
    picture = f'<img alt="a > b" src="data:{"x" * 10_000}">'
    shown = bounded_html(f"<ul><li>short</li><li>{'x' * 10_000_000}</li></ul>{picture}")
    assert shown == (
        f"<ul><li>short</li><li>{'x' * 2_000}\N{HORIZONTAL ELLIPSIS} (cut: 2,000 of 10,000,000 characters)</li></ul>"
        f"{picture}"
    )


def test_no_reference_is_cut_in_two():
    for before in range(6):
        shown = bounded_html(f"<p>{'x' * before}{html.escape('<script>' * 500_000)}</p>")
        assert html.unescape(shown[3:].partition("\N{HORIZONTAL ELLIPSIS}")[0]).strip("x").rstrip("<script>") == ""
        assert "&lt\N{HORIZONTAL ELLIPSIS}" not in shown


def test_very_many_short_texts_are_said_and_not_sent():
    shown = bounded_html("<p>a row</p>" * 1_000_000)
    assert shown.startswith("<p>This has 12,000,000 characters, more than a notebook is sent")


def test_what_shows_itself_in_a_notebook_is_bounded():
    class Said:
        @spelling_text
        def __repr__(self):
            return "x" * 10_000_000

        @spelling
        def _repr_html_(self):
            return f"<p>{'x' * 10_000_000}</p>"

    assert len(Said()._repr_html_()) < 3_000
    assert repr(Said()).endswith("(cut: 50,000 of 10,000,000 characters)")

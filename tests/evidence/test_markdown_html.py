"""Markdown of a notebook: what is shown, and which pictures."""

from __future__ import annotations

import pytest

from audit_lab.evidence.markdown_html import code_html, markdown_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A *b*", '<h1 id="A-b">A <em>b</em></h1>\n'),
        ("from $5 to $6_a_ and $x_1$", "<p>from $5 to $6_a_ and $x_1$</p>\n"),
        ("$$\ny_1 < z\n$$", "<p>$$y_1 &lt; z$$</p>\n"),
        ("~~gone~~", "<p><del>gone</del></p>\n"),
        ("```sh\nls <b>\n```", "<pre>ls &lt;b&gt;\n</pre>\n"),
        ("| a |\n|---|\n| 1 |", "<table>\n<thead>\n<tr>\n  <th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n  <td>1</td>\n"),
        ("</div></div>text", "text\n"),
    ],
)
def test_what_markdown_shows(text, html):
    assert markdown_html(text, {}).startswith(html)


def test_python_in_markdown_is_marked_as_code_is():
    assert code_html("x = 1\n") in markdown_html("```python\nx = 1\n```", {})


@pytest.mark.parametrize(
    ("kinds", "source"),
    [
        ({"image/png": "AA\nAA"}, "data:image/png;base64,AAAA"),
        ({"image/svg+xml": "<svg/>", "image/png": "AAAA"}, "data:image/svg+xml;base64,PHN2Zy8+"),
    ],
)
def test_an_attached_picture_stands_in_the_page(kinds, source):
    assert f'src="{source}"' in markdown_html("![alt](attachment:a.png)", {"a.png": kinds})


def test_an_attachment_that_is_missing_is_said_to_be():
    assert "was left out" in markdown_html("![alt](attachment:b.png)", {"a.png": {"image/png": "AAAA"}})

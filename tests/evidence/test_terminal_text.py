"""A terminal's colours as HTML."""

from __future__ import annotations

import pytest

from audit_lab.evidence.terminal_text import terminal_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b & 'c'", "a &lt; b &amp; 'c'"),
        ("\x1b[0;31mred\x1b[0m plain", '<span class="ansi-red-fg">red</span> plain'),
        ("\x1b[1;92mA\x1b[39mb", '<span class="ansi-green-fg ansi-bold">A</span><span class="ansi-bold">b</span>'),
        ("\x1b[38;5;241mgrey\x1b[0m", "grey"),
        ("\x1b[2Kgone\x1b]0;title\x07 \x1b]8;;file:///x\x1b\\link", "gone link"),
        ("\x1b[31m<b>\x1b", '<span class="ansi-red-fg">&lt;b&gt;</span>'),
        ("\x1b[99999999999999999999m.", "."),
    ],
)  # fmt: skip
def test_what_a_terminal_would_show(text, html):
    assert terminal_html(text) == html

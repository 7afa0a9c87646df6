"""HTML that a browser can hold: a text in it that is too long to be read is cut, and says so."""

from __future__ import annotations

import re

__all__ = ["bounded_html"]

#: A notebook sends what shows itself beside its plain text; together they stay below 2 MB.
_LARGEST, _LONGEST = 900_000, 2_000
#: A tag, whose values in quotes may hold anything, or a long text between tags.
_TAG_OR_TEXT = re.compile(rf"""<(?:"[^"]*"|'[^']*'|[^"'>])*>|[^<]{{{_LONGEST + 1},}}""")
_HALF_A_REFERENCE = re.compile(r"&[#0-9A-Za-z]{0,8}\Z")


def bounded_html(html: str) -> str:
    """Return HTML of at most 900,000 characters: itself, or with its long texts cut, or what says that it is too large.

    `html` has no ``<`` that begins no tag.
    """
    if len(html) <= _LARGEST:
        return html
    short = _TAG_OR_TEXT.sub(_cut, html)
    if len(short) <= _LARGEST:
        return short
    return (
        f"<p>This has {len(html):,} characters, more than a notebook is sent: its frames, or to_dict(), have all.</p>"
    )


def _cut(found: re.Match[str]) -> str:
    text = found[0]
    if text.startswith("<"):
        return text
    begun = _HALF_A_REFERENCE.sub("", text[:_LONGEST])
    return f"{begun}\N{HORIZONTAL ELLIPSIS} (cut: {_LONGEST:,} of {len(text):,} characters)"

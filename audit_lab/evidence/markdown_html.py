"""Markdown of a notebook as HTML: pictures from the cell's attachments, mathematics as it was written."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.html_cleaning import clean_html

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["code_html", "make_ready", "markdown_html", "uncleaned_html"]

_PLUGINS = ("strikethrough", "table", "url", "math")
_PYTHON = frozenset({"python", "python3", "py", "ipython", "ipython3"})
#: A drawing before a picture, one without loss before one with.
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")
_TAG = re.compile(r"<[^>]*>")
#: What most notebooks have in them.
_USUAL = """# Title

*text* [link](#a) `code`

| a |
|---|
| b |

```python
from a import b
b("c", d=1)  # e
```
"""


def code_html(source: str) -> str:
    """Return Python code with its parts marked for the stylesheet."""
    return _highlighter()(source)


def make_ready() -> None:
    """Load and compile what most notebooks will need, while there is time for it."""
    markdown_html(_USUAL, {})


def markdown_html(text: str, attachments: Mapping[str, Mapping[str, str]]) -> str:
    """Return Markdown (CommonMark, and tables) as cleaned HTML.

    Parameters
    ----------
    text
        The Markdown.
    attachments
        Pictures that it may show, by name, then by kind: SVG as text, others as base64.
    """
    return clean_html(uncleaned_html(text, attachments))


def uncleaned_html(text: str, attachments: Mapping[str, Mapping[str, str]]) -> str:
    """Return the same as `markdown_html` before it is cleaned: to be looked into, and never to be shown."""
    return str(_converter()(_with_pictures(text, attachments)))


def _with_pictures(text: str, attachments: Mapping[str, Mapping[str, str]]) -> str:
    """Return Markdown whose links to attached pictures are the pictures."""
    for name, kinds in attachments.items():
        kind = next((kind for kind in _PICTURES if kind in kinds), None)
        if kind is not None:
            text = text.replace(f"](attachment:{name})", f"](data:{kind};base64,{_base64(kinds[kind])})")
    return text


def _base64(content: str) -> str:
    """Return a picture's base64 without its line breaks; a drawing stands in a notebook as it is."""
    drawn = content.lstrip().startswith("<")
    return base64.b64encode(content.encode()).decode() if drawn else "".join(content.split())


@cache
def _highlighter() -> Callable[[str], str]:
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers.python import PythonLexer  # type: ignore[import-untyped]

    lexer, formatter = PythonLexer(), HtmlFormatter()
    return lambda source: str(highlight(source, lexer, formatter))


@cache
def _converter() -> Callable[[str], Any]:
    import mistune

    class Renderer(mistune.HTMLRenderer):
        """Shows mathematics as text, marks Python code, and gives headings a name to link to."""

        def block_code(self, code: str, info: str | None = None) -> str:
            """Return a block of code."""
            language = (info or "").strip().partition(" ")[0].lower()
            return code_html(code) if language in _PYTHON else f"<pre>{escape(code, quote=False)}</pre>\n"

        def heading(self, text: str, level: int, **_: Any) -> str:
            """Return a heading."""
            name = escape(unescape(_TAG.sub("", text)).strip().replace(" ", "-"))
            return f'<h{level} id="{name}">{text}</h{level}>\n'

        def block_math(self, text: str) -> str:
            """Return displayed mathematics."""
            return f"<p>$${escape(text, quote=False)}$$</p>\n"

        def inline_math(self, text: str) -> str:
            """Return mathematics in a line."""
            return f"${escape(text, quote=False)}$"

    return mistune.create_markdown(
        renderer=Renderer(escape=False, allow_harmful_protocols=["data:image/"]), plugins=_PLUGINS
    )

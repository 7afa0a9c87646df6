"""What a notebook would fetch from outside itself when a program shows it: pictures, frames, styles.

What stands elsewhere is under nobody's signature: it can change, vanish, or tell its owner who reads the notebook.
Links that a reader follows on purpose are none of it, and neither is what a script would fetch: the page holds no
script, and Jupyter runs none of a notebook that it does not trust.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from audit_lab.evidence.markdown_html import uncleaned_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.evidence.notebook_document import ShownCell

__all__ = ["outside_addresses"]

_TAG = re.compile(
    r"<(?P<name>img|image|use|script|iframe|frame|link|base|object|embed|video|audio|source|track|input|body|table|td)\b"
    r"(?P<rest>[^>]*)>",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"(?P<name>src|srcset|poster|data|background|href)\s*=\s*(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)'|(?P<c>[^\s>\"']+))",
    re.IGNORECASE,
)
#: What a stylesheet loads.
_STYLE = re.compile(r"(?:url\(|@import)\s*[\"']?\s*(?P<address>[^\"')\s;]+)", re.IGNORECASE)
_STYLES = re.compile(
    r"<style\b[^>]*>(?P<sheet>.*?)</style|<[^>]*\bstyle\s*=\s*(?:\"(?P<a>[^\"]*)\"|'(?P<b>[^']*)')",
    re.IGNORECASE | re.DOTALL,
)
_INSIDE = re.compile(r"\s*(?:data:|attachment:|about:|blob:|#|$)", re.IGNORECASE)
_SHOWN_AS_HTML = ("text/html", "image/svg+xml")
_SHOWN_AS_MARKDOWN = "text/markdown"
_MARKDOWN = "markdown"


def outside_addresses(cells: Iterable[ShownCell]) -> list[tuple[int, str]]:
    """Return what each cell would fetch, as its number (from 1) and the address; each once, in order.

    Parameters
    ----------
    cells
        The notebook's cells; text, outputs as HTML, SVG and Markdown are looked into.
    """
    found = [
        (number, address)
        for number, cell in enumerate(cells, start=1)
        for html in _html_of(cell)
        for address in _fetched(html)
    ]
    return list(dict.fromkeys(found))


def _html_of(cell: ShownCell) -> Iterator[str]:
    if cell.kind == _MARKDOWN:
        yield uncleaned_html(cell.source, cell.attachments)
    for output in cell.outputs:
        for kind, content in output.data.items():
            if kind in _SHOWN_AS_HTML:
                yield content
            elif kind == _SHOWN_AS_MARKDOWN:
                yield uncleaned_html(content, {})


def _fetched(html: str) -> Iterator[str]:
    for tag in _TAG.finditer(html):
        for attribute in _ATTRIBUTE.finditer(tag["rest"]):
            value = unescape(next(part for part in attribute.group("a", "b", "c") if part is not None))
            if not _INSIDE.match(value):
                yield value.strip()
    for styles in _STYLES.finditer(html):
        sheet = next(part for part in styles.group("sheet", "a", "b") if part is not None)
        for loaded in _STYLE.finditer(unescape(sheet)):
            if not _INSIDE.match(loaded["address"]):
                yield loaded["address"]

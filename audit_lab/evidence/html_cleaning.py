"""HTML from a stranger, made safe to show: text, tables and pictures stay, whatever acts or loads goes."""

from __future__ import annotations

import base64
import re
from html import escape, unescape
from itertools import zip_longest
from typing import TYPE_CHECKING

from audit_lab.case.inert_svg import inert_svg
from audit_lab.errors import MisuseError
from audit_lab.seal.hidden_letters import spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WIDE_FROM_COLUMNS", "clean_html", "has_visible_content", "is_wide", "picture_html", "with_long_words"]

#: A table of so many columns is printed on a page across: upright, as many of the least width do not fit.
WIDE_FROM_COLUMNS = 8

_TAG_NAMES = """
a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2
h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot
th thead time tr u ul var wbr
"""
_TAGS = frozenset(_TAG_NAMES.split())
_ATTRIBUTES = {
    "*": {"class", "style", "title", "lang", "dir", "id", "role", "align", "valign"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "time": {"datetime"},
    "col": {"span", "width"},
}
_STYLE_NAMES = """
background-color border border-bottom border-collapse border-color border-left border-radius border-right
border-spacing border-style border-top border-width color display flex flex-direction flex-wrap font-family font-size
font-style font-variant-numeric font-weight gap grid-template-columns height justify-content letter-spacing
line-height list-style-type margin margin-bottom margin-left margin-right margin-top max-height max-width min-width
opacity overflow overflow-x padding padding-bottom padding-left padding-right padding-top text-align text-decoration
text-transform vertical-align white-space width word-break
"""
_STYLES = frozenset(_STYLE_NAMES.split())
_REMOVED_WITH_CONTENT = {"script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math", "title"}
_LINK = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_ADDRESS_IN_STYLE = re.compile(r"url\s*\(|expression|@import|\\", re.IGNORECASE)
_SVG = re.compile(r"<svg\b.*?</svg\s*>", re.IGNORECASE | re.DOTALL)
_NAMESPACE = re.compile(r"\sxmlns\s*=", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)</title>|aria-label=\"([^\"]*)\"", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[^>]*>")
_ROW, _CELL = re.compile(r"<tr\b.*?(?=<tr\b|\Z)", re.DOTALL), re.compile(r"<t[dh]\b")
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
#: A cell's name, attributes and content, up to its end or to a table in it.
_WHOLE_CELL = re.compile(r"""<(t[dh])((?:"[^"]*"|[^">])*)>(.*?)(?=</t[dh]>|<t[dh]\b|<table\b)""", re.DOTALL)
_TAG_OR_UNDERSCORE = re.compile(r"<[^>]*>|_")
#: So many letters of a table fit side by side on a page upright, and on one across; a border takes the room of two.
_UPRIGHT, _ACROSS, _BORDER, _FEWEST_LETTERS = 102, 172, 2, 5
#: What is left of a picture whose address was taken away.
_NO_SOURCE = re.compile(r"<img(?![^>]* src=)[^>]*>")
_PICTURE_OMITTED = '<em class="omitted">A picture that does not stand in this page was left out.</em>'


def clean_html(text: str) -> str:
    """Return a fragment in which nothing can run, load or lead anywhere but to a page that the reader clicks."""
    import nh3

    cleaned: str = nh3.clean(
        _SVG.sub(lambda match: picture_html(match.group()), text),
        tags=set(_TAGS),
        clean_content_tags=_REMOVED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_kept_attribute,
        filter_style_properties=set(_STYLES),
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )
    return _NO_SOURCE.sub(_PICTURE_OMITTED, cleaned)


def has_visible_content(text: str) -> bool:
    """Whether a cleaned fragment shows anything."""
    return "<img" in text or bool(unescape(_ANY_TAG.sub("", text)).strip())


def is_wide(text: str) -> bool:
    """Whether a cleaned fragment has a table that is too wide for an upright page."""
    rows = _ROW.finditer(text)
    return any(sum(1 for _ in _CELL.finditer(row.group())) >= WIDE_FROM_COLUMNS for row in rows)


def with_long_words(text: str) -> str:
    """Return a cleaned fragment whose tables say where a printed page may break words that it has no room for.

    That is after an underscore, and where that does not suffice anywhere in the cells that are marked; other words stay
    whole.
    """
    return _TABLE.sub(_broken_table, text)


def _broken_table(table: re.Match[str]) -> str:
    rows = [[_words(cell[3]) for cell in _WHOLE_CELL.finditer(row.group())] for row in _ROW.finditer(table[0])]
    columns = [max(map(_longest_part, cells)) for cells in zip_longest(*rows, fillvalue=[])]
    most = _most_letters(columns)

    def broken(cell: re.Match[str]) -> str:
        name, attributes, content = cell.groups()
        words = _words(content)
        if max(map(len, words), default=0) <= most:
            return cell[0]
        if _longest_part(words) > most:
            attributes = (
                attributes.replace('class="', 'class="long ', 1)
                if 'class="' in attributes
                else f'{attributes} class="long"'
            )
        content = _TAG_OR_UNDERSCORE.sub(lambda found: found[0] if found[0] != "_" else "_<wbr>", content)
        return f"<{name}{attributes}>{content}"

    return _WHOLE_CELL.sub(broken, table[0])


def _most_letters(columns: Sequence[int]) -> int:
    """Return of how many letters a word may be that stays whole, by the longest of each column."""
    room = _ACROSS if len(columns) >= WIDE_FROM_COLUMNS else _UPRIGHT
    for most in range(max(columns, default=0), _FEWEST_LETTERS, -1):
        if sum(min(letters, most) + _BORDER for letters in columns) <= room:
            return most
    return _FEWEST_LETTERS


def _words(content: str) -> list[str]:
    return unescape(_ANY_TAG.sub(" ", content)).split()


def _longest_part(words: Sequence[str]) -> int:
    return max((len(part) for word in words for part in word.replace("_", "_ ").split()), default=0)


def picture_html(svg: str) -> str:
    """Return an SVG as an ``<img>``: in an image, a browser runs no script and loads nothing."""
    if not _NAMESPACE.search(svg.partition(">")[0]):
        svg = re.sub(r"<svg\b", '<svg xmlns="http://www.w3.org/2000/svg"', svg, count=1, flags=re.IGNORECASE)
    try:
        picture = inert_svg(svg)
    except MisuseError:
        return _PICTURE_OMITTED
    picture = spelled(picture)
    title = _TITLE.search(picture)
    words = unescape((title.group(1) or title.group(2) or "") if title else "").strip() or "Chart"
    return f'<img alt="{escape(words)}" src="data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}">'


def _kept_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "href":
        return value if _LINK.match(value) else None
    if attribute == "src":
        return value if tag == "img" and _PICTURE.fullmatch(value) else None
    if attribute == "style" and _ADDRESS_IN_STYLE.search(value):
        return None
    return value

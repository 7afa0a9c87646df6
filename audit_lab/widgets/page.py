"""Pieces of static HTML: everything that comes from a log is escaped here, pictures stand inside the page."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from audit_lab.seal.hidden_letters import spelled, spelled_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "badge",
    "choice",
    "cut",
    "drawn_short",
    "exact",
    "facts",
    "listed",
    "moment",
    "note",
    "page",
    "paragraph",
    "picture",
    "section",
    "shown",
    "table",
]

#: Looks stand at each element, because an export keeps no style sheet of an output.
_LINE = "1px solid rgba(128,128,128,0.25)"
_PAGE = (
    "font-family: Liberation Sans, Arial, Helvetica, sans-serif; font-size: 13px; line-height: 1.45; max-width: 900px"
)
_HEADING = f"font-size: 13px; font-weight: 600; margin: 18px 0 6px; padding-bottom: 3px; border-bottom: {_LINE}"
_TABLE = "border-collapse: collapse; margin: 4px 0; font-size: 13px"
_CELL = (
    f"text-align: left; vertical-align: top; padding: 3px 16px 3px 0; border: 0; border-top: {_LINE}; max-width: 420px"
)
_HEAD = (
    f"text-align: left; vertical-align: top; padding: 3px 16px 3px 0; border: 0; font-weight: 600; border-top: {_LINE}"
)
_NUMBER = _CELL.replace("text-align: left", "text-align: right") + "; font-variant-numeric: tabular-nums"
_WRAPPED = f"{_CELL}; word-break: break-word"
_NOTE = "margin: 8px 0; padding: 6px 12px"
_NOTE_GOOD = f"{_NOTE}; border-left: 4px solid #0b5cad; background-color: rgba(11,92,173,0.08)"
_NOTE_BAD = f"{_NOTE}; border-left: 4px solid #9e1b32; background-color: rgba(158,27,50,0.08)"
_BADGE = "display: inline-block; padding: 2px 12px; border-radius: 11px; font-size: 16px; font-weight: 600"
_BADGE_COLOURS = "color: #ffffff; background-color: #1f2933"

#: So many characters of one text are shown; a value of a log may have millions, which no browser need be sent.
_LONGEST, _LONGEST_BADGE, _LONGEST_CHOICE = 2_000, 200, 200
#: Where the cells of a table come to more than so many characters, each is cut down to its share of them.
_LONGEST_TABLE, _SHORTEST_CELL = 200_000, 40
#: So many bytes a page may have: half of what a view may send, which sends it twice, live and static.
_LARGEST_PAGE = 900_000
_LARGEST_PICTURE = 600_000
#: So many characters of one text are drawn in a picture.
_LONGEST_DRAWN = 1_000
_LINES, _MOST_LINES = frozenset({"subtitle", "text", "title"}), 12
#: What of a specification is no text, and is left as it is.
_NO_TEXT = frozenset({"$schema", "calculate", "expr", "filter", "labelExpr", "signal", "test"})
_LEFT_OUT = "What follows is left out here, since this page would be too large: the code of this view has all of it."


def page(parts: Iterable[str]) -> str:
    """Return one block of HTML with its own looks; the parts are HTML already.

    Parts that would make it too large are left out, which it says. Characters that nobody sees are named.
    """
    kept, left = [], _LARGEST_PAGE
    for part in parts:
        left -= len(part.encode())
        if left < 0:
            kept.append(note(_LEFT_OUT, bad=True))
            break
        kept.append(part)
    return f'<div style="{_PAGE}">{spelled_html("".join(kept))}</div>'


def section(title: str, body: str) -> str:
    """Return a titled part; nothing if the body is empty."""
    return f'<h3 style="{_HEADING}">{escape(cut(title))}</h3>{body}' if body else ""


def paragraph(text: str) -> str:
    """Return a paragraph; nothing if there is no text."""
    return f'<p style="margin: 4px 0">{escape(cut(text))}</p>' if text else ""


def note(text: str, *, bad: bool = False) -> str:
    """Return a statement that stands out; `bad` for one that says that something is amiss."""
    return f'<div style="{_NOTE_BAD if bad else _NOTE_GOOD}">{escape(cut(text))}</div>'


def badge(text: str) -> str:
    """Return a few words as a label."""
    return f'<span style="{_BADGE}; {_BADGE_COLOURS}">{escape(cut(text, _LONGEST_BADGE))}</span>'


def listed(lines: Sequence[str]) -> str:
    """Return a list of sentences; nothing if there are none."""
    items = "".join(f'<li style="margin: 2px 0">{escape(cut(line))}</li>' for line in lines)
    return f'<ul style="margin: 4px 0; padding-left: 20px">{items}</ul>' if lines else ""


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as a table of two columns; those without a value are left out."""
    rows = [(name, shown(value)) for name, value in pairs if value is not None and value not in ("", [], ())]
    cells = "".join(
        f'<tr><th style="{_HEAD}">{escape(name)}</th><td style="{_WRAPPED}">{escape(cut(text))}</td></tr>'
        for name, text in rows
    )
    return f'<table style="{_TABLE}"><tbody>{cells}</tbody></table>' if rows else ""


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Return rows as a table; `columns` maps a row's keys to their headings. Nothing if there are no rows.

    Texts that are too long are cut, and say so.
    """
    if not rows:
        return ""
    head = "".join(f'<th style="{_HEAD}">{escape(heading)}</th>' for heading in columns.values())
    cells = [[(value, shown(value)) for value in (row.get(name) for name in columns)] for row in rows]
    is_too_large = sum(min(len(text), _LONGEST) for row in cells for _, text in row) > _LONGEST_TABLE
    most = max(_LONGEST_TABLE // (len(rows) * len(columns)), _SHORTEST_CELL) if is_too_large else _LONGEST
    body = "".join(f"<tr>{''.join(_cell(value, cut(text, most)) for value, text in row)}</tr>" for row in cells)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def picture(chart: Any, alternative: str) -> str:
    """Return a chart as an image inside the page: an SVG that can neither run a script nor load anything.

    Texts of millions of characters are cut before they are drawn, which would take minutes.
    """
    from audit_lab.charts.render import svg

    spec = chart if isinstance(chart, dict) else chart.to_dict()
    short = drawn_short(spec)
    encoded = base64.b64encode(svg(chart if short is spec else short).encode()).decode("ascii")
    if len(encoded) > _LARGEST_PICTURE:
        return paragraph("The picture is too large to be sent to a browser: the code of this view draws it.")
    looks = "display: block; max-width: 100%; height: auto; margin: 6px 0"
    said = escape(cut(alternative, _LONGEST_BADGE))
    return f'<img alt="{said}" style="{looks}" src="data:image/svg+xml;base64,{encoded}">'


def drawn_short(spec: Any) -> Any:
    """Return a specification whose texts are short enough to be drawn: itself, where they are.

    Of a text that is cut the picture has the beginning, and a part of its digest, which tells it from others that begin
    alike.
    """
    if isinstance(spec, str):
        if len(spec) <= _LONGEST_DRAWN:
            return spec
        return f"{cut(spec, _LONGEST_DRAWN)} {_digest(spec)}"
    if isinstance(spec, dict):
        made = {name: value if name in _NO_TEXT else drawn_short(_few(name, value)) for name, value in spec.items()}
        return made if any(made[name] is not value for name, value in spec.items()) else spec
    if isinstance(spec, list):
        entries = [drawn_short(each) for each in spec]
        return entries if any(one is not other for one, other in zip(entries, spec, strict=True)) else spec
    return spec


def _few(name: str, value: Any) -> Any:
    """Return the first lines of a heading that was broken into very many, and how many there are."""
    if name not in _LINES or not isinstance(value, list) or len(value) <= _MOST_LINES:
        return value
    return [*value[:_MOST_LINES], f"\N{HORIZONTAL ELLIPSIS} (cut: {_MOST_LINES} of {len(value):,} lines)"]


def shown(value: Any) -> str:
    """Return a value as a reader expects it: six digits at most, lists with commas, None as a dash."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(cut(shown(entry)) for entry in value)
    return str(value)


def cut(text: str, most: int = _LONGEST) -> str:
    """Return a text, or the beginning of one that is too long to be shown, with how much of it that is."""
    if len(text) <= most:
        return text
    return f"{text[:most]}\N{HORIZONTAL ELLIPSIS} (cut: {most:,} of {len(text):,} characters)"


def choice(text: str) -> str:
    """Return a text of a log as what a control offers: short, with what nobody sees named.

    Of one that is cut it has a part of the digest, too, which tells it from others that begin alike.
    """
    if len(text) <= _LONGEST_CHOICE:
        return spelled(text)
    return spelled(f"{cut(text, _LONGEST_CHOICE)} {_digest(text)}")


def exact(value: Any) -> Any:
    """Return a recorded number as text with every digit it has, whole ones without a point; all else as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value).removesuffix(".0")
    return value


def moment(text: str | None) -> str:
    """Return a time in ISO 8601 as people write it, to the second, in UTC; a text that is no time as it is."""
    if text is None:
        return ""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return text


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _cell(value: Any, text: str) -> str:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return f'<td style="{_NUMBER if numeric else _WRAPPED}">{escape(text)}</td>'

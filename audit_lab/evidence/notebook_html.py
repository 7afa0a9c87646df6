"""An executed notebook as one self-contained page: no script, no address, every chart in it."""

from __future__ import annotations

import importlib.metadata
import re
from html import escape
from typing import TYPE_CHECKING

from audit_lab.evidence.environment import library_version
from audit_lab.evidence.html_cleaning import (
    clean_html,
    has_visible_content,
    is_wide,
    picture_html,
    with_long_words,
)
from audit_lab.evidence.markdown_html import code_html, markdown_html
from audit_lab.evidence.notebook_document import shown_cells
from audit_lab.evidence.stylesheet import page
from audit_lab.evidence.terminal_text import terminal_html
from audit_lab.seal.digests import sha256
from audit_lab.verifier.layout import HTML_MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audit_lab.evidence.notebook_document import ShownCell, ShownOutput

__all__ = ["render_html", "renderer"]

_NEEDS_SCRIPT = '<p class="omitted">This output needs a script to be shown; the page shows none.</p>'
#: Rises when the same notebook gives another page.
_LAYOUT = "layout 4"
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
#: Representations in the order in which a reader is best served; only the first that shows anything is kept.
_PREFERENCE = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain")


def renderer() -> str:
    """Return what the bytes of a rendering depend on, beside the notebook."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("nh3", "mistune", "pygments")]
    return ", ".join([f"audit_lab {library_version()}", _LAYOUT, *versions])


def render_html(executed: bytes, head: tuple[str, str] = ("", "")) -> bytes:
    """Render an executed notebook, without Jupyter: a verifier does it again and compares the bytes.

    Parameters
    ----------
    executed
        The bytes of the ``.ipynb`` file; the page names their digest.
    head
        Styles and the part of the body that stands before the notebook, as `head_page` makes them.

    Raises
    ------
    MalformedError
        It is no notebook: code ``notebook.unreadable``.
    """
    cells = shown_cells(executed)
    mark = HTML_MARK.format(sha256(executed)) + "\n"
    styles, first = head
    return page(escape(_title(cells)), mark + styles, first + clean_html("\n".join(map(_cell_html, cells))))


def _cell_html(cell: ShownCell) -> str:
    name = escape(f"cell-id={cell.cell_id}")
    if cell.kind == "markdown":
        text = markdown_html(cell.source, cell.attachments)
        return f'<div class="cell text_cell" id="{name}">\n{text}</div>'
    if cell.kind != "code":
        return f'<div class="cell text_cell" id="{name}">\n<pre>{escape(cell.source, quote=False)}</pre>\n</div>'
    count = " " if cell.execution_count is None else str(cell.execution_count)
    source = (
        f'<div class="prompt input_prompt">In [{count}]:</div>\n<div class="input_area">{code_html(cell.source)}</div>'
    )
    outputs = "".join(_output_html(output, count) for output in cell.outputs)
    return f'<div class="cell code_cell" id="{name}">\n{source}\n{outputs}</div>'


def _output_html(output: ShownOutput, count: str) -> str:
    prompt = f"Out[{count}]:" if output.kind == "execute_result" else ""
    if output.kind in {"stream", "error"}:
        kind = f"output_{output.name}" if output.name in {"stdout", "stderr"} else "output_error"
        shown = f'<div class="{kind}"><pre>{terminal_html(output.text)}</pre></div>'
    else:
        shown = _shown(output.data)
    return f'<div class="output_area">\n<div class="prompt output_prompt">{prompt}</div>\n{shown}\n</div>\n'


def _shown(data: Mapping[str, str]) -> str:
    """Return the first representation that shows something without a script."""
    for kind in _PREFERENCE:
        if kind not in data:
            continue
        if kind == "text/plain" and "text/html" in data:
            break
        html = _represented(kind, data[kind])
        if has_visible_content(html):
            across = " landscape" if is_wide(html) else ""
            return f'<div class="output_html{across}">{with_long_words(html)}</div>'
    return _NEEDS_SCRIPT if data.keys() - {"text/plain"} else ""


def _represented(kind: str, content: str) -> str:
    if kind == "text/html":
        return clean_html(content)
    if kind == "image/svg+xml":
        return picture_html(content)
    if kind == "text/markdown":
        return markdown_html(content, {})
    if kind == "text/latex":
        return escape(content, quote=False)
    if kind == "text/plain":
        return f"<pre>{terminal_html(content)}</pre>"
    return f'<img alt="Picture" src="data:{kind};base64,{escape("".join(content.split()))}">'


def _title(cells: Iterable[ShownCell]) -> str:
    for cell in cells:
        heading = _HEADING.search(cell.source) if cell.kind == "markdown" else None
        if heading:
            return heading.group(1).strip()
    return "Investigation"

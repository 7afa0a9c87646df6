"""An executed notebook as one self-contained page: no script, no address, every chart in it."""

from __future__ import annotations

import copy
import importlib.metadata
import logging
import re
from html import escape
from typing import Any

from audit_lab.evidence.environment import library_version
from audit_lab.evidence.html_cleaning import clean_html, has_visible_content, picture_html
from audit_lab.evidence.stylesheet import page
from audit_lab.seal.digests import sha256
from audit_lab.verifier.layout import HTML_MARK

__all__ = ["render_html", "renderer"]

_NEEDS_SCRIPT = '<p class="omitted">This output needs a script to be shown; the page shows none.</p>'
_HEADING = re.compile(r"^#\s+(.+)$", re.MULTILINE)
#: Representations in the order in which a reader is best served; only the first that shows anything is kept.
_PREFERENCE = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain")


def renderer() -> str:
    """Return what the bytes of a rendering depend on, beside the notebook."""
    packages = ("nbconvert", "nh3", "mistune", "pygments", "jinja2")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    return ", ".join([f"audit_lab {library_version()}", *versions])


def render_html(executed: bytes) -> bytes:
    """Render an executed notebook.

    Parameters
    ----------
    executed
        The bytes of the ``.ipynb`` file; the page names their digest.
    """
    import nbformat
    from nbconvert import HTMLExporter

    notebook = copy.deepcopy(nbformat.reads(executed.decode("utf-8"), as_version=4))
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                _keep_one_representation(output)
    exporter = HTMLExporter(template_name="basic", log=_silent_logger())
    body, _ = exporter.from_notebook_node(notebook)
    mark = HTML_MARK.format(sha256(executed)) + "\n"
    return page(escape(_title(notebook)), mark, clean_html(body))


def _keep_one_representation(output: Any) -> None:
    """Leave the first representation that shows something without a script."""
    data = output["data"]
    output["metadata"] = {}
    for kind in _PREFERENCE:
        if kind not in data:
            continue
        if kind == "text/html":
            html = clean_html(data[kind])
        elif kind == "image/svg+xml":
            html = picture_html(data[kind])
        else:
            note = {"text/html": _NEEDS_SCRIPT} if kind == "text/plain" and "text/html" in data else {}
            output["data"] = note or {kind: data[kind]}
            return
        if has_visible_content(html):
            output["data"] = {"text/html": html}
            return
    output["data"] = {"text/html": _NEEDS_SCRIPT}


def _title(notebook: Any) -> str:
    for cell in notebook.cells:
        heading = _HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            return str(heading.group(1)).strip()
    return "Investigation"


def _silent_logger() -> logging.Logger:
    """Return a logger for nbconvert, whose remarks on templates concern no reader of a report."""
    logger = logging.getLogger("audit_lab.evidence.nbconvert")
    logger.setLevel(logging.ERROR)
    return logger

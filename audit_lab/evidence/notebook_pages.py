"""A notebook as a bundle carries it: as it ran, as a page behind the case's head page, and that printed."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError, NotebookError
from audit_lab.evidence.head_page import head_page
from audit_lab.evidence.notebook_addresses import outside_addresses
from audit_lab.evidence.notebook_document import shown_cells
from audit_lab.evidence.notebook_html import render_html
from audit_lab.evidence.pdf import pdf_printer
from audit_lab.seal.digests import sha256
from audit_lab.verifier.layout import NOTEBOOK, NOTEBOOK_HTML, NOTEBOOK_PDF

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.evidence.notebook_run import ExecutedNotebook
    from audit_lab.verifier.predicate import AttestedNotebook, Predicate

__all__ = ["notebook_pages"]


def notebook_pages(
    executed: ExecutedNotebook, investigation: bytes, predicate: Predicate, moment: datetime
) -> tuple[AttestedNotebook, dict[str, bytes]]:
    """Return what is attested of a notebook, and its files by their names in the bundle.

    Parameters
    ----------
    executed
        The notebook as it ran.
    investigation
        The bundle's ``investigation.json``.
    predicate
        What is attested of the rest.
    moment
        The time that the PDF states. Where nothing prints, there is none; where printing fails, a warning says so.

    Raises
    ------
    MisuseError
        AUDIT_LAB_PDF names no printer that is there.
    NotebookError
        The notebook shows something that stands elsewhere, and so under no signature.
    """
    _refuse_outside(executed)
    digest = sha256(executed.executed)
    html = render_html(executed.executed, head_page(investigation, predicate, digest))
    files = {NOTEBOOK: executed.executed, NOTEBOOK_HTML: html}
    printer = pdf_printer()
    if printer is not None:
        try:
            files[NOTEBOOK_PDF] = printer.print_page(html, digest, moment)
        except AuditLabError as error:
            warnings.warn(f"The bundle has no PDF: {error}", RuntimeWarning, stacklevel=2)
    return replace(executed, html=html).attested(), files


def _refuse_outside(executed: ExecutedNotebook) -> None:
    found = outside_addresses(shown_cells(executed.executed))
    if found:
        named = "; ".join(f"cell {cell}: {address[:100]}" for cell, address in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""  # noqa: PLR2004 - as many as are named
        raise NotebookError(
            f"The notebook shows what stands elsewhere, where no signature covers it ({named}{more})",
            "Put pictures into the notebook (drag them into the cell), and draw charts with charts.enable_offline()",
        )

"""The dossier: two pages that answer a letter about one decision, from a person or a regulator.

`assembled_dossier` (`assembling`) asks what such a letter asks: what was decided, when, by which version, on which
inputs, why, whether it comes out again, what happened afterwards, and what is missing with who owns that (`owners`).
What cannot be answered is told, and nothing stops for it (`outcomes`). The answer is a `Dossier` (`content`): frozen,
canonical in bytes, named by its digest. It is written as JSON, as a page of HTML (`html_page`), or as two pages of
PDF (`pdf_pages`), for which it is cut to what fits, with the count of what is left out (`cutting`, `layout`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.first_use import imported_on_first_use

if TYPE_CHECKING:
    from audit_lab.dossier.assembling import Asked, assembled_dossier
    from audit_lab.dossier.content import Dossier

__all__ = ["Asked", "Dossier", "assembled_dossier"]

_HOMES = {"Asked": "assembling", "Dossier": "content", "assembled_dossier": "assembling"}

__getattr__ = imported_on_first_use(__name__, _HOMES)

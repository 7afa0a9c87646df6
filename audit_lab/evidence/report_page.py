"""The incident report of a case as a page of its bundle."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from audit_lab.case.draft import draft_sections
from audit_lab.case.draft_text import DRAFT_WORDS
from audit_lab.evidence.stylesheet import page

if TYPE_CHECKING:
    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.draft import Sentence

__all__ = ["report_page"]

_HOW = (
    "A page inside a bundle cannot say who signed the bundle later: audit-lab verify lists the sign-offs that hold. "
    "This page is computed from the exhibits; report.md beside it is the report as it stood in the case."
)


def report_page(case: CaseFile) -> bytes:
    """Return the report, each sentence with the exhibit that it comes from; nothing in it is taken as markup."""
    parts = [
        f"<h1>Incident report: {escape(case.case_id)}</h1>",
        f'<p class="warning"><b>{escape(DRAFT_WORDS)}</b> {escape(_HOW)}</p>',
        f"<p><b>{escape(case.about.question)}</b></p>",
        f"<p>Log {escape(case.about.log_origin)}; the case is {escape(case.status)}.</p>",
    ]
    for section in draft_sections(case):
        parts.append(f"<h2>{escape(section.title)}</h2>")
        parts.append("<ul>" + "".join(_item(sentence) for sentence in section.sentences) + "</ul>")
    return page(escape(f"Incident report {case.case_id} (draft)"), "", "\n".join(parts))


def _item(sentence: Sentence) -> str:
    source = f' <span class="source">({escape(sentence.source)})</span>' if sentence.source else ""
    return f"<li>{escape(sentence.text)}{source}</li>"

"""The incident report as Markdown, in which nothing that a log or a person wrote is taken as markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.case_folder import CaseFolder
    from audit_lab.case.draft import DraftSection

__all__ = ["DRAFT_WORDS", "draft_markdown"]

#: What a report says of itself while nobody approved it.
DRAFT_WORDS = (
    "DRAFT, computed from the exhibits of the case. It stays a draft until a bundle that holds it carries a sign-off "
    "that says approved."
)

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")


def draft_markdown(case: CaseFolder, sections: Sequence[DraftSection], approved: str | None) -> str:
    """Return the report as Markdown.

    Parameters
    ----------
    case
        The case.
    sections
        What it says.
    approved
        Who approved it and when, in one sentence; None for a draft.
    """
    parts = [
        f"# Incident report: {_plain(case.case_id)}",
        f"**{_plain(approved or DRAFT_WORDS)}**",
        f"Question: {_plain(case.about.question)}",
        f"Log: {_plain(case.about.log_origin)}. Status: {_plain(case.status)}.",
    ]
    for section in sections:
        parts.append(f"## {section.title}")
        parts.append(
            "\n".join(
                f"- {_plain(sentence.text)}{f' ({_plain(sentence.source)})' if sentence.source else ''}"
                for sentence in section.sentences
            )
        )
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Return text on one line with Markdown's own characters escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))

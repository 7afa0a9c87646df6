"""The page that a notebook's HTML opens on: question, answer, what was checked, who signed, what is not known.

It is made from the bundle's investigation and what is attested of it, and from nothing else, so that a verifier makes
the same page again.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.said_of_bundle import Said, checked_at_export, not_known
from audit_lab.evidence.stylesheet import footer_style
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.layout import INVESTIGATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from audit_lab.verifier.predicate import Predicate

__all__ = ["head_page"]

_DEMONSTRATION = "demonstration-"
_WARNING = '<p class="warning">Signed with a demonstration key: this shows how evidence looks and proves nothing.</p>'
_NO_ANSWER = "No conclusion was stated."


def head_page(investigation: bytes, predicate: Predicate, notebook_sha256: str) -> tuple[str, str]:
    """Return the page's own styles, for the head of a document, and the page, for the beginning of its body.

    Parameters
    ----------
    investigation
        The bundle's ``investigation.json``.
    predicate
        What is attested; of the notebook in it nothing is used.
    notebook_sha256
        The digest of the executed notebook, which stands at the foot of every printed page.

    Raises
    ------
    MalformedError
        The investigation is no JSON.
    """
    stated: dict[str, Any] = parse_json(investigation, INVESTIGATION)
    exhibits = stated["exhibits"]
    numbers = {exhibit["id"]: exhibit["number"] for exhibit in exhibits}
    findings = [
        (each["id"], each["claim"], each["confidence"], ", ".join(str(numbers[at]) for at in each["supported_by"]))
        for each in stated["findings"]
    ]
    said = Said(len(exhibits), len(findings), is_answered=bool(stated["conclusion"]))
    shown = [(each["number"], each["title"], each["kind"], each["id"][:12]) for each in exhibits]
    signed = {
        "Signed by": predicate.signer,
        "Time stated": predicate.signed_at,
        "Investigator": stated["case"].get("actor"),
        "Purpose": stated["case"].get("purpose"),
        "Log": predicate.log_origin,
        "Notebook SHA-256": notebook_sha256,
    }
    parts = [
        '<section class="head">',
        f"<h1>{escape(predicate.question)}</h1>",
        f"<p>{escape(f'Case {predicate.case_id}, about the log {predicate.log_origin}')}</p>",
        _WARNING if predicate.signer.startswith(_DEMONSTRATION) else "",
        "<h2>Answer</h2>",
        f'<div class="answer">{_paragraphs(str(stated["conclusion"] or _NO_ANSWER))}</div>',
        _table("Findings", ("Finding", "Claim", "Confidence", "Rests on exhibits"), findings),
        "<h2>What was checked</h2>",
        _list(checked_at_export(predicate, said, with_notebook=True)),
        "<h2>Who signed it</h2>",
        _facts(signed),
        "<h2>What is not known</h2>",
        _list(not_known(predicate, said)),
        f'<div class="exhibits">{_table("Exhibits", ("Exhibit", "Title", "Kind", "Digest"), shown)}</div>',
        "</section>",
        '<h2 class="notebook">The notebook, as it ran</h2>',
    ]
    foot = f"Case {predicate.case_id}, notebook {notebook_sha256}"
    return footer_style(foot), "\n".join(part for part in parts if part) + "\n"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n") if part.strip())


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _facts(facts: dict[str, Any]) -> str:
    rows = "".join(f"<tr><td>{name}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items())
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<h2>{title}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

"""``README.html``: the page that a judge reads first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from audit_lab.case.draft import exhibit_sentences
from audit_lab.evidence.follow_up_html import actions_html, comments_html, edits_html, status_html, timeline_html
from audit_lab.evidence.html_cleaning import picture_html
from audit_lab.evidence.investigation import exhibit_file
from audit_lab.evidence.log_comparison import NOT_COMPARED, comparison_in
from audit_lab.evidence.said_of_bundle import Said, checked_at_export, not_known
from audit_lab.evidence.shown_table import HOW_TABLES_ARE_SHOWN, table_html
from audit_lab.evidence.stylesheet import footer_style, page
from audit_lab.verifier.layout import (
    ATTESTATION,
    CUSTODY,
    ENVIRONMENT,
    INVESTIGATION,
    NOTEBOOK_HTML,
    NOTEBOOK_PDF,
    PAYLOAD,
    REPORT_HTML,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.seal.custody import CustodyLine
    from audit_lab.seal.keys import PublicKey
    from audit_lab.verifier.predicate import Predicate

__all__ = ["readme_page"]

_TWO = 2
_TABLE, _ACROSS = "table.parquet", ' class="shown wide landscape"'
_COMPARED = "The log's segments had the digests of its manifest when they were verified: see exhibit {}."
_NO_PDF = (
    "There is no PDF of the notebook: nothing that prints was at hand when it was exported. Its page prints as well."
)
_HOW = (
    "<p>Unpack the bundle and run <code>sha256sum -c manifest-sha256.txt</code>: every file must be OK. To check the "
    "signature too, get the verifier and the investigator's public key from elsewhere than this bundle, then run "
    "<code>audit-lab verify BUNDLE --trust TRUST-FILE</code>. <code>data/verify.html</code> checks the bundle in a "
    "browser without a network, and cannot vouch for itself: whoever changed the bundle could have changed it too.</p>"
)


def readme_page(
    case: CaseFile,
    exhibits: Sequence[Exhibit],
    predicate: Predicate,
    key: PublicKey,
    *,
    has_pdf: bool = False,
    has_report: bool = False,
) -> bytes:
    """Return the page: question, answer, findings, what was checked, what is not known, who signed; then details.

    Where there is a notebook and no PDF of it, the page says so. It is made from what the bundle carries, and from
    nothing else, so that a verifier makes the same page again.
    """
    conclusion = case.conclusion
    answer = "No conclusion was stated." if conclusion is None else conclusion
    said = Said(len(exhibits), len(case.findings), is_answered=conclusion is not None)
    checked = checked_at_export(predicate, said, with_notebook=predicate.notebook is not None)
    compared = comparison_in(exhibits, predicate)
    not_compared = f"{NOT_COMPARED[0].upper()}{NOT_COMPARED[1:]}." if compared is None else ""
    unknown = not_known(predicate, said, not_compared=not_compared)
    if compared is not None:
        checked.append(_COMPARED.format(compared.number))
    parts = [
        '<section class="head">',
        f"<h1>{escape(case.about.question)}</h1>",
        f"<p>{escape(_about(case))}</p>",
        _demonstration_warning(key),
        "<h2>Answer</h2>",
        f'<div class="answer">{_paragraphs(answer)}</div>',
        _findings(case, exhibits),
        actions_html(case.actions),
        "<h2>What was checked</h2>",
        _list(checked),
        "<h2>What is not known</h2>",
        _list(unknown),
        edits_html(case),
        "<h2>Who signed it</h2>",
        _signature(case, predicate, key),
        f"<p>{escape(_sign_offs(case))}</p>",
        "</section>",
        '<div class="details">',
        timeline_html(case, exhibits),
        status_html(case),
        comments_html(case.comments, exhibits),
        "<h2>Exhibits</h2>",
        f"<p>{HOW_TABLES_ARE_SHOWN}</p>" if any(_TABLE in exhibit.files for exhibit in exhibits) else "",
        *(_exhibit(exhibit, case.kept(exhibit)) for exhibit in exhibits),
        _links(predicate, has_pdf=has_pdf, has_report=has_report),
        "<h2>How to check it yourself</h2>",
        _HOW,
        "</div>",
    ]
    foot = footer_style(f"Case {case.case_id}, custody record up to {predicate.custody_head}")
    return page(escape(f"Case {case.case_id}"), foot, "\n".join(parts))


def _about(case: CaseFile) -> str:
    """Return which case it is, its status, and its part of the log."""
    about = case.about
    parts = [f"Case {about.case_id} ({case.status}), about the log {about.log_origin}"]
    parts += [f"opened from {about.opened_from}"] if about.opened_from else []
    parts += [f"model {about.model} {about.model_version}".rstrip()] if about.model else []
    parts += [f"window {about.window_start} to {about.window_end}"] if about.window_start else []
    return "; ".join(parts)


def _demonstration_warning(key: PublicKey) -> str:
    if not key.is_demonstration:
        return ""
    return '<p class="warning">Signed with a demonstration key: this shows how evidence looks and proves nothing.</p>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n") if part.strip())


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _findings(case: CaseFile, exhibits: Sequence[Exhibit]) -> str:
    findings = case.findings
    if not findings:
        return ""
    numbers = {exhibit.id: exhibit.number for exhibit in exhibits}
    rows = "".join(
        f"<tr><td>{escape(finding.id)}</td><td>{escape(finding.claim)}</td><td>{escape(finding.confidence)}</td>"
        f"<td>{', '.join(str(numbers[support]) for support in finding.supported_by)}</td></tr>"
        for finding in findings
    )
    head = "<tr><th>Finding</th><th>Claim</th><th>Confidence</th><th>Rests on exhibits</th></tr>"
    return f"<h2>Findings</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _exhibit(exhibit: Exhibit, kept: CustodyLine | None) -> str:
    picture = ""
    if "chart.svg" in exhibit.files:
        picture = picture_html(exhibit.content_of("chart.svg").decode())
    files = ", ".join(
        f'<a href="{escape(exhibit_file(exhibit, name).removeprefix(PAYLOAD))}">{escape(name)}</a>'
        for name in exhibit.files
    )
    query = f"<p>Made by</p><pre>{escape(exhibit.query)}</pre>" if exhibit.query else ""
    query += f"<p>Made again by</p><pre>{escape(exhibit.code)}</pre>" if exhibit.code else ""
    facts = [exhibit.kind.capitalize()]
    facts += [f"{exhibit.rows:,} row{'' if exhibit.rows == 1 else 's'}"] if exhibit.rows is not None else []
    facts += [f"method {exhibit.method}"] if exhibit.method else []
    facts += [f"kept {kept.at[:19]}Z by {kept.actor}"] if kept is not None else []
    table = table_html(exhibit.content_of(_TABLE), f"{exhibit.folder.name}/{_TABLE}") if _TABLE in exhibit.files else ""
    said = exhibit_sentences(exhibit)
    sentences = f'<div class="said">{_list(said)}</div>' if said else ""
    heading = f"<h3>Exhibit {exhibit.number}: {escape(exhibit.title)}</h3>{_paragraphs(exhibit.note)}"
    shown = (
        f"{heading}{sentences}{picture}{table}{query}"
        f"<p>{escape(', '.join(facts))}, digest <code>{exhibit.id[:16]}</code>; files: {files}</p>"
    )
    return f'<div class="landscape">{shown}</div>' if _ACROSS in table else shown  # on one page with its heading


def _links(predicate: Predicate, *, has_pdf: bool, has_report: bool) -> str:
    names = {INVESTIGATION: "the investigation", CUSTODY: "the custody record", ENVIRONMENT: "the environment"}
    if has_report:
        names = {REPORT_HTML: "the incident report (draft)", **names}
    if predicate.notebook is not None:
        names = {NOTEBOOK_HTML: "the notebook, as it ran", **names}
        if has_pdf:
            names = {NOTEBOOK_PDF: "the same for printing (PDF)", **names}
    links = ", ".join(f'<a href="{name.removeprefix(PAYLOAD)}">{words}</a>' for name, words in names.items())
    without = f" {_NO_PDF}" if predicate.notebook is not None and not has_pdf else ""
    return f"<p>Also here: {links}.{without}</p>"


def _signature(case: CaseFile, predicate: Predicate, key: PublicKey) -> str:
    facts = {
        "Signed by": key.name,
        "Key id": key.key_id,
        "Time stated": predicate.signed_at,
        "Investigator": case.about.actor,
        "Purpose": case.about.purpose,
        "Log": predicate.log_origin,
        "Log manifest SHA-256": predicate.log_manifest_sha256 or "not known",
        "Log checkpoint": _checkpoint(predicate.log_checkpoint),
        "Signature": ATTESTATION,
    }
    rows = "".join(f"<tr><td>{name}</td><td>{escape(value)}</td></tr>" for name, value in facts.items())
    return f'<table class="facts"><tbody>{rows}</tbody></table>'


def _sign_offs(case: CaseFile) -> str:
    """Return which sign-offs the case asks for, and where they are to be seen."""
    asked = case.about.sign_offs
    if not asked:
        return "The case asks nobody else to sign it off."
    persons, others = case.about.persons, len({meaning for meaning in asked if meaning != "authored"})
    by = "two persons, neither of them the investigator" if persons > _TWO else "another person than the investigator"
    several = ", or by several" if others > 1 and persons == _TWO else ""
    other = f", by {by}{several}" if persons >= _TWO and others else ""
    return (
        f"The case asks to be signed off as {' and '.join(asked)}{other}. Sign-offs are added beside the attestation "
        "once this page is made, and it cannot show them: audit-lab verify lists those that hold."
    )


def _checkpoint(note: str | None) -> str:
    """Return the size and root that a checkpoint's note states, in one line."""
    if note is None:
        return "none: the log was not sealed"
    _, size, root, *_ = [*note.split("\n"), "?", "?", "?"]
    return f"size {size}, root {root}"

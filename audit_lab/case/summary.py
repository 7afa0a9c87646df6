"""A case at a glance, as a fragment of HTML in which nothing is taken as markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from audit_lab.seal.hidden_letters import spelled_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.about import CaseAbout
    from audit_lab.case.conclusions import CaseFinding
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.case.recorded_sign_offs import RecordedSignOff

__all__ = ["summary_html"]


def summary_html(
    about: CaseAbout,
    exhibits: Sequence[Exhibit],
    findings: Sequence[CaseFinding],
    conclusion: str | None,
    status: str,
    *,
    sign_offs: Sequence[RecordedSignOff] = (),
) -> str:
    """Return question, exhibits, findings, conclusion and sign-offs, void ones as such, as a table and lists."""
    numbers = {exhibit.id: exhibit.number for exhibit in exhibits}
    rows = "".join(
        f"<tr><td>{exhibit.number}</td><td>{escape(exhibit.kind)}</td><td>{escape(exhibit.title)}</td>"
        f"<td><code>{exhibit.id[:12]}</code></td></tr>"
        for exhibit in exhibits
    )
    claims = "".join(
        f"<li>{escape(finding.claim)} <small>({escape(finding.confidence)} confidence; exhibits "
        f"{', '.join(str(numbers.get(support, '?')) for support in finding.supported_by)})</small></li>"
        for finding in findings
    )
    signed = "".join(f"<li>{_signed(each)}</li>" for each in sign_offs)
    return spelled_html(
        f"<p><b>Case {escape(about.case_id)}</b> about the log {escape(about.log_origin)}: {escape(status)}</p>"
        f"<p>{escape(about.question)}</p>"
        f"<table><thead><tr><th>Exhibit</th><th>Kind</th><th>Title</th><th>Digest</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
        f"<ul>{claims}</ul>"
        f"<p>{'No conclusion yet.' if conclusion is None else escape(conclusion)}</p>"
        + (f"<ul>{signed}</ul>" if signed else "")
    )


def _signed(sign_off: RecordedSignOff) -> str:
    void = "" if sign_off.void is None else "<b>VOID</b>: "
    return f"{void}{escape(str(sign_off))} <small>({escape(sign_off.state)})</small>"

"""The pages of a bundle against the case in it: each is made again, and has the same bytes or is another page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.evidence.carried_case import carried_case
from audit_lab.evidence.environment import library_version
from audit_lab.evidence.readme_page import readme_page
from audit_lab.evidence.report_page import report_page
from audit_lab.evidence.verify_page import PAGE_NAME, checking_page
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import INVESTIGATION, NOTEBOOK_PDF, README, REPORT_HTML

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from audit_lab.seal.keys import PublicKey
    from audit_lab.verifier.predicate import Predicate

__all__ = ["compared_pages", "other_release"]

_AGENT = "Bag-Software-Agent: audit_lab "
_NEXT = "Ask the investigator for a bundle that agrees with itself"


def other_release(bag_info: bytes) -> str | None:
    """Return why the pages cannot be compared: they were made by another release; None where it was this one."""
    lines = bag_info.decode("utf-8", "replace").splitlines()
    made = next((line.removeprefix(_AGENT) for line in lines if line.startswith(_AGENT)), "an unknown release")
    here = library_version()
    if made == here:
        return None
    return f"README.html, the report and verify.html: made by audit_lab {made[:40]!a}, and here is {here}"


def compared_pages(
    names: Collection[str],
    read: Callable[[str], bytes],
    has: Callable[[str, bytes], bool],
    key: PublicKey,
    predicate: Predicate,
) -> list[Finding]:
    """Return a finding for each page that says other than the case in the bundle does.

    Parameters
    ----------
    names, read
        The bundle's files, and what returns the content of one.
    has
        Whether a file has a content.
    key
        The key that signed the bundle.
    predicate
        What is attested.
    """
    try:
        case = carried_case(names, read)
        readme = readme_page(
            case,
            case.exhibits,
            predicate,
            key,
            has_pdf=NOTEBOOK_PDF in names,
            has_report=REPORT_HTML in names,
        )
        made = {README: readme, **({REPORT_HTML: report_page(case)} if REPORT_HTML in names else {})}
    except MalformedError as error:
        return [Finding(error.code, INVESTIGATION, error.message, error.next_step)]
    except AuditLabError as error:
        return [_unmade(error.message)]
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        # The documents of exhibits are of any form until they are read, and whoever signed them may mean harm.
        return [_unmade(f"{type(error).__name__}: {str(error)[:200]!a}")]
    findings = [
        Finding("page.rendering-differs", name, "it is not what the case in this bundle renders to", _NEXT)
        for name, content in made.items()
        if not has(name, content)
    ]
    if not has(PAGE_NAME, checking_page()):
        what = "it is not the page of this release that checks a bundle"
        findings.append(Finding("page.not-the-verifier", PAGE_NAME, what, "Take verify.html from audit_lab itself"))
    return findings


def _unmade(why: str) -> Finding:
    return Finding("case.malformed", INVESTIGATION, f"no page can be made of what the case holds ({why})", _NEXT)

"""The bundle's time stamp: an outside authority's word that the attestation existed at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict
from audit_lab.verifier.layout import ATTESTATION, TIME_STAMP

if TYPE_CHECKING:
    from audit_lab.seal.report import Verification
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate

__all__ = ["CLOCKS_APART", "CheckedTimeStamp", "check_time_stamp", "with_time_stamp"]

#: How far the clocks of a signer and of an authority may be apart.
CLOCKS_APART = timedelta(minutes=5)

_CHECKED = "time stamp: over the attestation, by an authority that the trust file accepts, not before the signature"
_UNKNOWN = "time stamp: the trust file accepts no authority, so the one in the bundle counts for nothing"
_DEMONSTRATION = "demonstration-"
_NEXT = "Ask whoever had it stamped for the authority's answer over this bundle"


@dataclass
class CheckedTimeStamp:
    """What came of the time stamp: what it anchors, what was checked or not, findings and notes.

    `seen` is when the authority saw the attestation at the latest, by its clock; None where no stamp holds.
    """

    seen: datetime | None = None
    anchors: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_time_stamp(contents: Contents, predicate: Predicate, trust: Trust) -> CheckedTimeStamp:
    """Check the bundle's time stamp, where there is one, against the authorities that the reader accepts.

    Parameters
    ----------
    contents
        The bundle's files.
    predicate
        What its author attests; a stamp that is older than the time stated there is of something else.
    trust
        The accepted authorities. Where there are none at all, a stamp is not checked further and anchors nothing.
    """
    checked = CheckedTimeStamp()
    answer = contents.document(TIME_STAMP)
    if answer is None:
        return checked
    from audit_lab.verifier.time_stamp_token import check_token  # certificates, which only a stamped bundle needs

    try:
        stamp = check_token(answer, contents.document(ATTESTATION) or b"", trust.authorities, TIME_STAMP)
    except MalformedError as error:
        if error.code == "timestamp.authority-not-trusted" and not trust.authorities:
            checked.not_checked.append(_UNKNOWN)
        else:
            checked.findings.append(Finding(error.code, TIME_STAMP, error.message, error.next_step))
        return checked
    checked.checked.append(_CHECKED)
    signed_at = datetime.fromisoformat(predicate.signed_at).astimezone(UTC)
    when = f"{stamp.time:%Y-%m-%d %H:%M:%S} UTC"
    if stamp.is_before(signed_at, CLOCKS_APART):
        meaning = f"{stamp.authority} stamped it at {when}, before what it covers was signed ({predicate.signed_at})"
        checked.findings.append(Finding("timestamp.before-data", TIME_STAMP, meaning, _NEXT))
    elif stamp.authority.startswith(_DEMONSTRATION):
        checked.notes.append(f"{stamp.authority} is a demonstration authority: its time stamp proves nothing")
    else:
        checked.seen = stamp.time + stamp.accuracy
        checked.anchors.append(f"the attestation, time-stamped by {stamp.authority} on {when}")
    return checked


def with_time_stamp(report: Verification, stamped: CheckedTimeStamp, unanchored: str) -> Verification:
    """Return a report with what came of the time stamp: one that holds makes it VERIFIED and takes `unanchored` out."""
    anchors = (*report.anchors, *stamped.anchors)
    verdict = Verdict.FAILED if stamped.findings else report.verdict
    notes = report.notes
    if anchors:
        notes = tuple(note for note in notes if note != unanchored)
        verdict = Verdict.VERIFIED if verdict is Verdict.UNANCHORED else verdict
    return replace(
        report,
        verdict=verdict,
        findings=(*report.findings, *stamped.findings),
        checked=(*report.checked, *stamped.checked),
        not_checked=(*stamped.not_checked, *report.not_checked),
        anchors=anchors,
        notes=(*stamped.notes, *notes),
    )

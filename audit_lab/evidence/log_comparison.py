"""Whether a case shows that its log's segments had the digests of the log's manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.case.log_report import LOG_REPORT, LOG_REPORT_KIND
from audit_lab.errors import AuditLabError
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Verdict
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.exhibit import Exhibit
    from audit_lab.verifier.predicate import Predicate

__all__ = ["NOT_COMPARED", "comparison_in", "is_log_report", "states_comparison"]

NOT_COMPARED = (
    "that the log's segments had the digests of its manifest when they were read: the case keeps no verification of it"
)

_HOLDS = (Verdict.VERIFIED.value, Verdict.UNANCHORED.value)
#: Reports name a manifest by the beginning of its digest, and a sealed state by that of its root.
_DIGITS = 12


def comparison_in(exhibits: Sequence[Exhibit], predicate: Predicate) -> Exhibit | None:
    """Return the first exhibit that reports the segments of the attested log, in the attested state, as intact."""
    for exhibit in exhibits:
        if exhibit.kind == LOG_REPORT_KIND and LOG_REPORT in exhibit.files:
            content = exhibit.content_of(LOG_REPORT)
            if states_comparison(content, predicate):
                return exhibit
    return None


def is_log_report(name: str) -> bool:
    """Whether a file of a bundle, by its name, is the verification of a log that a case keeps."""
    return name.endswith(f"-{LOG_REPORT_KIND}/{LOG_REPORT}")


def states_comparison(report: bytes, predicate: Predicate) -> bool:
    """Whether a kept report found the log's segments to be as its manifest, or what its checkpoint seals, says."""
    try:
        value: Any = parse_json(report, LOG_REPORT)
    except AuditLabError:
        return False
    if not isinstance(value, dict) or not isinstance(checked := value.get("checked"), list):
        return False
    named = _state(predicate)
    return value.get("verdict") in _HOLDS and bool(named) and any(named in str(line) for line in checked)


def _state(predicate: Predicate) -> str:
    """Return what a report names the attested state of the log by; empty where that cannot be told."""
    if predicate.log_checkpoint is None:
        return predicate.log_manifest_sha256[:_DIGITS]
    try:
        note = parse_checkpoint(predicate.log_checkpoint.encode(), "The attested checkpoint")
    except MalformedError:
        return ""
    return note.checkpoint.root.hex()[:_DIGITS]

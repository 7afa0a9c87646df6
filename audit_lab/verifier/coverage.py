"""That the attested subjects are the bundle's files but sign-offs and time stamp, with the attested bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import ATTESTATION, SIGN_OFF_NAME, TIME_STAMP

if TYPE_CHECKING:
    from audit_lab.seal.statement import Statement
    from audit_lab.verifier.contents import Contents

__all__ = ["check_coverage"]

_NEXT = "Ask the sender for the bundle as it was exported"


def check_coverage(contents: Contents, statement: Statement) -> list[Finding]:
    """Return a finding for every file that is added, missing or changed."""
    apart = {ATTESTATION, TIME_STAMP, *filter(SIGN_OFF_NAME.fullmatch, contents.names)}
    files = set(contents.names) - apart
    attested = set(statement.subjects)
    findings = [
        Finding("bundle.file-added", name, "it stands in the bundle and was not signed for", _NEXT)
        for name in sorted(files - attested)
    ]
    findings += [
        Finding("bundle.file-missing", name, "it was signed for and is not in the bundle", _NEXT)
        for name in sorted(attested - files)
    ]
    for name in sorted(files & attested):
        if contents.digest(name) != statement.subjects[name]:
            findings.append(Finding("bundle.file-changed", name, "its bytes are not those that were signed for", _NEXT))
        elif not contents.crc_agrees(name):
            findings.append(
                Finding("archive.header-changed", name, "the checksum in its header is not that of its bytes", _NEXT)
            )
    findings += [
        Finding("archive.header-changed", name, "the checksum in its header is not that of its bytes", _NEXT)
        for name in sorted(apart & set(contents.names))
        if not contents.crc_agrees(name)
    ]
    return findings

"""The bundle as a BagIt 1.0 bag (RFC 8493): declaration, manifests, payload size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.seal.digests import parse_manifest
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import BAG_DECLARATION, BAG_INFO, MANIFEST, PAYLOAD, TAG_FILES, TAG_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from audit_lab.verifier.contents import Contents

__all__ = ["DECLARATION", "check_bag", "payload_oxum"]

#: The exact bytes of ``bagit.txt``.
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

_NEXT = "Ask the sender for the bundle as it was exported"


def payload_oxum(sizes_bytes: list[int]) -> str:
    """Return RFC 8493's Payload-Oxum: bytes and number of the payload files."""
    return f"{sum(sizes_bytes)}.{len(sizes_bytes)}"


def check_bag(contents: Contents, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check the tag files; a file in `known_bad` (added, missing or changed) is not named a second time."""
    payload = {name for name in contents.names if name.startswith(PAYLOAD)}
    findings = _manifest_findings(contents, MANIFEST, payload, known_bad)
    findings += _manifest_findings(contents, TAG_MANIFEST, set(TAG_FILES), known_bad)
    declaration = contents.document(BAG_DECLARATION)
    if BAG_DECLARATION not in known_bad and declaration != DECLARATION:
        findings.append(Finding("bag.declaration", BAG_DECLARATION, "it does not declare a BagIt 1.0 bag", _NEXT))
    oxum = payload_oxum([contents.container.size_bytes(name) for name in payload])
    if BAG_INFO not in known_bad and not any(name.startswith(PAYLOAD) for name in known_bad):
        lines = (contents.document(BAG_INFO) or b"").split(b"\n")
        if f"Payload-Oxum: {oxum}".encode() not in lines:
            findings.append(Finding("bag.payload-size", BAG_INFO, f"its Payload-Oxum is not {oxum}", _NEXT))
    return findings


def _manifest_findings(
    contents: Contents, manifest: str, covered: AbstractSet[str], known_bad: AbstractSet[str]
) -> list[Finding]:
    if manifest in known_bad:
        return []
    try:
        listed = parse_manifest(contents.document(manifest) or b"", manifest)
    except MalformedError as error:
        return [Finding(error.code, manifest, error.message, error.next_step)]
    findings = [
        Finding("bag.manifest-incomplete", manifest, f"it does not list exactly the files it must: {name}", _NEXT)
        for name in sorted((covered ^ listed.keys()) - known_bad)
    ]
    findings += [
        Finding("bag.manifest-wrong", manifest, f"it gives another digest for {name}", _NEXT)
        for name in sorted((covered & listed.keys()) - known_bad)
        if name in contents.names and listed[name] != contents.digest(name)
    ]
    return findings

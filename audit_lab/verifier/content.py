"""That the case inside a bundle agrees with itself: exhibits, findings, custody, notebook and its rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.seal.custody import custody_faults
from audit_lab.seal.digests import format_manifest, sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.strict_json import members, parse_json
from audit_lab.verifier.kept import check_kept
from audit_lab.verifier.layout import (
    ATTESTATION,
    CUSTODY,
    EXHIBITS,
    HTML_MARK,
    INVESTIGATION,
    INVESTIGATION_FORMAT,
    INVESTIGATION_VERSION,
    NOTEBOOK,
    NOTEBOOK_HTML,
    NOTEBOOK_PDF,
    PAYLOAD,
    PDF_MARK,
    PROVEN_ROWS,
    RESEARCH_OBJECT,
    ROWS,
)
from audit_lab.verifier.research_object import check_research_object
from audit_lab.verifier.sign_offs import stated_rule

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from audit_lab.verifier.contents import Contents
    from audit_lab.verifier.predicate import Predicate

__all__ = ["EXHIBIT", "EXHIBIT_TOO", "INVESTIGATION_MEMBERS", "INVESTIGATION_TOO", "check_content"]

INVESTIGATION_MEMBERS = frozenset(
    {"format", "version", "case", "log", "parameters", "steps", "exhibits", "findings", "conclusion"}
)

EXHIBIT = frozenset({"id", "number", "kind", "title", "note", "query", "models", "files"})
#: What an exhibit of a later release says too, and what an investigation does where there is any of it.
EXHIBIT_TOO = frozenset({"code", "method", "rows", "kept_at", "kept_by", "redacted_from"})
INVESTIGATION_TOO = frozenset({"actions", "timeline"})
_FINDING = frozenset({"id", "claim", "supported_by", "confidence"})
_NEXT = "Ask the investigator for a bundle that agrees with itself"


def check_content(contents: Contents, predicate: Predicate, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check every document that was not already found changed or missing."""
    findings: list[Finding] = []
    for name, check in (
        (INVESTIGATION, _investigation),
        (CUSTODY, _custody),
        (NOTEBOOK_HTML, _rendering),
        (RESEARCH_OBJECT, _research_object),
    ):
        if name in known_bad:
            continue
        try:
            findings += check(contents, predicate, known_bad)
        except MalformedError as error:
            findings.append(Finding(error.code, name, error.message, error.next_step))
    wrong = {*known_bad, *(finding.file for finding in findings)}
    if predicate.version == 1 or CUSTODY in wrong or INVESTIGATION in known_bad:
        return findings
    return [*findings, *check_kept(contents)]


def _investigation(contents: Contents, predicate: Predicate, known_bad: AbstractSet[str]) -> list[Finding]:
    content = contents.document(INVESTIGATION)
    if content is None:
        return [_finding("case.investigation-missing", INVESTIGATION, "the bundle holds no investigation")]
    value = members(parse_json(content, INVESTIGATION), INVESTIGATION_MEMBERS, INVESTIGATION, INVESTIGATION_TOO)
    if (value["format"], value["version"]) != (INVESTIGATION_FORMAT, INVESTIGATION_VERSION):
        return [_finding("case.version-unknown", INVESTIGATION, "it is of another format or version")]
    findings: list[Finding] = []
    stated_rule(content)
    case, log = value["case"], value["log"]
    stated = (_member(case, "id"), _member(case, "question"), _member(log, "origin"), _member(log, "manifest_sha256"))
    attested = (predicate.case_id, predicate.question, predicate.log_origin, predicate.log_manifest_sha256)
    if stated != attested or _member(log, "checkpoint") != predicate.log_checkpoint:
        findings.append(_finding("case.other-case", INVESTIGATION, "case or log are not those in the attestation"))
    exhibits = [
        members(entry, EXHIBIT, f"An exhibit of {INVESTIGATION}", EXHIBIT_TOO) for entry in _list(value["exhibits"])
    ]
    owned = [str(_member(file, "path")) for exhibit in exhibits for file in _list(exhibit["files"])]
    for exhibit in exhibits:
        findings += _exhibit(exhibit, contents, known_bad)
        if "redacted_from" in exhibit and predicate.redaction is None:
            what = f"exhibit {exhibit['number']!a} withholds something, and no redaction is attested"
            findings.append(_finding("case.redaction-not-attested", INVESTIGATION, what))
    exhibits_files = {name for name in contents.names if name.startswith((EXHIBITS, ROWS))}
    proven = {name for name in exhibits_files if name.startswith(PROVEN_ROWS) and predicate.version > 1}
    stray = exhibits_files - proven - {PAYLOAD + path for path in owned}
    findings += [
        _finding("case.exhibit-unlisted", name, "no exhibit of the investigation owns it")
        for name in sorted(stray - known_bad)
    ]
    ids = [exhibit["id"] for exhibit in exhibits]
    for entry in _list(value["findings"]):
        finding = members(entry, _FINDING, f"A finding of {INVESTIGATION}")
        findings += [
            _finding("case.support-missing", INVESTIGATION, f"{finding['id']!a} rests on an exhibit that is not there")
            for support in _list(finding["supported_by"])
            if support not in ids
        ]
    return findings


def _exhibit(exhibit: dict[str, Any], contents: Contents, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check that an exhibit's id is the digest of its files, and its files those in the bundle."""
    digests: dict[str, str] = {}
    findings: list[Finding] = []
    for entry in _list(exhibit["files"]):
        file = members(entry, frozenset({"name", "path", "sha256"}), f"A file of {INVESTIGATION}")
        digests[str(file["name"])] = str(file["sha256"])
        name = f"{PAYLOAD}{file['path']}"
        if name in known_bad:
            continue
        if name not in contents.names:
            findings.append(_finding("case.exhibit-file-missing", name, "an exhibit lists it and it is not there"))
        elif contents.digest(name) != file["sha256"]:
            findings.append(_finding("case.exhibit-file-wrong", name, "an exhibit lists it with another digest"))
    if not digests or sha256(format_manifest(digests)) != exhibit["id"]:
        findings.append(
            _finding(
                "case.exhibit-id-wrong", INVESTIGATION, f"exhibit {exhibit['number']!a} is not named by its digest"
            )
        )
    return findings


def _custody(contents: Contents, predicate: Predicate, _known_bad: AbstractSet[str]) -> list[Finding]:
    lines, faults = custody_faults(contents.document(CUSTODY) or b"", CUSTODY)
    if faults:
        return [Finding(fault.code, CUSTODY, fault.message, fault.next_step) for fault in faults]
    findings = []
    if (len(lines), lines[-1].digest) != (predicate.custody_lines, predicate.custody_head):
        findings.append(_finding("custody.other-head", CUSTODY, "its last line is not the attested one"))
    if lines[-1].at > predicate.signed_at:
        findings.append(_finding("custody.time-out-of-order", CUSTODY, "it ends after the time of the signature"))
    return findings


def _rendering(contents: Contents, predicate: Predicate, known_bad: AbstractSet[str]) -> list[Finding]:
    """Check that notebook and HTML are the attested pair, and that the HTML names that notebook."""
    present = {NOTEBOOK, NOTEBOOK_HTML} & set(contents.names)
    if predicate.notebook is None:
        stray = present | {NOTEBOOK_PDF} & set(contents.names)
        return [_finding("notebook.not-attested", name, "no notebook was attested") for name in sorted(stray)]
    if NOTEBOOK in known_bad:
        return []
    if len(present) < 2:  # noqa: PLR2004 - the notebook and its rendering
        return [_finding("notebook.missing", ATTESTATION, "a notebook was attested and is not there")]
    findings = []
    if contents.digest(NOTEBOOK) != predicate.notebook.executed_sha256:
        findings.append(_finding("notebook.other-notebook", NOTEBOOK, "it is not the attested notebook"))
    if contents.digest(NOTEBOOK_HTML) != predicate.notebook.html_sha256:
        findings.append(_finding("notebook.other-rendering", NOTEBOOK_HTML, "it is not the attested rendering"))
    mark = HTML_MARK.format(contents.digest(NOTEBOOK)).encode()
    if mark not in contents.head(NOTEBOOK_HTML):
        findings.append(
            _finding("notebook.rendering-of-another", NOTEBOOK_HTML, "it says it was made from another notebook")
        )
    if NOTEBOOK_PDF in contents.names and NOTEBOOK_PDF not in known_bad:
        said = f"({PDF_MARK.format(contents.digest(NOTEBOOK))})".encode()
        if said not in contents.head(NOTEBOOK_PDF) and said not in contents.tail(NOTEBOOK_PDF):
            findings.append(
                _finding("notebook.rendering-of-another", NOTEBOOK_PDF, "it does not say that it shows this notebook")
            )
    return findings


def _research_object(contents: Contents, _predicate: Predicate, known_bad: AbstractSet[str]) -> list[Finding]:
    return check_research_object(contents, known_bad)


def _finding(code: str, file: str, meaning: str) -> Finding:
    return Finding(code, file, meaning, _NEXT)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedError(f"{INVESTIGATION} has a member that should be a list", _NEXT, "case.malformed")
    return value


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise MalformedError(f"{INVESTIGATION} has a member that should be an object", _NEXT, "case.malformed")
    return value.get(name)

"""The case as a bundle carries it: ``investigation.json``, exhibits, rows, model digests, custody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.case.case_folder import REPORT_NAME
from audit_lab.case.representation import ROWS_PREFIX
from audit_lab.evidence.environment import environment_facts, environment_lock
from audit_lab.evidence.generated import steps_of
from audit_lab.evidence.report_page import report_page
from audit_lab.seal.strict_json import canonical_json
from audit_lab.verifier.layout import (
    CUSTODY,
    ENVIRONMENT,
    ENVIRONMENT_LOCK,
    EXHIBITS,
    FOLLOW_UP,
    INVESTIGATION,
    INVESTIGATION_FORMAT,
    INVESTIGATION_VERSION,
    MODELS,
    PAYLOAD,
    REPORT,
    REPORT_HTML,
    ROWS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.evidence.archive_writer import FileContent
    from audit_lab.seal.custody import CustodyLine

__all__ = ["exhibit_file", "investigation_bytes", "investigation_payload"]


def exhibit_file(exhibit: Exhibit, name: str) -> str:
    """Return where a file of an exhibit stands in the bundle: rows of the log under ``data/rows/``."""
    if name.startswith(ROWS_PREFIX):
        return f"{ROWS}{exhibit.folder.name}/{name.removeprefix(ROWS_PREFIX)}"
    return f"{EXHIBITS}{exhibit.folder.name}/{name}"


def investigation_payload(
    case: CaseFile, exhibits: Sequence[Exhibit], custody: Sequence[CustodyLine], *, kernel_ran: bool
) -> dict[str, FileContent]:
    """Return the files of a case, by their names in the bundle."""
    payload: dict[str, FileContent] = {
        INVESTIGATION: investigation_bytes(case, exhibits),
        MODELS: canonical_json(_models(exhibits)) + b"\n",
        ENVIRONMENT: canonical_json(environment_facts(kernel_ran=kernel_ran)) + b"\n",
        ENVIRONMENT_LOCK: environment_lock(),
        CUSTODY: b"".join(line.to_bytes() + b"\n" for line in custody),
    }
    follow_up = {
        name: [each.to_dict() for each in records]
        for name, records in (("comments", case.comments), ("status", case.status_changes))
    }
    if any(follow_up.values()):
        payload[FOLLOW_UP] = canonical_json({"format": "audit_lab.follow_up", "version": 1, **follow_up}) + b"\n"
    report = case.folder / REPORT_NAME
    if report.exists():
        payload |= {REPORT: report.read_bytes(), REPORT_HTML: report_page(case)}
    for exhibit in exhibits:
        for name in exhibit.files:
            payload[exhibit_file(exhibit, name)] = exhibit.folder / name
    return payload


def investigation_bytes(case: CaseFile, exhibits: Sequence[Exhibit]) -> bytes:
    """Return ``investigation.json``: what a case says, and so what a sign-off is about."""
    return canonical_json(_investigation(case, exhibits)) + b"\n"


def _investigation(case: CaseFile, exhibits: Sequence[Exhibit]) -> dict[str, Any]:
    about = case.about
    stated = {"id": about.case_id, "question": about.question, "actor": about.actor, "purpose": about.purpose}
    scope = about.scope()
    more = {"actions": case.actions, "timeline": case.timeline}
    rule = {"required": list(about.sign_offs), "persons": about.persons}
    return {
        "format": INVESTIGATION_FORMAT,
        "version": INVESTIGATION_VERSION,
        "case": stated
        | ({"sign_offs": rule} if about.sign_offs else {})
        | ({"scope": scope} if scope else {})
        | ({"timezone": about.timezone} if about.timezone != "UTC" else {}),
        "log": {
            "origin": about.log_origin,
            "manifest_sha256": about.log_manifest_sha256,
            "checkpoint": about.log_checkpoint or None,
        },
        "parameters": {},
        "steps": steps_of(exhibits),
        "exhibits": [_exhibit(exhibit, case.kept(exhibit)) for exhibit in exhibits],
        "findings": [finding.to_dict() for finding in case.findings],
        "conclusion": case.conclusion,
        **{name: [each.to_dict() for each in records] for name, records in more.items() if records},
    }


def _exhibit(exhibit: Exhibit, kept: CustodyLine | None) -> dict[str, Any]:
    files = [
        {"name": name, "path": exhibit_file(exhibit, name).removeprefix(PAYLOAD), "sha256": digest}
        for name, digest in sorted(exhibit.files.items())
    ]
    when = {} if kept is None else {"kept_at": kept.at, "kept_by": kept.actor}
    return {**exhibit.to_dict(), **when, "files": files}


def _models(exhibits: Sequence[Exhibit]) -> dict[str, Any]:
    """Return the model versions that the exhibits speak of, each once; the artifacts stay with the log."""
    known = {tuple(sorted(model.items())) for exhibit in exhibits for model in exhibit.models}
    return {"format": "audit_lab.models", "version": 1, "models": [dict(model) for model in sorted(known)]}

"""The light verification of an evidence bundle, from its shape to its content."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.trust import Trust
from audit_lab.verifier.age import Known, with_age
from audit_lab.verifier.archive import read_archive
from audit_lab.verifier.bag import check_bag
from audit_lab.verifier.container import refused
from audit_lab.verifier.content import check_content
from audit_lab.verifier.contents import Contents
from audit_lab.verifier.coverage import check_coverage
from audit_lab.verifier.folder import read_folder
from audit_lab.verifier.layout import (
    ATTESTATION,
    CUSTODY,
    INVESTIGATION,
    NOTEBOOK_PDF,
    PICTURE,
    RESEARCH_OBJECT,
    TAG_FILES,
    TAG_MANIFEST,
    TIME_STAMP,
)
from audit_lab.verifier.models import MODELS_CHECKED, check_models
from audit_lab.verifier.rows import CheckedRows, check_rows
from audit_lab.verifier.sign_offs import CheckedSignOffs, check_sign_offs, is_sign_off
from audit_lab.verifier.signature import CheckedAttestation, check_attestation, check_keys
from audit_lab.verifier.time_stamp import CheckedTimeStamp, check_time_stamp, with_time_stamp

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    from audit_lab.verifier.container import Container

__all__ = [
    "AS_STATED",
    "FULL_ONLY_PAGES",
    "FULL_ONLY_RENDERING",
    "FULL_ONLY_TABLES",
    "examine_archive",
    "examine_bundle",
    "examine_opened",
    "opened",
    "verify_bundle",
]

_DOCUMENTS = frozenset({ATTESTATION, CUSTODY, INVESTIGATION, RESEARCH_OBJECT, TAG_MANIFEST, TIME_STAMP, *TAG_FILES})
_SHAPE = "shape of the bundle: names, sizes, headers, nothing but plain stored files"
_SIGNATURE = "signature over the exact bytes of the attestation, by a key that the trust file accepts"
_COVERAGE = "attested files are the bundle's files, no more and no fewer"
_DIGESTS = "SHA-256 of every file, against the attestation and the BagIt manifests"
_CONTENT = "exhibits are named by their digests, findings rest on them, custody lines are chained"
_RENDERING = "HTML names the notebook it was made from, and both are the attested ones"
_STAGES = (_SHAPE, _SIGNATURE, _COVERAGE, _DIGESTS, _CONTENT, _RENDERING)
_SIGN_OFFS = "sign-offs: each by a key that the trust file accepts, about this bundle, by whom the case asks for"
_NO_SIGN_OFFS = "sign-offs: nobody but the investigator signed this bundle"
_HOLDERS = "who holds the keys that signed: the trust file names no person for {}"
_ROWS = "inclusion of rows in the log"
_NEVER_CHECKED = "truth of the log: no proof covers a decision that was never logged"
_NOT_RUN = "re-run: the notebook was not executed again"
#: What only the full verifier checks; it takes these lines out of the report.
FULL_ONLY_TABLES = "CSV against Parquet: compared by the full verifier"
FULL_ONLY_PAGES = "README.html, the report and verify.html against the case: compared by the full verifier"
FULL_ONLY_RENDERING = "HTML rendered again from the notebook: compared by the full verifier"
#: What no verifier can make again.
AS_STATED = "report.md, environment.json, requirements.txt, models/digests.json: as the signer states them"
_PDF = "PDF: that its pages show the notebook; it names it, and neither verifier prints it again"
_PICTURES = "pictures: that each shows the data beside it; neither verifier draws one again"
_UNANCHORED = (
    "No timestamp and no witness anchors this bundle in time: whoever holds the signing key could have made it today"
)
_PIN = "A public key proves something only if it reached you by another way than the bundle"


def verify_bundle(
    path: Path,
    trust: Trust | None = None,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
) -> Verification:
    """Verify a bundle, an archive or the same unpacked in a folder.

    Parameters
    ----------
    path
        ``<case>.zip`` or a folder.
    trust
        The keys that the reader accepts; without any, every signature is a finding.
    require_anchor
        Fail unless something outside the signer's reach holds the bundle in time.
    require_sign_offs
        Fail unless persons signed that it is this: ``reviewed``, ``approved``; empty: what the case itself asks for.
    known
        What the reader knows already, so that an older bundle is STALE.

    Raises
    ------
    IntegrityError
        The verdict is STALE, FAILED or REFUSED; the error carries the report with every finding.
    MisuseError
        There is nothing at `path`.
    """
    return settle(
        examine_bundle(path, trust, require_anchor=require_anchor, require_sign_offs=require_sign_offs, known=known)
    )


def examine_bundle(
    path: Path,
    trust: Trust | None = None,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
) -> Verification:
    """Return the report of `verify_bundle` whatever the verdict."""
    with opened(path) as (container, findings):
        return examine_opened(
            str(path),
            container,
            findings,
            trust or Trust(),
            require_anchor=require_anchor,
            require_sign_offs=require_sign_offs,
            known=known,
        )


def examine_opened(
    subject: str,
    container: Container | None,
    findings: list[Finding],
    trust: Trust,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
) -> Verification:
    """Return the report on the files that `opened` gave, or on the findings against their shape."""
    report = _report(subject, container, findings, trust, require_sign_offs, known=known)
    return _anchored(report) if require_anchor else report


@contextmanager
def opened(path: Path) -> Iterator[tuple[Container | None, list[Finding]]]:
    """Give the files of a bundle whose shape is good, or None and the findings against its shape.

    Raises
    ------
    MisuseError
        There is nothing at `path`.
    """
    try:
        if path.is_dir():
            yield read_folder(path)
        else:
            with path.open("rb") as file:
                yield read_archive(file)
    except OSError as error:
        raise MisuseError(
            f"The bundle {path} cannot be read ({error.strerror})", "Give the path of an exported bundle"
        ) from error


def examine_archive(
    file: BinaryIO,
    name: str,
    trust: Trust,
    *,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
) -> Verification:
    """Return the report on an archive that is open for reading."""
    archive, findings = read_archive(file)
    return _report(name, archive, findings, trust, require_sign_offs, known=known)


def _anchored(report: Verification) -> Verification:
    """Return a report with the finding that nothing anchors the bundle, unless something does or it was refused."""
    if report.verdict is Verdict.REFUSED or report.anchors:
        return report
    missing = Finding("anchor.missing", ATTESTATION, _UNANCHORED, "Ask for a bundle with a timestamp")
    return replace(report, verdict=Verdict.FAILED, findings=(*report.findings, missing))


def _report(
    subject: str,
    container: Container | None,
    findings: list[Finding],
    trust: Trust,
    require_sign_offs: Collection[str] | None,
    *,
    known: Known | None,
) -> Verification:
    contents = None if container is None else Contents(container, _documents(container))
    if contents is not None:
        too_large = (
            refused("archive.document-too-large", name, "it is larger than 16 MiB") for name in contents.too_large()
        )
        findings = [*findings, *too_large]
    if contents is None or findings:
        later = tuple(f"{stage}: the shape was refused" for stage in (*_STAGES[1:], _ROWS))
        return Verification(subject, Verdict.REFUSED, tuple(findings), (_SHAPE,), (*later, _NEVER_CHECKED))
    attestation = contents.document(ATTESTATION)
    checked = CheckedAttestation()
    if attestation is None:
        missing = "the bundle carries no attestation, so nothing in it is vouched for"
        checked.findings.append(
            Finding("signature.missing", ATTESTATION, missing, "Ask the sender for a signed bundle")
        )
    else:
        checked = check_attestation(attestation, trust)
    signed_off, stamped, known = CheckedSignOffs(), CheckedTimeStamp(), known or Known()
    if checked.predicate is not None:
        stamped = check_time_stamp(contents, checked.predicate, trust)
        check_keys(checked, stamped.seen, known.now())
        signed_off = check_sign_offs(contents, checked, trust, require_sign_offs, known.now())
    in_content, rows = _checked_content(contents, checked, trust, stamped.seen)
    findings = [*checked.findings, *in_content, *rows.findings, *signed_off.findings]
    has_notebook = checked.predicate is None or checked.predicate.notebook is not None
    stages = _STAGES if has_notebook else _STAGES[:-1]
    done = stages[:2] if checked.statement is None else stages[:4] if checked.predicate is None else stages
    undone = tuple(f"{stage}: the attestation could not be read" for stage in stages if stage not in done)
    if any(map(is_sign_off, contents.names)):
        if checked.predicate is not None:
            done = (*done, _SIGN_OFFS)
        else:
            undone = (*undone, f"{_SIGN_OFFS}: the attestation could not be read")
    else:
        undone = (*undone, _NO_SIGN_OFFS)
    unbound = [entries[0].public.name for entries in checked.accepted if not any(entry.person for entry in entries)]
    unbound += [name for name in signed_off.unbound if name not in unbound]
    if unbound:
        undone = (*undone, _HOLDERS.format(", ".join(unbound)))
    if NOTEBOOK_PDF in contents.names:
        undone = (*undone, _PDF)
    if any(name.endswith(PICTURE) for name in contents.names):
        undone = (*undone, _PICTURES)
    of_notebook = (FULL_ONLY_RENDERING, _NEVER_CHECKED, _NOT_RUN) if has_notebook else (_NEVER_CHECKED,)
    report = Verification(
        subject,
        Verdict.UNANCHORED if not findings else Verdict.REFUSED if checked.statement is None else Verdict.FAILED,
        tuple(findings),
        (*done, *rows.checked),
        (*undone, AS_STATED, *rows.not_checked, FULL_ONLY_TABLES, FULL_ONLY_PAGES, *of_notebook),
        signers=(*checked.signers, *signed_off.signers, *rows.signers),
        notes=(*signed_off.notes, *checked.notes, *rows.notes, _UNANCHORED, _PIN),
    )
    return with_age(with_time_stamp(report, stamped, _UNANCHORED), checked.predicate, known, rows.grown_from)


def _documents(container: Container) -> frozenset[str]:
    """Return the files that are parsed, and so held in memory."""
    return _DOCUMENTS | frozenset(filter(is_sign_off, container.names))


def _checked_content(
    contents: Contents, checked: CheckedAttestation, trust: Trust, stamped: datetime | None
) -> tuple[list[Finding], CheckedRows]:
    """Check files, case and rows against the attestation, as far as that could be read."""
    unread = CheckedRows(not_checked=[f"{_ROWS}: the attestation could not be read"])
    if checked.statement is None:
        return [], unread
    findings = check_coverage(contents, checked.statement)
    known_bad = {finding.file for finding in findings}
    findings += check_bag(contents, known_bad)
    if checked.predicate is None:
        return findings, unread
    findings += check_content(contents, checked.predicate, known_bad)
    findings += check_models(contents, checked.predicate, known_bad)
    rows = check_rows(contents, checked.predicate, trust, known_bad, stamped)
    if checked.predicate.models:
        rows.checked.append(MODELS_CHECKED)
    return findings, rows

"""The full verification of a bundle: the light one, and what needs polars."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.case.frame_files import csv_bytes
from audit_lab.case.log_report import LOG_REPORT, LOG_REPORT_KIND
from audit_lab.evidence.keyring import accepted_keys
from audit_lab.evidence.log_comparison import NOT_COMPARED, states_comparison
from audit_lab.evidence.notebook_html import render_html, renderer
from audit_lab.evidence.rerun.report import with_rerun
from audit_lab.seal.envelope import Envelope
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.statement import Statement
from audit_lab.verifier.bundle import FULL_ONLY_RENDERING, FULL_ONLY_TABLES, examine_bundle, opened
from audit_lab.verifier.layout import ATTESTATION, EXHIBITS, NOTEBOOK, NOTEBOOK_HTML
from audit_lab.verifier.predicate import Predicate

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from audit_lab.evidence.rerun.report import Rerun
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.container import Container

__all__ = ["examine_in_full", "verify_in_full"]

_TABLES = "CSV of every table equals its Parquet"
_RENDERING = "HTML rendered again from the notebook has the same bytes"
_NEXT = "Ask the investigator for a bundle that agrees with itself"


def verify_in_full(
    path: Path | str,
    trust: Trust | Path | str | Sequence[Path | str] | None = None,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    rerun: Rerun | None = None,
) -> Verification:
    """Verify a bundle as the light verifier does, and compare CSV with Parquet and the HTML with the notebook.

    Parameters
    ----------
    path
        ``<case>.zip`` or a folder.
    trust
        The keys to accept, their file, or several files; default: the user's own trust file.
    require_anchor
        Fail unless something outside the signer's reach holds the bundle in time.
    require_sign_offs
        Fail unless persons signed that it is this: ``reviewed``, ``approved``; empty: what the case itself asks for.
    rerun
        How its notebook is to be run again; default: it is not.

    Raises
    ------
    IntegrityError
        The verdict is FAILED or REFUSED; the error carries the report with every finding.
    SandboxError
        The notebook cannot be run again here.
    MisuseError
        There is nothing at `path`, or the trust file cannot be read.
    """
    return settle(
        examine_in_full(
            Path(path),
            accepted_keys(trust),
            require_anchor=require_anchor,
            require_sign_offs=require_sign_offs,
            rerun=rerun,
        )
    )


def examine_in_full(
    path: Path,
    trust: Trust,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    rerun: Rerun | None = None,
) -> Verification:
    """Return the report of `verify_in_full` whatever the verdict; a bundle that fails is not looked into further."""
    report = examine_bundle(path, trust, require_anchor=require_anchor, require_sign_offs=require_sign_offs)
    if not report.holds:
        return report
    with opened(path) as (container, _):
        if container is None:
            return report
        findings = _table_findings(container)
        checked, not_checked = [_TABLES], [line for line in report.not_checked if line != FULL_ONLY_TABLES]
        predicate = _predicate(container)
        if not _keeps_comparison(container, predicate.log_manifest_sha256):
            not_checked.append(NOT_COMPARED)
        attested = None if predicate.notebook is None else predicate.notebook.renderer
        if attested == renderer():
            findings += _rendering_findings(container)
            checked.append(_RENDERING)
            not_checked.remove(FULL_ONLY_RENDERING)
        elif attested is None:
            not_checked.remove(FULL_ONLY_RENDERING)
        else:
            place = not_checked.index(FULL_ONLY_RENDERING)
            not_checked[place] = f"HTML rendered again: it was made with {attested}, and here is {renderer()}"
        report = replace(
            report,
            verdict=Verdict.FAILED if findings else report.verdict,
            findings=tuple(findings),
            checked=(*report.checked, *checked),
            not_checked=tuple(not_checked),
        )
        return report if rerun is None or not report.holds else with_rerun(report, container, predicate, rerun)


def _table_findings(container: Container) -> list[Finding]:
    findings = []
    for name in container.names:
        table = PurePosixPath(name)
        parquet = str(table.with_suffix(".parquet"))
        if not name.startswith(EXHIBITS) or table.suffix != ".csv" or parquet not in container.names:
            continue
        try:
            expected = csv_bytes(pl.read_parquet(io.BytesIO(_whole(container, parquet))))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            first = str(error).split("\n")[0]
            findings.append(Finding("exhibit.unreadable", parquet, f"it is not readable Parquet ({first})", _NEXT))
            continue
        if expected != _whole(container, name):
            findings.append(Finding("exhibit.csv-differs", name, "it does not show the rows of its Parquet", _NEXT))
    return findings


def _rendering_findings(container: Container) -> list[Finding]:
    try:
        rendered = render_html(_whole(container, NOTEBOOK))
    except MalformedError as error:
        return [Finding(error.code, NOTEBOOK, error.message, error.next_step)]
    if rendered == _whole(container, NOTEBOOK_HTML):
        return []
    meaning = "it is not what the notebook renders to"
    return [Finding("notebook.rendering-differs", NOTEBOOK_HTML, meaning, _NEXT)]


def _keeps_comparison(container: Container, manifest_sha256: str) -> bool:
    return any(
        states_comparison(_whole(container, name), manifest_sha256)
        for name in container.names
        if name.startswith(EXHIBITS) and name.endswith(f"-{LOG_REPORT_KIND}/{LOG_REPORT}")
    )


def _predicate(container: Container) -> Predicate:
    envelope = Envelope.parse(_whole(container, ATTESTATION), ATTESTATION)
    return Predicate.parse(Statement.parse(envelope.payload, ATTESTATION).predicate, ATTESTATION)


def _whole(container: Container, name: str) -> bytes:
    return b"".join(container.chunks(name))

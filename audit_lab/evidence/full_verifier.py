"""The full verification of a bundle: the light one, its tables, its page, and on demand the re-run.

What these need is imported when a bundle has them: without tables polars is not, and Jupyter never is.
"""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import AuditLabError
from audit_lab.face.accepted import accepted_keys
from audit_lab.seal.digests import sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.verifier.bundle import FULL_ONLY_RENDERING, FULL_ONLY_TABLES, examine_opened, opened
from audit_lab.verifier.layout import (
    ATTESTATION,
    EXHIBITS,
    INVESTIGATION,
    NOTEBOOK,
    NOTEBOOK_HTML,
    PROOF_INDEX,
    PROOF_PARTS,
    PROVEN_ROWS,
    TIME_STAMP,
)
from audit_lab.verifier.rows import FULL_ONLY_EXHIBITS, FULL_ONLY_ROWS, is_redacted
from audit_lab.verifier.signature import check_attestation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from typing import Self

    from audit_lab.evidence.rerun.report import Rerun
    from audit_lab.seal.statement import Statement
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.age import Known
    from audit_lab.verifier.container import Container
    from audit_lab.verifier.predicate import Predicate

__all__ = ["examine_in_full", "verify_in_full"]

_TABLES = "CSV of every table equals its Parquet"
_ROWS = "rows as Parquet are what their committed bytes say, value by value"
_EXHIBITS = "exhibits against the proven rows: {} of them show such rows under the log's own names, with their values"
_FETCHES_NOTHING = "notebook fetches nothing from outside the bundle when it is shown, scripts apart"
_RENDERING = "HTML rendered again from the notebook has the same bytes"
#: Reading, digests and tables leave the interpreter to the page, which is rendered meanwhile.
_THREADS = 2
_NEXT = "Ask the investigator for a bundle that agrees with itself"


def verify_in_full(
    path: Path | str,
    trust: Trust | Path | str | Sequence[Path | str] | None = None,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
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
    known
        What the reader knows already, so that an older bundle is STALE.
    rerun
        How its notebook is to be run again; default: it is not.

    Raises
    ------
    IntegrityError
        The verdict is STALE, FAILED or REFUSED; the error carries the report with every finding.
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
            known=known,
            rerun=rerun,
        )
    )


def examine_in_full(
    path: Path,
    trust: Trust,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    known: Known | None = None,
    rerun: Rerun | None = None,
) -> Verification:
    """Return the report of `verify_in_full` whatever the verdict; a bundle that fails is not looked into further."""
    with opened(path) as (container, findings), _importing(_needed_for(container)):
        report = examine_opened(
            str(path),
            container,
            findings,
            trust,
            require_anchor=require_anchor,
            require_sign_offs=require_sign_offs,
            known=known,
        )
        if container is None or not report.holds:
            return report
        if TIME_STAMP in container.names:
            from audit_lab.evidence.time_stamp import second_opinion

            report = second_opinion(report, container, trust)
        return _looked_into(report, _Files.of(container, trust), rerun) if report.holds else report


def _needed_for(container: Container | None) -> list[str]:
    """Return the modules that a bundle's tables and page will need."""
    names = () if container is None else container.names
    needed = ["polars"] if any(name.endswith(".parquet") for name in names) else []
    return [*needed, "audit_lab.evidence.notebook_html"] if NOTEBOOK in names else needed


@contextmanager
def _importing(modules: Sequence[str]) -> Iterator[None]:
    """Import modules while the block runs: the digests of a large bundle leave the interpreter to that."""

    def import_all() -> None:
        with suppress(ImportError):  # raised again where the module is used
            for name in modules:
                import_module(name)

    thread = threading.Thread(target=import_all, name="audit_lab imports")
    thread.start()
    try:
        yield
    finally:
        thread.join()


@dataclass(frozen=True)
class _Files:
    """The files of a bundle that holds, read a second time: what is looked into is what was signed for."""

    container: Container
    statement: Statement
    predicate: Predicate
    _reading: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, container: Container, trust: Trust) -> Self:
        checked = check_attestation(b"".join(container.chunks(ATTESTATION)), trust)
        if checked.findings or checked.statement is None or checked.predicate is None:
            raise _changed_meanwhile(ATTESTATION)
        return cls(container, checked.statement, checked.predicate)

    def has(self, name: str, content: bytes) -> bool:
        """Whether a file, whose digest was found to be the attested one, has this content."""
        return sha256(content) == self.statement.subjects.get(name)

    def content(self, name: str) -> bytes:
        with self._reading:  # an archive has one place where it reads
            content = b"".join(self.container.chunks(name))
        if sha256(content) != self.statement.subjects.get(name):
            raise _changed_meanwhile(name)
        return content


def _changed_meanwhile(name: str) -> AuditLabError:
    return AuditLabError(f"{name} of the bundle changed while it was checked", "Check a copy that nobody writes to")


def _looked_into(report: Verification, files: _Files, rerun: Rerun | None) -> Verification:
    """Return the report with what only the full verifier checks."""
    from audit_lab.evidence.log_comparison import NOT_COMPARED

    not_checked = [line for line in report.not_checked if line != FULL_ONLY_TABLES]
    checked = [_TABLES]
    with ThreadPoolExecutor(_THREADS) as threads:
        tables = [threads.submit(_table_finding, files, *names) for names in _tables(files)]
        rendered = _rendering_findings(files) if _same_renderer(files) else []
        findings = [*(found for table in tables if (found := table.result()) is not None), *rendered]
    if files.predicate.notebook is not None:
        findings += [finding for finding in _pointing_findings(files) if finding not in findings]
        checked.append(_FETCHES_NOTHING)
    if FULL_ONLY_ROWS in not_checked:
        of_rows, compared = _row_findings(files)
        findings += of_rows
        not_checked = [line for line in not_checked if line not in {FULL_ONLY_ROWS, FULL_ONLY_EXHIBITS}]
        checked += [_ROWS, _EXHIBITS.format(compared)]
    if not _keeps_comparison(files):
        not_checked.append(NOT_COMPARED)
    place = not_checked.index(FULL_ONLY_RENDERING)
    notebook = files.predicate.notebook
    if notebook is None:
        del not_checked[place]
    else:
        from audit_lab.evidence.notebook_html import renderer

        if _same_renderer(files):
            checked.append(_RENDERING)
            del not_checked[place]
        else:
            made = f"it was made with {notebook.renderer}, and here is {renderer()}"
            not_checked[place] = f"HTML rendered again: {made}"
    report = replace(
        report,
        verdict=Verdict.FAILED if findings else report.verdict,
        findings=tuple(findings),
        checked=(*report.checked, *checked),
        not_checked=tuple(not_checked),
    )
    if rerun is None or not report.holds:
        return report
    from audit_lab.evidence.rerun.report import with_rerun

    return with_rerun(report, files.container, files.predicate, rerun)


def _row_findings(files: _Files) -> tuple[list[Finding], int]:
    """Compare every Parquet file of rows with its proof, which the light verifier found to hold, then the exhibits.

    The number says how many exhibits show any of these rows.
    """
    from audit_lab.evidence.rows.comparison import rows_finding, rows_shown
    from audit_lab.evidence.rows.exhibits import compared_exhibits, proven_by_id

    redaction = files.predicate.redaction
    taken = {} if redaction is None else {name: how for name, how in redaction.columns.items() if how != "drop"}
    found, proven = [], []
    for part in LogProof.parse(files.content(PROOF_INDEX), PROOF_INDEX).parts:
        name, proof = f"{PROVEN_ROWS}{part.name}.parquet", f"{PROOF_PARTS}{part.name}.json"
        shown = SegmentProof.parse(files.content(proof), proof)
        replaced = {column for column in shown.withheld if is_redacted(taken, part.table, column)}
        finding = rows_finding(name, files.content(name), shown, replaced)
        if finding is not None:
            found.append(finding)
        else:
            proven.append((part.table, rows_shown(files.content(name), shown)))
    exhibits = json.loads(files.content(INVESTIGATION))["exhibits"]
    differing, compared = compared_exhibits(exhibits, files.content, proven_by_id(proven))
    return [*found, *differing], compared


def _same_renderer(files: _Files) -> bool:
    from audit_lab.evidence.notebook_html import renderer

    return files.predicate.notebook is not None and files.predicate.notebook.renderer == renderer()


def _tables(files: _Files) -> list[tuple[str, str]]:
    """Return each CSV that has a Parquet beside it, with that."""
    names = set(files.container.names)
    return [
        (name, parquet)
        for name in files.container.names
        if name.startswith(EXHIBITS) and name.endswith(".csv")
        if (parquet := f"{name.removesuffix('.csv')}.parquet") in names
    ]


def _table_finding(files: _Files, name: str, parquet: str) -> Finding | None:
    import polars as pl

    from audit_lab.case.frame_files import csv_bytes

    try:
        expected = csv_bytes(pl.read_parquet(io.BytesIO(files.content(parquet))))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first = str(error).split("\n")[0]
        return Finding("exhibit.unreadable", parquet, f"it is not readable Parquet ({first})", _NEXT)
    if files.has(name, expected):
        return None
    return Finding("exhibit.csv-differs", name, "it does not show the rows of its Parquet", _NEXT)


def _rendering_findings(files: _Files) -> list[Finding]:
    from audit_lab.evidence.head_page import head_page
    from audit_lab.evidence.notebook_html import render_html

    try:
        notebook = files.content(NOTEBOOK)
        head = head_page(files.content(INVESTIGATION), files.predicate, sha256(notebook))
        rendered = render_html(notebook, head)
    except MalformedError as error:
        return [Finding(error.code, NOTEBOOK, error.message, error.next_step)]
    if files.has(NOTEBOOK_HTML, rendered):
        return []
    meaning = "it is not what the notebook renders to"
    return [Finding("notebook.rendering-differs", NOTEBOOK_HTML, meaning, _NEXT)]


def _pointing_findings(files: _Files) -> list[Finding]:
    from audit_lab.evidence.notebook_addresses import outside_addresses
    from audit_lab.evidence.notebook_document import shown_cells

    try:
        found = outside_addresses(shown_cells(files.content(NOTEBOOK)))
    except MalformedError as error:
        return [Finding(error.code, NOTEBOOK, error.message, error.next_step)]
    next_step = "Do not open it in a program that fetches; read the page, which shows nothing of it"
    return [
        Finding("notebook.points-outside", NOTEBOOK, f"cell {cell} would fetch {address[:200]!a}", next_step)
        for cell, address in found
    ]


def _keeps_comparison(files: _Files) -> bool:
    from audit_lab.evidence.log_comparison import is_log_report, states_comparison

    return any(
        states_comparison(files.content(name), files.predicate)
        for name in files.container.names
        if name.startswith(EXHIBITS) and is_log_report(name)
    )

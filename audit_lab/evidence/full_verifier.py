"""The full verification of a bundle: the light one, its tables, its page, and on demand the re-run.

What these need is imported when a bundle has them: without tables polars is not, and Jupyter never is.
"""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.evidence.signed_files import SignedFiles
from audit_lab.face.accepted import accepted_keys
from audit_lab.seal.digests import sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict, Verification, settle
from audit_lab.seal.row_proofs import LogProof, SegmentProof
from audit_lab.verifier.bundle import (
    FULL_ONLY_PAGES,
    FULL_ONLY_RENDERING,
    FULL_ONLY_TABLES,
    examine_opened,
    opened,
)
from audit_lab.verifier.layout import (
    ATTESTATION,
    BAG_INFO,
    EXHIBITS,
    INVESTIGATION,
    NOTEBOOK,
    NOTEBOOK_HTML,
    PROOF_INDEX,
    PROOF_PARTS,
    PROVEN_ROWS,
    README,
    TIME_STAMP,
)
from audit_lab.verifier.rows import FULL_ONLY_EXHIBITS, FULL_ONLY_ROWS, is_redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from audit_lab.evidence.rerun.report import Rerun
    from audit_lab.evidence.rows.exhibits import ComparedExhibits
    from audit_lab.seal.trust import Trust
    from audit_lab.verifier.age import Known
    from audit_lab.verifier.container import Container

__all__ = ["examine_in_full", "verify_in_full"]

_TABLES = "CSV of every table against its Parquet"
_ROWS = "rows as Parquet against their committed bytes, value by value"
_EXHIBITS = "exhibits against the proven rows: {} of them show such rows under the log's own names, with their values"
_LEFT = "exhibits against the proven rows, not compared: {}"
_FETCHES_NOTHING = "what the notebook would fetch from outside the bundle when it is shown, scripts apart"
_PAGES = "README.html and the report, made again from the case, and verify.html of this release, against those here"
_RENDERING = "HTML rendered again from the notebook against the bytes of the one here"
#: Found by what the reader requires or knows, or beside what the investigator signed: no reason to look no further.
_AGE = ("bundle.older-", "bundle.no-checkpoint", "bundle.other-log", "bundle.forked-log")
_BESIDE = (*_AGE, "anchor.", "sign-off.", "timestamp.")
#: Of one exhibit: what the others and the pages say is compared all the same, and nothing is run again.
_NOT_KEPT = "case.exhibit-not-kept"
_COMPARED_BY_FULL = "compared by the full verifier"
_NOT_VOUCHED = "not compared, since nobody whom the trust file accepts vouches for the files as they are"
_NOT_WHOLE = "not compared, since the bundle does not agree with itself"
#: What makes pages again, and what of it is made ready while files are read.
_OF_PAGES = "audit_lab.evidence.page_comparison"
_OF_NOTEBOOKS, _OF_MARKDOWN = "audit_lab.evidence.notebook_html", "audit_lab.evidence.markdown_html"
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
    """Return the report of `verify_in_full` whatever the verdict, with every finding.

    What nobody whom the reader accepts vouches for is not parsed; of a bundle that does not agree with itself only
    those tables are compared that are as they were signed for. Either is said under what was not checked.
    """
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
        wrong = [found for found in report.findings if not found.code.startswith((*_BESIDE, _NOT_KEPT))]
        if container is None or any(found.file == ATTESTATION for found in wrong):
            return _left_out(report, _NOT_VOUCHED)
        if TIME_STAMP in container.names and not any(found.code.startswith("timestamp.") for found in report.findings):
            from audit_lab.evidence.time_stamp import second_opinion

            report = second_opinion(report, container, trust)
        files = SignedFiles.of(container, trust, frozenset(found.file for found in wrong))
        if wrong:
            return _left_out(_with(report, _table_findings(files), [_TABLES], {FULL_ONLY_TABLES}), _NOT_WHOLE)
        return _looked_into(report, files, rerun)


def _left_out(report: Verification, why: str) -> Verification:
    """Return a report that says why it does not compare what only the full verifier could."""
    lines = (line.replace(_COMPARED_BY_FULL, why) for line in report.not_checked)
    return replace(report, not_checked=tuple(lines))


def _with(
    report: Verification, findings: Sequence[Finding], checked: Sequence[str], no_longer_open: Collection[str]
) -> Verification:
    """Return a report with more findings, which make it FAILED, and more that was checked."""
    return replace(
        report,
        verdict=Verdict.FAILED if findings else report.verdict,
        findings=(*report.findings, *findings),
        checked=(*report.checked, *checked),
        not_checked=tuple(line for line in report.not_checked if line not in no_longer_open),
    )


def _needed_for(container: Container | None) -> list[str]:
    """Return the modules that a bundle's tables and page will need."""
    names = () if container is None else container.names
    needed = ["polars"] if any(name.endswith(".parquet") for name in names) else []
    needed += [_OF_PAGES] if README in names else []
    return [*needed, _OF_NOTEBOOKS] if NOTEBOOK in names else needed


@contextmanager
def _importing(modules: Sequence[str]) -> Iterator[None]:
    """Import modules while the block runs: the digests of a large bundle leave the interpreter to that."""

    def import_all() -> None:
        with suppress(ImportError):  # raised again where the module is used
            for name in modules:
                import_module(name)
            if _OF_NOTEBOOKS in modules:
                import_module(_OF_MARKDOWN).make_ready()

    thread = threading.Thread(target=import_all, name="audit_lab imports")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _looked_into(report: Verification, files: SignedFiles, rerun: Rerun | None) -> Verification:
    """Return the report with what only the full verifier checks."""
    from audit_lab.evidence.log_comparison import NOT_COMPARED

    checked, done = [_TABLES], {FULL_ONLY_TABLES}
    notebook = files.predicate.notebook
    why_not = _other_release(files)
    meanwhile = [_rendering_findings] if _same_renderer(files) else []
    findings = _table_findings(files, [*meanwhile, *([_page_findings] if why_not is None else [])])
    if notebook is not None:
        findings += [finding for finding in _pointing_findings(files) if finding not in findings]
        checked.append(_FETCHES_NOTHING)
    if why_not is None:
        checked.append(_PAGES)
        done.add(FULL_ONLY_PAGES)
    if FULL_ONLY_ROWS in report.not_checked:
        of_rows, exhibits = _row_findings(files)
        findings += of_rows
        done |= {FULL_ONLY_ROWS, FULL_ONLY_EXHIBITS}
        checked += [_ROWS, _EXHIBITS.format(exhibits.compared)]
        report = replace(report, not_checked=(*report.not_checked, *map(_LEFT.format, exhibits.left)))
    if _same_renderer(files):
        checked.append(_RENDERING)
        done.add(FULL_ONLY_RENDERING)
    report = _with(report, findings, checked, done)
    not_checked = list(report.not_checked) if _keeps_comparison(files) else [*report.not_checked, NOT_COMPARED]
    if notebook is not None and FULL_ONLY_RENDERING in not_checked:
        from audit_lab.evidence.notebook_html import renderer

        made = f"it was made with {notebook.renderer}, and here is {renderer()}"
        not_checked[not_checked.index(FULL_ONLY_RENDERING)] = f"HTML rendered again: {made}"
    if why_not is not None:
        not_checked[not_checked.index(FULL_ONLY_PAGES)] = why_not
    report = replace(report, not_checked=tuple(not_checked))
    if rerun is None or any(not found.code.startswith(_BESIDE) for found in report.findings):
        return report
    from audit_lab.evidence.rerun.report import with_rerun

    return with_rerun(report, files.container, files.predicate, rerun)


def _table_findings(
    files: SignedFiles, meanwhile: Sequence[Callable[[SignedFiles], list[Finding]]] = ()
) -> list[Finding]:
    """Compare every table that is as it was signed for; what is to be done meanwhile finds things too."""
    with ThreadPoolExecutor(_THREADS) as threads:
        tables = [threads.submit(_table_finding, files, *names) for names in _tables(files)]
        others = [found for each in meanwhile for found in each(files)]
        return [*(found for table in tables if (found := table.result()) is not None), *others]


def _row_findings(files: SignedFiles) -> tuple[list[Finding], ComparedExhibits]:
    """Compare every Parquet file of rows with its proof, which the light verifier found to hold, then the exhibits."""
    from audit_lab.evidence.rows.comparison import rows_finding, rows_shown
    from audit_lab.evidence.rows.exhibits import compared_exhibits
    from audit_lab.evidence.rows.proven_log import ProvenLog

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
            proven.append((part.table, rows_shown(files.content(name), shown, part.segment)))
    exhibits = json.loads(files.content(INVESTIGATION))["exhibits"]
    withheld = () if redaction is None else redaction.columns
    names = frozenset(name for each in withheld for name in (each, each.rpartition(".")[2]))
    compared = compared_exhibits(exhibits, files.content, ProvenLog.of(proven, names))
    return [*found, *compared.findings], compared


def _other_release(files: SignedFiles) -> str | None:
    from audit_lab.evidence.page_comparison import other_release

    return other_release(files.content(BAG_INFO))


def _page_findings(files: SignedFiles) -> list[Finding]:
    """Make the pages again from the case."""
    from audit_lab.evidence.page_comparison import compared_pages

    return compared_pages(files.container.names, files.content, files.has, files.key, files.predicate)


def _same_renderer(files: SignedFiles) -> bool:
    from audit_lab.evidence.notebook_html import renderer

    return files.predicate.notebook is not None and files.predicate.notebook.renderer == renderer()


def _tables(files: SignedFiles) -> list[tuple[str, str]]:
    """Return each CSV that has a Parquet beside it, with that."""
    names = set(files.container.names) - files.wrong
    return [
        (name, parquet)
        for name in sorted(names)
        if name.startswith(EXHIBITS) and name.endswith(".csv")
        if (parquet := f"{name.removesuffix('.csv')}.parquet") in names
    ]


def _table_finding(files: SignedFiles, name: str, parquet: str) -> Finding | None:
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


def _rendering_findings(files: SignedFiles) -> list[Finding]:
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


def _pointing_findings(files: SignedFiles) -> list[Finding]:
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


def _keeps_comparison(files: SignedFiles) -> bool:
    from audit_lab.evidence.log_comparison import is_log_report, states_comparison

    return any(
        states_comparison(files.content(name), files.predicate)
        for name in files.container.names
        if name.startswith(EXHIBITS) and is_log_report(name)
    )

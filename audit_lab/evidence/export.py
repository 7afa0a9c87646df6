"""The export: a case, and the notebook that made it, as one signed bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.case.about import ABOUT_NAME, CaseAbout
from audit_lab.case.casefile import CaseFile
from audit_lab.errors import AuditLabError, MisuseError, NotebookError
from audit_lab.evidence.archive_writer import chunks_of, write_archive
from audit_lab.evidence.aside_file import aside
from audit_lab.evidence.bundle_files import bundle_files
from audit_lab.evidence.environment import environment_facts
from audit_lab.evidence.export_folder import export_folder
from audit_lab.evidence.investigation import investigation_payload
from audit_lab.evidence.leaving import Leaving, log_of, models_of, rows_of
from audit_lab.evidence.notebook_pages import notebook_pages
from audit_lab.evidence.notebook_run import CASES_FOLDER, ExecutedNotebook, execute_notebook
from audit_lab.evidence.readme_page import readme_page
from audit_lab.evidence.redaction.attested import attested_redaction
from audit_lab.evidence.redaction.case import redacted_case
from audit_lab.evidence.redaction.search import check_withheld, needles_of
from audit_lab.evidence.redaction.values import Redaction
from audit_lab.evidence.research_object import research_object
from audit_lab.evidence.said_of_bundle import NOTEBOOK_FOLDER, OWN_FOLDER
from audit_lab.evidence.verify_page import PAGE_NAME, checking_page
from audit_lab.evidence.whole_case import EXPORTED, carried_custody, check_whole
from audit_lab.face.pinned import LogPin
from audit_lab.face.progress import shown
from audit_lab.seal.custody import time_text
from audit_lab.seal.digests import sha256, sha256_file
from audit_lab.seal.portable_name import safe_name
from audit_lab.seal.report import settle
from audit_lab.seal.trust import ANY_ORIGIN, Trust, TrustedKey
from audit_lab.verifier.bundle import examine_archive
from audit_lab.verifier.layout import INVESTIGATION, MODEL_FILES, NOTEBOOK_PDF, README, REPORT_HTML, RESEARCH_OBJECT
from audit_lab.verifier.predicate import Predicate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.evidence.archive_writer import FileContent
    from audit_lab.seal.keys import SigningKey

__all__ = ["export_case", "export_notebook"]

_ARCHIVE_SUFFIX = ".zip"
_NO_FOLDER = "a file stands where its folder should be"


@partial(shown, "export")
def export_case(
    case: CaseFile,
    out: Path,
    *,
    key: SigningKey,
    notebook: Path | None = None,
    signed_at: datetime | None = None,
    timeout_s: float = 600.0,
    overwrite: bool = False,
    leaving: Leaving | None = None,
    progress: Callable[[str, int], None] | None = None,
    own_folder: bool = False,
    log: Path | None = None,
) -> Path:
    """Export a case as a signed bundle, with a notebook that is run for it.

    Parameters
    ----------
    case
        The case; a line about the export is appended to its custody record afterwards.
    out
        The folder for ``<case>.zip``, or the archive's own path where it ends in ``.zip``.
    key
        The investigator's key.
    notebook
        A notebook to run from a clean kernel; when it makes a case of the same id, its exhibits must be this case's.
    signed_at
        The time to state; default: now.
    timeout_s
        The longest that one cell may take.
    overwrite
        Whether a bundle that stands there already is replaced.
    leaving
        What of the log leaves with the bundle.
    progress
        Called with what begins (a cell, the rows, the pages, the archive, its check) and 1.
    own_folder, log
        As for `execute_notebook`.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    MisuseError
        The archive exists and `overwrite` was not given; or the notebook cannot be run on that log.
    LogError
        The log no longer matches the case's checkpoint, or a row is not as it was sealed. Nothing is written.
    NotebookError
        The notebook did not run to its end, or made other exhibits. Nothing is written.
    AuditLabError
        An exhibit is not as it was kept, a finding rests on one that is gone, or there is no custody record.
    """
    path = _archive_of(case, out)
    _check_free(path, overwrite=overwrite)
    case.note_edits()
    with export_folder() as folder:
        executed = None
        if notebook is not None:
            executed = execute_notebook(
                notebook, folder, timeout_s, _pins(case.about), progress, own_folder=own_folder, log=log
            )
            for again in _cases_in(folder):
                _check_same_exhibits(case, again, notebook)
            _check_free(path, overwrite=overwrite)
        folders = [Path(), *([] if executed is None else [executed.folder])]
        _write_bundle(
            _Material(case, executed, leaving, folders, folder, progress), path, key, signed_at, overwrite=overwrite
        )
        case.record(EXPORTED, sha256_file(path))
    return path


@partial(shown, "export")
def export_notebook(
    notebook: Path,
    out: Path,
    *,
    key: SigningKey,
    signed_at: datetime | None = None,
    timeout_s: float = 600.0,
    overwrite: bool = False,
    leaving: Leaving | None = None,
    progress: Callable[[str, int], None] | None = None,
    own_folder: bool = False,
    log: Path | None = None,
) -> Path:
    """Run a notebook from a clean kernel and export the one case that it makes, together with it.

    `own_folder` and `log` are as for `execute_notebook`.

    Raises
    ------
    MisuseError
        The archive exists and `overwrite` was not given; or the notebook cannot be run on that log.
    LogError
        The log no longer matches the checkpoint that the case was made at. Nothing is written.
    NotebookError
        The notebook did not run to its end, or made no case, or several. Nothing is written.
    """
    if out.suffix == _ARCHIVE_SUFFIX:
        _check_free(out, overwrite=overwrite)
    with export_folder() as folder:
        executed = execute_notebook(notebook, folder, timeout_s, (), progress, own_folder=own_folder, log=log)
        cases = _cases_in(folder)
        if len(cases) != 1:
            names = ", ".join(case.case_id for case in cases) or "none"
            raise NotebookError(
                f"{notebook.name} should make one case and made {len(cases)} ({names})",
                "Create one case in it with al.Case.create, and leave its folder to the default",
            )
        path = _archive_of(cases[0], out)
        _check_free(path, overwrite=overwrite)
        _write_bundle(
            _Material(cases[0], executed, leaving, [executed.folder], folder, progress),
            path,
            key,
            signed_at,
            overwrite=overwrite,
        )
    return path


def _pins(about: CaseAbout) -> list[LogPin]:
    """Return the state of the case's log that a notebook is to run against; none of a log that states none."""
    manifest = "" if about.log_checkpoint else about.log_manifest_sha256
    return [LogPin(about.log_origin, about.log_checkpoint, manifest)] if about.log_checkpoint or manifest else []


def _archive_of(case: CaseFile, out: Path) -> Path:
    if out.suffix == _ARCHIVE_SUFFIX:
        return out
    return out / (safe_name(case.case_id, sha256(case.case_id.encode())) + _ARCHIVE_SUFFIX)


def _check_free(path: Path, *, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise _there_already(path)


def _there_already(path: Path) -> MisuseError:
    return MisuseError(
        f"There is a bundle already: {path}",
        "Choose another --out (in Python: out), or replace it with --overwrite (in Python: overwrite=True)",
    )


def _cases_in(folder: Path) -> list[CaseFile]:
    return [CaseFile.open(about.parent) for about in sorted(folder.glob(f"{CASES_FOLDER}/*/{ABOUT_NAME}"))]


def _check_same_exhibits(case: CaseFile, again: CaseFile, notebook: Path) -> None:
    if again.case_id != case.case_id:
        return
    made, kept = ({exhibit.id: exhibit for exhibit in each.exhibits} for each in (again, case))
    differing = [
        *(made[name] for name in made.keys() - kept.keys()),
        *(kept[name] for name in kept.keys() - made.keys()),
    ]
    if differing:
        titles = ", ".join(sorted({exhibit.title for exhibit in differing}))
        raise NotebookError(
            f"{notebook.name} does not make the exhibits that the case {case.case_id} keeps ({titles})",
            "Run the notebook again on a new case, or export the case without it",
        )


@dataclass(frozen=True)
class _Material:
    """What a bundle is made from.

    `folders` are where a relative path of the log may begin, and `scratch` is a folder that nothing outlives.
    """

    case: CaseFile
    executed: ExecutedNotebook | None
    leaving: Leaving | None
    folders: Sequence[Path]
    scratch: Path
    progress: Callable[[str, int], None] | None = None

    def begins(self, what: str) -> None:
        if self.progress is not None:
            self.progress(what, 1)


def _write_bundle(
    material: _Material, path: Path, key: SigningKey, signed_at: datetime | None, *, overwrite: bool
) -> None:
    predicate, payload = _payload(material, key, signed_at or datetime.now(UTC))
    files = bundle_files(payload, predicate, key)
    trust = Trust((TrustedKey(key.public, "investigator", ANY_ORIGIN),), "the signer's own key")
    try:
        with aside(path, replace=overwrite) as file:
            material.begins("writing the archive")
            write_archive(file, files)
            material.begins("checking it")
            settle(examine_archive(file, path.name, trust))
    except OSError as error:
        if isinstance(error, FileExistsError) and path.exists():  # made by another export meanwhile
            raise _there_already(path) from error
        no_folder = isinstance(error, (FileExistsError, NotADirectoryError))
        raise AuditLabError(
            f"The bundle {path} cannot be written ({_NO_FOLDER if no_folder else error.strerror})",
            "Choose another folder, or make room in this one",
        ) from error


def _payload(material: _Material, key: SigningKey, signed_at: datetime) -> tuple[Predicate, dict[str, FileContent]]:
    check_whole(material.case)
    executed, leaving = material.executed, material.leaving or Leaving()
    redaction = None if leaving.redaction is None else Redaction(leaving.redaction)
    material.begins("proving rows")
    rows = rows_of(material.case, log_of(material.case.about, material.folders), leaving, redaction)
    models = models_of(material.case, material.folders, leaving)
    case = material.case if redaction is None else redacted_case(material.case, redaction, material.scratch)
    exhibits, custody = case.exhibits, carried_custody(case.custody)
    if not custody:
        raise AuditLabError(f"The case {case.case_id} has no custody record", "Restore the case's folder as it was")
    facts = environment_facts()
    ran_in = {} if executed is None or executed.is_clean else {NOTEBOOK_FOLDER: OWN_FOLDER}
    predicate = Predicate(
        case_id=case.case_id,
        question=case.about.question,
        log_origin=case.about.log_origin,
        log_manifest_sha256=case.about.log_manifest_sha256,
        log_checkpoint=case.about.log_checkpoint or None,
        notebook=None,
        custody_lines=len(custody),
        custody_head=custody[-1].digest,
        environment={name: str(facts[name]) for name in ("python", "implementation", "system", "machine")} | ran_in,
        signed_at=time_text(signed_at),
        signer=key.name,
        rows=rows.attested,
        redaction=None if redaction is None else attested_redaction(material.case, redaction, rows.also_withheld),
        models=tuple(sorted({name.removeprefix(MODEL_FILES).partition("/")[0] for name in models})),
    )
    material.begins("making pages")
    stated = investigation_payload(case, exhibits, custody, kernel_ran=executed is not None)
    payload = stated | rows.files | models
    if executed is not None:
        investigation = b"".join(chunks_of(payload[INVESTIGATION]))
        attested, pages = notebook_pages(executed, investigation, predicate, signed_at)
        predicate, payload = replace(predicate, notebook=attested), {**payload, **pages}
    there = {"has_pdf": NOTEBOOK_PDF in payload, "has_report": REPORT_HTML in payload}
    readme = readme_page(case, exhibits, predicate, key.public, **there)
    payload |= {README: readme, PAGE_NAME: checking_page()}
    payload[RESEARCH_OBJECT] = research_object(payload, case, exhibits, predicate)
    if redaction is not None:
        whole = {name: b"".join(chunks_of(content)) for name, content in payload.items() if name not in models}
        check_withheld(whole, needles_of(redaction.withheld))
    return predicate, payload

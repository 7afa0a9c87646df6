"""``ro-crate-metadata.json``: what each file of a bundle is and what made it, for tools that know RO-Crate.

RO-Crate 1.1 with the Process Run Crate profile 0.5, written as plain JSON-LD: an entity for each file, the run that
made them, who ran it and with what. Everything that it refers to stands in the bundle or in the document itself.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.archive_writer import chunks_of
from audit_lab.evidence.environment import library_version
from audit_lab.evidence.investigation import exhibit_file
from audit_lab.seal.strict_json import canonical_json
from audit_lab.verifier.layout import NOTEBOOK, NOTEBOOK_HTML, PAYLOAD
from audit_lab.verifier.research_object import CONTEXT, CRATE, DESCRIPTOR, PROFILE, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.case.casefile import CaseFile
    from audit_lab.case.exhibit import Exhibit
    from audit_lab.evidence.archive_writer import FileContent
    from audit_lab.verifier.predicate import Predicate

__all__ = ["research_object"]

_FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
}
_OTHER_FORMAT = "application/octet-stream"
#: What a file is, by the beginning of its name; the first that fits. Exhibits have titles of their own.
_WHAT = {
    "README.": "The page to read first",
    "investigation.json": "The case: question, exhibits, findings, conclusion",
    "custody.jsonl": "Custody record: who did what, when, why",
    "follow-up.json": "Comments on the case and its status",
    "report.": "The incident report",
    "notebook/investigation.ipynb": "The notebook as it ran",
    "notebook/investigation.": "The notebook as it ran, to be read",
    "models/": "The model versions that the exhibits speak of",
    "environment/": "The environment in which the notebook ran",
    "proofs/": "Proof that rows are in the log",
    "rows/": "Rows of the log",
    "exhibits/": "Part of an exhibit",
    "verify.html": "Checks the bundle in a browser",
}
_LICENSE, _RUN, _INVESTIGATOR, _LOG, _LIBRARY = "#license", "#run", "#investigator", "#log", "#audit-lab"
_NOT_LICENSED = "Handed over as evidence in the case that it is about; no licence for any other use is given by it."


def research_object(
    payload: Mapping[str, FileContent], case: CaseFile, exhibits: Sequence[Exhibit], predicate: Predicate
) -> bytes:
    """Return the document that describes the other files of a payload.

    Parameters
    ----------
    payload
        Every other file under ``data/``, by its full name.
    case, exhibits
        The case, and its exhibits, whose titles name their files.
    predicate
        What is attested of it; its time is the date of publication.
    """
    titles = {
        exhibit_file(exhibit, name): f"Exhibit {exhibit.number}: {exhibit.title} ({name})"
        for exhibit in exhibits
        for name in exhibit.files
    }
    files = [_file(name, content, titles.get(name)) for name, content in sorted(payload.items())]
    results = sorted({*titles, *({NOTEBOOK_HTML} & payload.keys())})
    graph = [
        {"@id": DESCRIPTOR, "@type": "CreativeWork", "about": {"@id": ROOT}, "conformsTo": {"@id": CRATE}},
        {
            "@id": ROOT,
            "@type": "Dataset",
            "name": f"Evidence bundle of the case {case.case_id}",
            "description": f"{case.about.question} About the log {predicate.log_origin}.",
            "datePublished": predicate.signed_at,
            "author": {"@id": _INVESTIGATOR},
            "license": {"@id": _LICENSE},
            "conformsTo": {"@id": PROFILE},
            "hasPart": [{"@id": file["@id"]} for file in files],
            "mentions": {"@id": _RUN},
        },
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": _LICENSE, "@type": "CreativeWork", "name": "No licence", "description": _NOT_LICENSED},
        {
            "@id": _RUN,
            "@type": "CreateAction",
            "name": f"Investigation {case.case_id}",
            "description": _how(predicate),
            "instrument": {"@id": _LIBRARY if predicate.notebook is None else _relative(NOTEBOOK)},
            "agent": {"@id": _INVESTIGATOR},
            "endTime": predicate.signed_at,
            "object": {"@id": _LOG},
            "result": [{"@id": _relative(name)} for name in results],
        },
        {"@id": _INVESTIGATOR, "@type": "Person", "name": case.about.actor},
        {"@id": _LIBRARY, "@type": "SoftwareApplication", "name": "audit_lab", "softwareVersion": library_version()},
        {
            "@id": _LOG,
            "@type": "CreativeWork",
            "name": f"The log {predicate.log_origin}",
            "identifier": predicate.log_manifest_sha256 or "not known",
        },
        *files,
    ]
    return canonical_json({"@context": CONTEXT, "@graph": graph}) + b"\n"


def _file(name: str, content: FileContent, title: str | None) -> dict[str, Any]:
    relative = _relative(name)
    what = next((words for beginning, words in _WHAT.items() if relative.startswith(beginning)), "A file of the bundle")
    kind: str | list[str] = "File"
    more: dict[str, Any] = {}
    if name == NOTEBOOK:
        kind, more = ["File", "SoftwareSourceCode"], {"programmingLanguage": "Python"}
    return {
        "@id": relative,
        "@type": kind,
        "name": title or what,
        "encodingFormat": _FORMATS.get(PurePosixPath(name).suffix, _OTHER_FORMAT),
        "contentSize": str(_size_bytes(content)),
        **more,
    }


def _how(predicate: Predicate) -> str:
    environment = " ".join(str(predicate.environment.get(name, "")) for name in ("implementation", "python", "system"))
    if predicate.notebook is None:
        return f"Exhibits were kept and findings stated; exported under {environment}."
    return f"The notebook was run from its first cell to its last in a clean kernel, under {environment}."


def _size_bytes(content: FileContent) -> int:
    if isinstance(content, Path):
        return content.stat().st_size
    return sum(map(len, chunks_of(content)))


def _relative(name: str) -> str:
    """Return how the document, which stands in the payload's folder, names a file."""
    return name.removeprefix(PAYLOAD)

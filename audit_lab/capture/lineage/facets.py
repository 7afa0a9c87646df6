"""What OpenLineage facets say that an audit log keeps, each read from its own form.

Source: OpenLineage, *OpenLineage.json* 2-0-2 and the facets' own schemas (specification, folder ``facets``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from audit_lab.capture.lineage.rows import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DatasetFacts",
    "column_sources",
    "commit_of",
    "dataset_facts",
    "dataset_id",
    "is_known",
    "parent_run",
    "run_facts",
    "text",
]

_KNOWN = {
    "job": {"sourceCodeLocation", "documentation", "jobType", "ownership", "sql"},
    "run": {"parent", "nominalTime", "errorMessage", "processing_engine", "processingEngine"},
    "dataset": {
        "schema",
        "dataSource",
        "documentation",
        "columnLineage",
        "version",
        "datasetType",
        "ownership",
        "lifecycleStateChange",
        "dataQualityMetrics",
        "dataQualityAssertions",
        "outputStatistics",
        "inputStatistics",
        "digest",
        "contentDigest",
        "dataDigest",
        "checksum",
    },
}
_DIGESTS = ("digest", "contentDigest", "dataDigest", "checksum")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{8,128}")
_WHOLE = 2**63


class DatasetFacts(NamedTuple):
    """What facets say of a data set: its version (empty where none), whether it is a model, and facts by column."""

    version: str
    is_model: bool
    columns: dict[str, Any]


def text(value: Any, name: str) -> str | None:
    """Return a member of an object where it is text and not empty."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None


def dataset_id(namespace: str, name: str) -> str:
    """Return one id for a data set, or a job, of a namespace: ``namespace#name``, no two of which are the same.

    ``#`` and ``%`` in a namespace, where a URI's authority has neither, are percent-encoded.
    """
    return f"{namespace.replace('%', '%25').replace('#', '%23')}#{name}"


def is_known(kind: str, facet: str) -> bool:
    """Whether a facet of a job, a run or a data set is read."""
    return facet in _KNOWN[kind]


def commit_of(facets: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the version of the code that ran, and where it is: ``sourceCodeLocation``; svn's bear their system."""
    location = facets.get("sourceCodeLocation")
    version, kind = text(location, "version"), text(location, "type") or "git"
    if version is None:
        return None, None
    return version if kind == "git" else f"{kind}:{version}", text(location, "repoUrl") or text(location, "url")


def parent_run(facets: Mapping[str, Any]) -> str | None:
    """Return the id of the run that started this one."""
    parent = facets.get("parent")
    return text(parent.get("run"), "runId") if isinstance(parent, dict) else None


def run_facts(run: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of ``runs`` that facets of a run and its job fill."""
    error = run.get("errorMessage")
    engine = run.get("processing_engine") or run.get("processingEngine")
    kept = {
        "nominalTime": _bare(run.get("nominalTime")),
        "jobType": _bare(job.get("jobType")),
        "ownership": _bare(job.get("ownership")),
        "documentation": _bare(job.get("documentation")),
        "sql": _bare(job.get("sql")),
        "sourceCodeLocation": _bare(job.get("sourceCodeLocation")),
    }
    return {
        "error": text(error, "message"),
        "environment": json_text(_bare(engine)),
        "facets": json_text({name: value for name, value in kept.items() if value}),
    }


def dataset_facts(facets: Mapping[str, Any]) -> DatasetFacts:
    """Return what a data set's facets say; ``version`` comes from the version facet, else from a digest facet.

    A digest facet is one named ``digest``, ``contentDigest``, ``dataDigest`` or ``checksum`` with ``algorithm`` and
    ``value``, with ``sha256``, or with a ``value`` of the form ``algorithm:hexadecimal``. OpenLineage itself has none.
    """
    digest = next((found for name in _DIGESTS if (found := _digest(facets.get(name)))), None)
    kind = text(facets.get("datasetType"), "datasetType") or ""
    source = facets.get("dataSource")
    quality = {
        name: _bare(facets.get(name)) for name in ("dataQualityMetrics", "dataQualityAssertions") if facets.get(name)
    }
    lineage = _bare(facets.get("columnLineage"))
    state = text(facets.get("lifecycleStateChange"), "lifecycleStateChange")
    columns = {
        "uri": text(source, "uri"),
        "source": text(source, "name"),
        "schema": json_text(_fields(facets.get("schema"))),
        "rows": _rows(facets),
        "sha256": digest.removeprefix("sha256:") if digest and digest.startswith("sha256:") else None,
        "digest": digest,
        "description": text(facets.get("documentation"), "description"),
        "owner": ", ".join(_owners(facets.get("ownership"))) or None,
        "quality": json_text(quality),
        "transformations": json_text(lineage),
        "facets": json_text({"lifecycleStateChange": state} if state else None),
    }
    version = text(facets.get("version"), "datasetVersion") or digest or ""
    return DatasetFacts(version, kind.upper() == "MODEL", columns)


def column_sources(facets: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return, for each data set that columns come from, each of our columns with theirs; ``*`` for the whole set."""
    lineage = facets.get("columnLineage")
    sources: dict[tuple[str, str], dict[str, list[str]]] = {}
    fields = lineage.get("fields") if isinstance(lineage, dict) else None
    whole = lineage.get("dataset") if isinstance(lineage, dict) else None
    pairs = [
        (column, each)
        for column, field in (fields.items() if isinstance(fields, dict) else ())
        if isinstance(field, dict)
        for each in _objects(field.get("inputFields"))
    ] + [("*", each) for each in _objects(whole)]
    for column, each in pairs:
        namespace, name = text(each, "namespace"), text(each, "name")
        if namespace is not None and name is not None:
            theirs = sources.setdefault((namespace, name), {}).setdefault(column, [])
            if (field := text(each, "field")) is not None and field not in theirs:
                theirs.append(field)
    return sources


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _bare(facet: Any) -> Any:
    """Return a facet without what says who produced it, and by which schema."""
    if not isinstance(facet, dict):
        return None
    return {name: value for name, value in facet.items() if name not in {"_producer", "_schemaURL"}}


def _fields(schema: Any) -> list[dict[str, Any]]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return [
        {name: each[name] for name in ("name", "type", "description") if each.get(name)} for each in _objects(fields)
    ]


def _rows(facets: Mapping[str, Any]) -> int | None:
    for name in ("outputStatistics", "inputStatistics", "dataQualityMetrics"):
        facet = facets.get(name)
        found = facet.get("rowCount") if isinstance(facet, dict) else None
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < _WHOLE:
            return found
    return None


def _owners(facet: Any) -> list[str]:
    owners = facet.get("owners") if isinstance(facet, dict) else None
    return [name for each in _objects(owners) if (name := text(each, "name"))]


def _digest(facet: Any) -> str | None:
    """Return ``algorithm:hexadecimal``, or None where the facet gives no digest."""
    if not isinstance(facet, dict):
        return None
    if (found := text(facet, "sha256")) is not None and _SHA256.fullmatch(found.lower()):
        return f"sha256:{found.lower()}"
    value = text(facet, "value") or text(facet, "digest") or text(facet, "checksum") or ""
    stated, _, bare = value.rpartition(":")
    algorithm = (text(facet, "algorithm") or stated).lower().replace("sha-256", "sha256")
    return f"{algorithm}:{bare.lower()}" if algorithm and _HEXADECIMAL.fullmatch(bare) else None

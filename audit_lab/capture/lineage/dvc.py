"""The lock file of a DVC pipeline: what each stage read and wrote, by digest.

Form: ``dvc.lock`` of schema 2.0 (documentation of DVC, *dvc.yaml files: dvc.lock file*): ``stages`` by name, each with
``cmd``, ``deps`` and ``outs`` (``path``, a digest under the name of its algorithm, ``size``, ``nfiles``), and
``params`` by file. A stage has no run id there, so its run is named by the digest of its entry: the same stage in the
same state is the same run.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.plain_yaml import RefusedError, parse_yaml, read_bytes
from audit_lab.capture.lineage.rows import Gathering, LineageRows, dataset_name, json_text, plain
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_dvc_lock"]

#: Digests, best first; ``etag`` and ``checksum`` are what remote stores give.
_DIGESTS = ("sha256", "md5", "checksum", "etag")
_ENTRY = {"path", "hash", "size", "nfiles", "isexec", "files", "cloud", "remote", "version_id", *_DIGESTS}
_STAGE = {"cmd", "deps", "outs", "params"}
_CODE = frozenset(
    {".c", ".cpp", ".go", ".ipynb", ".java", ".jl", ".js", ".m", ".pl", ".py", ".r", ".rb", ".rmd", ".rs", ".scala"}
    | {".sh", ".sql", ".ts"}
)
_SEED = ("seed", "random_state")
_SHOWN = 60


def read_dvc_lock(path: str | Path, *, commit: str | None = None) -> LineageRows:
    """Read a ``dvc.lock``: a run for each stage, and what it used and generated.

    Parameters
    ----------
    path
        The file. Nothing that it names is opened.
    commit
        The git commit that holds this file, which the file itself cannot say: each run is then associated with it.

    Notes
    -----
    A path is a data set whose version is its digest, ``md5:...`` (with ``.dir`` for a folder), and a dependency with
    the ending of source code is a node ``code:``, so that code is not taken for data.
    """
    place = Path(path)
    gathering = Gathering("dvc", "stages and entries")
    gathering.files = 1
    try:
        content = read_bytes(place)
        document = parse_yaml(content)
        stages = _stages(document, content)
    except RefusedError as error:
        gathering.read = 1
        gathering.refuse(place.name, "the file", str(error), error.raw, error.size_bytes)
        return gathering.rows()
    for name, stage in stages.items():
        _stage(gathering, place.name, str(name), stage, commit)
    gathering.note("A dvc.lock says what stages read and wrote, and not when they ran: its edges bear no time.")
    if commit is None:
        gathering.note("The commit was not given: no run is associated with code. It is the one that holds the file.")
    return gathering.rows()


def _stages(document: dict[str, Any], content: bytes) -> dict[str, Any]:
    if str(document.get("schema")) != "2.0":
        said = json.dumps(plain(document.get("schema")))[:_SHOWN]
        raise RefusedError(f"its schema is {said}, and only '2.0' is known", content)
    stages = document.get("stages", {})
    if not isinstance(stages, dict):
        raise RefusedError("its stages are no mapping", content)
    return stages


def _stage(gathering: Gathering, file: str, name: str, stage: Any, commit: str | None) -> None:
    gathering.read += 1
    if not isinstance(stage, dict):
        gathering.refuse(file, f"stage {name}", "it is no mapping", _raw(stage))
        return
    run_id = f"dvc-{name}-{sha256(_raw({**stage, 'stage': name}))[:16]}"
    run = f"run:{run_id}"
    used, made = (
        [node for node in (_entry(gathering, file, name, kind, each) for each in _list(stage, kind)) if node]
        for kind in ("deps", "outs")
    )
    for node in used:
        gathering.edge(run, "used", node, run_id=run_id)
    for node in made:
        gathering.edge(node, "wasGeneratedBy", run, run_id=run_id)
    if commit:
        gathering.edge(run, "wasAssociatedWith", f"commit:{commit}", run_id=run_id)
    parameters = stage.get("params")
    gathering.run(
        run_id,
        code_commit=commit,
        pipeline_id=name,
        hyperparameters=json_text(parameters),
        seeds=json_text(dict(_seeds(parameters))),
        datasets_in=json_text([node.removeprefix("dataset:") for node in used if node.startswith("dataset:")]),
        datasets_out=json_text([node.removeprefix("dataset:") for node in made]),
        facets=json_text({"cmd": stage["cmd"]}) if "cmd" in stage else None,
    )
    for unknown in sorted(set(map(str, stage)) - _STAGE):
        gathering.note(f"Not taken over of a stage: {unknown[:_SHOWN]!a}.")


def _list(stage: dict[str, Any], kind: str) -> list[Any]:
    entries = stage.get(kind)
    return entries if isinstance(entries, list) else [] if entries is None else [entries]


def _entry(gathering: Gathering, file: str, stage: str, kind: str, entry: Any) -> str | None:
    """Add what a stage read or wrote, and return its node; None where it is refused."""
    gathering.read += 1
    where = f"stage {stage}, {kind}"
    path = entry.get("path") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not path:
        gathering.refuse(file, where, "it names no path", _raw(entry))
        return None
    wrong = [name for name in _DIGESTS if name in entry and not isinstance(entry[name], str)]
    if wrong:
        reason = (
            f"its {wrong[0]} is {entry[wrong[0]]!r:.60}, and no text: written without quotes, it may have lost digits"
        )
        gathering.refuse(file, where, reason, _raw(entry))
        return None
    found = next((name for name in _DIGESTS if entry.get(name)), None)
    version = f"{found}:{entry[found]}" if found else _cloud_version(entry)
    if kind == "deps" and PurePosixPath(path).suffix.lower() in _CODE:
        return f"code:{dataset_name(path, version)}"
    if not version:
        gathering.note("Entries without a digest: which content was meant cannot be told.")
    size = entry.get("size")
    for unknown in sorted(set(map(str, entry)) - _ENTRY):
        gathering.note(f"Not taken over of an entry: {unknown[:_SHOWN]!a}.")
    return gathering.dataset(
        path,
        version,
        uri=path,
        sha256=entry.get("sha256"),
        digest=version or None,
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 2**63 else None,
        facets=json_text({name: entry[name] for name in ("nfiles", "files", "cloud", "version_id") if name in entry}),
    )


def _cloud_version(entry: dict[str, Any]) -> str:
    """Return the version that a remote store gave, for data that DVC tracks there; empty where there is none."""
    cloud = entry.get("cloud")
    for part in (entry, *(cloud.values() if isinstance(cloud, dict) else ())):
        if isinstance(part, dict) and isinstance(part.get("version_id"), str) and part["version_id"]:
            return f"version_id:{part['version_id']}"
    return ""


def _seeds(parameters: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(parameters, dict):
        for name, value in parameters.items():
            if isinstance(value, dict):
                yield from _seeds(value, f"{prefix}{name}:")
            elif str(name).lower().endswith(_SEED):
                yield f"{prefix}{name}", value


def _raw(value: Any) -> bytes:
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False).encode()

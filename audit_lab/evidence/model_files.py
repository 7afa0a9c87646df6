"""The artifacts of the models that a case speaks of, as files of its bundle; they are copied, and never opened."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.files.reading import collect
from audit_lab.replay.artifacts.folder import check_names, folder_digest
from audit_lab.replay.artifacts.location import check_location
from audit_lab.seal.digests import sha256
from audit_lab.verifier.layout import MODEL_FILES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.case.exhibit import Exhibit
    from audit_lab.log.store import LogStore

__all__ = ["model_files"]

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,16}")
_NEXT = "Export without the models: their digests stand in the bundle all the same"


def model_files(store: LogStore, exhibits: Sequence[Exhibit]) -> dict[str, bytes]:
    """Return the artifact of every model that exhibits name by its digest, by their names in the bundle.

    Raises
    ------
    LogError
        The registry does not know one of them, or its file is missing or another one by now.
    ModelError
        It lies outside the log, or its files cannot be named safely.
    """
    wanted = {
        model["artifact_sha256"] for exhibit in exhibits for model in exhibit.models if "artifact_sha256" in model
    }
    files: dict[str, bytes] = {}
    if not wanted:
        return files
    registered = collect(
        store.table("model_versions").filter(pl.col("artifact_sha256").is_in(sorted(wanted))), "the registry of models"
    )
    for digest in sorted(wanted):
        rows = registered.filter((pl.col("artifact_sha256") == digest) & pl.col("artifact_uri").is_not_null())
        if not rows.height:
            raise LogError(f"The registry has no artifact of the digest {digest[:16]}", _NEXT)
        files |= _artifact(store, rows["artifact_uri"][0].rstrip("/"), digest)
    return files


def _artifact(store: LogStore, uri: str, digest: str) -> dict[str, bytes]:
    check_location(store.folder, uri, f"the digest {digest[:16]}")
    if store.folder.exists(uri):
        ending = PurePosixPath(uri).suffix
        found = {f"model{ending if _ENDING.fullmatch(ending) else ''}": store.folder.read(uri)}
        digests = {sha256(content) for content in found.values()}
    else:
        paths = store.folder.list(uri)
        found = {path.removeprefix(f"{uri}/"): store.folder.read(path) for path in paths}
        digests = {folder_digest({name: (sha256(content), len(content)) for name, content in found.items()})}
    check_names(found, uri)
    if not found or digest not in digests:
        what = "is another one by now" if found else "is missing"
        raise LogError(f"The artifact {uri} {what}: it does not have the digest {digest[:16]} of the registry", _NEXT)
    return {f"{MODEL_FILES}{digest}/{name}": content for name, content in found.items()}

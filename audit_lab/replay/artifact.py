"""Read the artifact of a model version; its digest is checked before a byte of it is parsed."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, ModelError, StorageError
from audit_lab.replay.scoring import FORMATS

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["read_artifact"]

_MAXIMUM_BYTES = 2_000_000_000
_UNSAFE = ("pickle", "joblib", "cloudpickle", "dill")


def read_artifact(store: LogStore, version: dict[str, Any]) -> bytes:
    """Return the bytes of a version's artifact, which have the recorded SHA-256.

    Raises
    ------
    ModelError
        Code ``artifact-format-unknown``, ``artifact-missing``, ``artifact-too-large``, ``artifact-digest-missing`` or
        ``artifact-digest-mismatch``.
    """
    name = f"{version['model_name']} {version['model_version']}"
    _check_format(version["artifact_format"], name)
    if not version["artifact_uri"]:
        raise ModelError(
            f"the registry does not say where the artifact of {name} is",
            "Ask the model's owner for the artifact; the recorded digest will show whether it is the right one.",
            "artifact-missing",
        )
    content = _read(store, version["artifact_uri"], name)
    found = hashlib.sha256(content).hexdigest()
    if not version["artifact_sha256"]:
        raise ModelError(
            f"the registry holds no digest of the artifact of {name}",
            "Nothing shows that this file is the model that decided; ask the owner for the digest at registration.",
            "artifact-digest-missing",
        )
    if found != version["artifact_sha256"]:
        raise ModelError(
            f"the artifact of {name} at {version['artifact_uri']} is not the registered one: "
            f"SHA-256 {found[:12]}… instead of {version['artifact_sha256'][:12]}…",
            "The file was replaced after registration: ask the model's owner for the original and who replaced it.",
            "artifact-digest-mismatch",
        )
    return content


def _read(store: LogStore, uri: str, name: str) -> bytes:
    path = PurePosixPath(uri).as_posix()
    try:
        size = store.folder.size(path) if store.folder.exists(path) else None
        content = store.folder.read(path) if size is not None and size <= _MAXIMUM_BYTES else b""
    except (LogError, StorageError) as error:
        raise ModelError(error.message, error.next_step, "artifact-missing") from error
    if size is None:
        raise ModelError(
            f"the artifact of {name} is not at {uri}",
            "Ask the model's owner for the file; the recorded digest will show whether it is the right one.",
            "artifact-missing",
        )
    if size > _MAXIMUM_BYTES:
        raise ModelError(
            f"the artifact of {name} is larger than {_MAXIMUM_BYTES / 1e9:.0f} GB",
            "Replay it on a machine set up for it.",
            "artifact-too-large",
        )
    return content


def _check_format(artifact_format: str | None, name: str) -> None:
    if artifact_format in FORMATS:
        return
    if artifact_format in _UNSAFE:
        raise ModelError(
            f"the artifact of {name} is a {artifact_format} file, which runs code when it is opened",
            f"Ask the model's owner for it in a format that holds no code: {', '.join(FORMATS)}.",
            "artifact-format-unsafe",
        )
    raise ModelError(
        f"the artifact of {name} is of format {artifact_format!r}, which audit_lab does not read",
        f"Formats that it reads: {', '.join(FORMATS)}.",
        "artifact-format-unknown",
    )

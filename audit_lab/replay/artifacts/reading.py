"""Read the artifact of a model version; its digest is checked before a byte of it is parsed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError, ModelError, StorageError
from audit_lab.replay.artifacts.artifact import Artifact
from audit_lab.replay.artifacts.folder import check_names, folder_digest, only_model
from audit_lab.replay.artifacts.formats import FOLDER_FORMATS, SAFE_FORMATS, UNSAFE_FORMATS
from audit_lab.replay.artifacts.lifting import lift_booster
from audit_lab.replay.artifacts.location import check_location
from audit_lab.replay.artifacts.mlmodel import MODEL_FILE, read_mlmodel
from audit_lab.replay.artifacts.pickles.contents import inspect_pickle
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.store import LogStore
    from audit_lab.replay.signature import Feature

__all__ = ["MOST_BYTES", "read_artifact"]

#: A larger artifact is not read.
MOST_BYTES = 2_000_000_000
_MOST_FILES = 2_000
_STEP = 16_000_000
_TRUST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class _Registered:
    """What a registry row says of an artifact, for messages and decisions."""

    name: str
    uri: str
    artifact_format: str
    sha256: str | None
    signature: str | None

    @classmethod
    def of(cls, version: dict[str, Any]) -> _Registered:
        name = f"{version['model_name']} {version['model_version']}"
        _check_format(version["artifact_format"], name)
        if not version["artifact_uri"]:
            raise ModelError(
                f"the registry does not say where the artifact of {name} is",
                "Ask the model's owner for the artifact; the recorded digest will show whether it is the right one.",
                "artifact-missing",
            )
        uri = PurePosixPath(version["artifact_uri"]).as_posix()
        return cls(name, uri, version["artifact_format"], version["artifact_sha256"], version.get("signature"))

    def check_digest(self, found: str) -> None:
        if not self.sha256:
            raise ModelError(
                f"the registry holds no digest of the artifact of {self.name}",
                "Nothing shows that this file is the model that decided; ask the owner for the digest at registration.",
                "artifact-digest-missing",
            )
        if found != self.sha256:
            raise ModelError(
                f"the artifact of {self.name} at {self.uri} is not the registered one: "
                f"SHA-256 {found[:12]}… instead of {self.sha256[:12]}…",
                "The file was replaced after registration: ask the model's owner for the original and who replaced it.",
                "artifact-digest-mismatch",
            )


def read_artifact(store: LogStore, version: dict[str, Any], *, trust: Collection[str] = ()) -> Artifact:
    """Return a version's artifact, which has the recorded SHA-256.

    Parameters
    ----------
    store
        The log.
    version
        A row of its registry.
    trust
        Artifacts that may run code when they are opened: ``sha256:<digest>`` each, of the file or of its folder.

    Raises
    ------
    MisuseError
        An entry of `trust` is no digest.
    ModelError
        Code ``artifact-format-unknown``, ``artifact-missing``, ``artifact-outside``, ``artifact-too-large``,
        ``artifact-digest-missing``, ``artifact-digest-mismatch``, ``artifact-folder``, ``artifact-corrupt`` or
        ``artifact-format-unsafe``; the last one lists what opening the file would import.
    """
    wrong = [entry for entry in trust if not _TRUST.fullmatch(entry)]
    if wrong:
        raise MisuseError(f"{wrong[0]!r} is no digest to trust", "Write sha256: and its 64 hexadecimal digits.")
    registered = _Registered.of(version)
    check_location(store.folder, version["artifact_uri"], registered.name)
    try:
        files = _listed(store.folder, registered)
    except (LogError, StorageError) as error:
        raise ModelError(error.message, error.next_step, "artifact-missing") from error
    content, digests = {}, {}
    for name, size in files.items():
        path = f"{registered.uri}/{name}" if name else registered.uri
        content[name], digests[name] = _read(store.folder, path, size, registered)
    if list(files) == [""]:
        registered.check_digest(digests[""])
        if registered.artifact_format in FOLDER_FORMATS:
            raise _no_folder(registered)
        artifact = Artifact(digests[""], registered.artifact_format, content[""], size_bytes=len(content[""]))
        return _opened(artifact, digests[""], trust, registered.name)
    sha256 = folder_digest({name: (digests[name], len(content[name])) for name in content})
    registered.check_digest(sha256)
    return _of_folder(sha256, content, digests, trust, registered)


def _of_folder(
    sha256: str, content: dict[str, bytes], digests: dict[str, str], trust: Collection[str], registered: _Registered
) -> Artifact:
    """Choose the model of a folder; its digest is that of all files."""
    if registered.artifact_format == "mlflow" or (registered.artifact_format == "folder" and MODEL_FILE in content):
        described = read_mlmodel(content)
        file, artifact_format = described.file, described.artifact_format
        notes = (*described.notes, *_signature_notes(described.features, registered.signature))
    else:
        file, artifact_format = only_model(content, registered.artifact_format, registered.name)
        notes = ()
    size = sum(map(len, content.values()))
    artifact = Artifact(sha256, artifact_format, content[file], notes=notes, size_bytes=size, file=file)
    return _opened(artifact, digests[file], trust, registered.name)


def _signature_notes(features: tuple[Feature, ...] | None, signature: str | None) -> tuple[str, ...]:
    """Return a sentence where MLflow's signature and the registry's name other features, or in another order."""
    if features is None or signature is None:
        return ()
    try:
        stated = Signature.parse(signature).names
    except ModelError:
        return ()
    names = tuple(feature.name for feature in features)
    if names == stated:
        return ()
    return (f"MLmodel states the features {', '.join(names)}; the registry's signature states {', '.join(stated)}.",)


def _opened(artifact: Artifact, file_sha256: str, trust: Collection[str], name: str) -> Artifact:
    """Return an artifact that may be handed on: one that holds no code, is trusted, or holds a booster to lift out."""
    if artifact.artifact_format not in UNSAFE_FORMATS:
        return artifact
    if {f"sha256:{artifact.sha256}", f"sha256:{file_sha256}"} & set(trust):
        return _trusted(artifact)
    try:
        lifted = lift_booster(artifact.content, artifact.artifact_format)
    except ModelError as refused:
        raise _unsafe(artifact, name, refused) from refused
    left_out = f"; left out: {', '.join(lifted.left_out)}" if lifted.left_out else ""
    note = (
        f"The booster was lifted out of the {artifact.artifact_format} ({lifted.found_in}) without opening it; its own "
        f"bytes have SHA-256 {lifted.sha256}{left_out}."
    )
    return Artifact(
        artifact.sha256,
        lifted.artifact_format,
        lifted.handed_over(),
        notes=(*artifact.notes, note),
        size_bytes=artifact.size_bytes,
        file=artifact.file,
        lifted_from=artifact.artifact_format,
    )


def _trusted(artifact: Artifact) -> Artifact:
    found = inspect_pickle(artifact.content, artifact.artifact_format)
    note = f"The {artifact.artifact_format} was opened because its digest was trusted by name; {found.sentence()}."
    return Artifact(
        artifact.sha256,
        artifact.artifact_format,
        artifact.content,
        trusted_by_digest=True,
        notes=(*artifact.notes, note.replace("would import", "imports").replace("would call", "calls")),
        size_bytes=artifact.size_bytes,
        file=artifact.file,
    )


def _unsafe(artifact: Artifact, name: str, refused: ModelError) -> ModelError:
    found = inspect_pickle(artifact.content, artifact.artifact_format)
    return ModelError(
        f"the artifact of {name} is a {artifact.artifact_format} file, which runs code when it is opened: "
        f"{found.sentence()} ({refused.message})",
        f"Ask the model's owner for it in a format that holds no code ({', '.join(SAFE_FORMATS)}), or allow this one "
        f"file, in the sandbox, with --trust sha256:{artifact.sha256}",
        "artifact-format-unsafe",
    )


def _listed(folder: LogFolder, registered: _Registered) -> dict[str, int]:
    """Return name and size of each file; the name of a file that is the artifact itself is empty."""
    if folder.exists(registered.uri):
        sizes = {"": folder.size(registered.uri)}
    else:
        prefix = f"{registered.uri}/"
        names = [path.removeprefix(prefix) for path in folder.list(registered.uri)]
        check_names(names, registered.name)
        if len(names) > _MOST_FILES:
            raise _too_large(registered, f"has more than {_MOST_FILES} files")
        _check_links(folder, registered, names)
        sizes = {name: folder.size(prefix + name) for name in names}
    if not sizes:
        raise ModelError(
            f"the artifact of {registered.name} is not at {registered.uri}",
            "Ask the model's owner for the file; the recorded digest will show whether it is the right one.",
            "artifact-missing",
        )
    if sum(sizes.values()) > MOST_BYTES:
        raise _too_large(registered, f"is larger than {MOST_BYTES / 1e9:.0f} GB")
    return sizes


def _check_links(folder: LogFolder, registered: _Registered, names: list[str]) -> None:
    """Refuse links within a folder of this machine: what they lead to has no name of its own in the digest."""
    if folder.path is None:
        return
    root = folder.path / registered.uri
    linked = sorted({name for name in names for part in _paths(name) if (root / part).is_symlink()})
    if linked:
        raise ModelError(
            f"the artifact folder of {registered.name} holds links: {', '.join(linked[:5])}",
            "Ask the model's owner for a folder of plain files.",
            "artifact-folder",
        )


def _paths(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]


def _read(folder: LogFolder, path: str, size: int, registered: _Registered) -> tuple[bytes, str]:
    """Return a file's bytes and their SHA-256, read piece by piece; one that grew meanwhile is refused."""
    digest, pieces, place = hashlib.sha256(), [], 0
    try:
        while piece := folder.read_range(path, place, min(_STEP, size + 1 - place)):
            digest.update(piece)
            pieces.append(piece)
            place += len(piece)
            if place > size:
                raise _too_large(registered, "grew while it was read")
    except (LogError, StorageError) as error:
        raise ModelError(error.message, error.next_step, "artifact-missing") from error
    return b"".join(pieces), digest.hexdigest()


def _too_large(registered: _Registered, what: str) -> ModelError:
    return ModelError(
        f"the artifact of {registered.name} {what}", "Replay it on a machine set up for it.", "artifact-too-large"
    )


def _no_folder(registered: _Registered) -> ModelError:
    return ModelError(
        f"the artifact of {registered.name} at {registered.uri} is a file, not a folder",
        "Correct its format in the registry, or ask the model's owner for the folder.",
        "artifact-folder",
    )


def _check_format(artifact_format: str | None, name: str) -> None:
    if artifact_format not in (*SAFE_FORMATS, *FOLDER_FORMATS, *UNSAFE_FORMATS):
        raise ModelError(
            f"the artifact of {name} is of format {artifact_format!r}, which audit_lab does not read",
            f"Formats that it reads: {', '.join((*SAFE_FORMATS, *FOLDER_FORMATS))}.",
            "artifact-format-unknown",
        )

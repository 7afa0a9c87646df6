"""The files of registered versions, fetched from an MLflow server into a folder of their own and left unopened."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from audit_lab.capture.lineage.mlflow_facts import text_of
from audit_lab.capture.lineage.mlflow_models import MLMODEL
from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.printable import printable
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.capture.lineage.json_server import JsonServer
    from audit_lab.capture.lineage.rows import Gathering

__all__ = ["fetch_artifacts", "model_file"]

_LISTED = "/api/2.0/mlflow/logged-models/{}/artifacts/directories"
_FILE = "/ajax-api/2.0/mlflow/logged-models/{}/artifacts/files"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_MOST_FILES, _DEEPEST, _LONGEST_PART = 20_000, 16, 200


def fetch_artifacts(
    server: JsonServer,
    versions: Iterable[tuple[str, str, str | None, str | None]],
    folder: str | Path,
    gathering: Gathering,
) -> None:
    """Fetch the files of versions (name, version, run, logged model) into ``NAME/VERSION/...`` of a new folder.

    Nothing that a server says leads out of the folder: a path with ``..``, a root, a backslash or control characters is
    refused. Names are percent-encoded.

    Raises
    ------
    MisuseError
        The folder is there already.
    StorageError
        As for `JsonServer.fetch`, there are more than 20,000 files, or a file cannot be written.
    """
    root = Path(folder)
    try:
        root.mkdir(parents=True)
    except FileExistsError as error:
        raise MisuseError(f"{root} is there already", "Name a folder that is to be made.") from error
    except OSError as error:
        raise _unwritable(root, error) from error
    count = size = 0
    for name, version, _, model in versions:
        if model is None or not _ID.fullmatch(model):
            gathering.note("Versions without a logged model (registered by MLflow 2): their files were not fetched.")
            continue
        place = root / _folder_name(name) / _folder_name(version)
        for path in _files(server, model, "", gathering):
            target = place.joinpath(*path.parts)
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    found = server.fetch(_FILE.format(model), {"artifact_file_path": str(path)}, file)
            except OSError as error:
                raise _unwritable(target, error) from error
            if found is None:
                target.unlink()
                gathering.note("Files that the server lists and does not hand out: not fetched.")
                continue
            count, size = count + 1, size + found
            if count > _MOST_FILES:
                raise StorageError(
                    f"the versions have more than {_MOST_FILES:,} files", "Name fewer experiments.", "other"
                )
    gathering.note(f"Fetched {count:,} files of registered versions ({size:,} bytes) and opened none.")


def model_file(server: JsonServer, model: str) -> bytes | None:
    """Return the ``MLmodel`` of a logged model; None where the server has none, or does not hand it out.

    Raises
    ------
    StorageError
        As for `JsonServer.get`, but for a server that refuses this one file or fails over it.
    """
    if not _ID.fullmatch(model):
        return None
    try:
        return server.get(_FILE.format(model), {"artifact_file_path": MLMODEL})
    except StorageError as error:
        if error.reason not in {"denied", "failing"}:
            raise
        return None


def _files(
    server: JsonServer, model: str, folder: str, gathering: Gathering, depth: int = 0
) -> Iterator[PurePosixPath]:
    """Yield the paths of a logged model's files, as far as they stay inside of it."""
    for entry in _listed(server, model, folder):
        said = text_of(entry, "path")
        path = None if said is None else _inner(said)
        if path is None:
            gathering.note(f"A path that does not stay in its folder was not fetched: {said!a:.60}.")
        elif entry.get("is_dir") is not True:
            yield path
        elif depth < _DEEPEST and str(path).startswith(folder) and str(path) != folder:
            yield from _files(server, model, str(path), gathering, depth + 1)
        else:
            gathering.note(f"Folders that lead nowhere, or more than {_DEEPEST} deep, were not fetched.")


def _listed(server: JsonServer, model: str, folder: str) -> list[dict[str, Any]]:
    asked = {"artifact_directory_path": folder} if folder else {}
    content = server.get(_LISTED.format(model), asked)
    try:
        page = parse_json(content or b"{}", "it")
    except MalformedError as error:
        raise StorageError(
            f"the list of files of {printable(model)} cannot be taken over ({error.message})",
            "Check that it is an MLflow tracking server.",
            "other",
        ) from error
    files = page.get("files") if isinstance(page, dict) else None
    return [each for each in files if isinstance(each, dict)] if isinstance(files, list) else []


def _inner(said: str) -> PurePosixPath | None:
    path = PurePosixPath(said)
    good = said and not path.is_absolute() and "\\" not in said and said.isprintable() and ".." not in path.parts
    return path if good and all(len(part.encode()) <= _LONGEST_PART for part in path.parts) else None


def _folder_name(name: str) -> str:
    """Return a name as one part of a path: percent-encoded, and never one that leads elsewhere."""
    quoted = quote(name, safe="")[:_LONGEST_PART]
    return quoted.replace(".", "%2E") if quoted.strip(".") == "" else quoted


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be written: {error.strerror or error}", "Choose another folder.", "denied")

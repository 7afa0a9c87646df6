"""The folder of a log, on this machine or in an object store: how its files are read. Nothing here ever writes.

Paths are relative to the log, parts divided by ``/``. Those that a log states are hostile until they are checked:
none may lead out of the folder.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.files.storage import LocalStorage, checked
from audit_lab.log.manifest import inside
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

__all__ = ["LogFolder"]

_S3 = "s3://"
_MISSING = "Restore it from a backup."
_UNREACHABLE = "Check the address, the credentials (storage_options or AWS_...) and the connection."

#: What `storage_options` may name, and what pyarrow calls it.
_ARROW_NAMES = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "aws_session_token": "session_token",
    "aws_region": "region",
    "aws_endpoint_url": "endpoint_override",
}
_FROM_ENVIRONMENT = (*_ARROW_NAMES, "aws_default_region", "aws_allow_http")


class LogFolder:
    """The files of one log, read wherever they are. It can stand where a `Storage` is only read from.

    Parameters
    ----------
    location
        A folder of this machine, or ``s3://bucket/prefix``.
    storage_options
        For S3, by the names that polars takes: ``aws_access_key_id``, ``aws_secret_access_key``,
        ``aws_session_token``, ``aws_region``, ``aws_endpoint_url``. What is not given is taken from the environment
        (``AWS_ACCESS_KEY_ID`` and so on).

    Raises
    ------
    MisuseError
        The location is of a kind that is not known, or options were given for a folder of this machine.
    """

    def __init__(self, location: str | Path, storage_options: Mapping[str, str] | None = None) -> None:
        text = str(location)
        self._remote = text.startswith(_S3)
        if not self._remote and "://" in text:
            raise MisuseError(f"a log cannot be read from {text}", "Give a folder, or s3://bucket/prefix.")
        if not self._remote and storage_options:
            raise MisuseError(
                f"storage_options were given, but {text} is a folder of this machine", "Leave them out for a folder."
            )
        self._path = None if self._remote else Path(location)
        self._root = text[len(_S3) :].strip("/") if self._remote else text
        if not self._root or (self._remote and any(part in {"", ".", ".."} for part in self._root.split("/"))):
            raise MisuseError(f"{text!r} names no folder", "Give a folder, or s3://bucket/prefix.")
        self.storage_options: dict[str, str] | None = _options(storage_options or {}) if self._remote else None

    def __str__(self) -> str:
        """Return the folder's path, or its address."""
        return f"{_S3}{self._root}" if self._remote else self._root

    @spelling_text
    def __repr__(self) -> str:
        """Return what `LogFolder` was made with, without credentials."""
        return f"LogFolder({str(self)!r})"

    @property
    def path(self) -> Path | None:
        """The folder's path; None where it is not on this machine."""
        return self._path

    def there(self) -> bool:
        """Whether there is such a folder; an address without any file is none."""
        return self._path.is_dir() if self._path is not None else bool(self.list())

    def uri(self, relative: str) -> str:
        """Return what a Parquet reader is given for a file, a path or an address, checked to lie in the folder.

        Raises
        ------
        LogError
            The path leads out of the folder.
        """
        return str(inside(self._path, relative)) if self._path is not None else f"{_S3}{self._key(relative)}"

    def read(self, path: str, most_bytes: int | None = None) -> bytes:
        """Return a file's bytes; with `most_bytes`, at most one more than that, so that a longer file shows.

        Raises
        ------
        StorageError
            It is missing or cannot be read.
        """
        return self.read_range(path, 0, (self.size(path) if most_bytes is None else most_bytes + 1))

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Return `length` bytes of a file from `start` on, fewer where it ends before.

        Raises
        ------
        StorageError
            It is missing or cannot be read.
        """
        if self._local is not None:
            return self._local.read_range(path, start, length)
        try:
            with self._arrow.open_input_file(self._key(path)) as file:
                within = min(length, file.size() - start)
                content: bytes = file.read_at(within, start) if within > 0 else b""
        except OSError as error:
            raise self._translated(error, "read", path) from error
        return content

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._local.exists(path) if self._local is not None else self._information(path).is_file

    def size(self, path: str) -> int:
        """Return a file's size in bytes.

        Raises
        ------
        StorageError
            It is missing.
        """
        if self._local is not None:
            return self._local.size(path)
        information = self._information(path)
        if not information.is_file:
            raise StorageError(f"{path} is missing from {self}", _MISSING, "missing")
        return int(information.size)

    def list(self, folder: str = "") -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        if self._local is not None:
            return self._local.list(folder)
        from pyarrow import fs

        root = self._key(folder) if folder else self._root
        try:
            found = self._arrow.get_file_info(fs.FileSelector(root, allow_not_found=True, recursive=True))
        except OSError as error:
            raise self._translated(error, "list", folder) from error
        return sorted(each.path.removeprefix(f"{self._root}/") for each in found if each.is_file)

    def create(self, path: str, content: bytes, *, replace: bool = False) -> None:  # noqa: ARG002 - as Storage has it
        """Refuse to write."""
        raise self._read_only(path)

    def create_all(
        self,
        files: Mapping[str, bytes],
        *,
        replace: bool = False,  # noqa: ARG002 - as Storage has it
        derived: bool = False,  # noqa: ARG002
    ) -> None:
        """Refuse to write."""
        raise self._read_only(", ".join(files))

    def remove(self, path: str, *, for_good: bool = False) -> None:  # noqa: ARG002 - as Storage has it
        """Refuse to remove a file."""
        raise self._read_only(path)

    def lock(self) -> AbstractContextManager[None]:
        """Refuse to lock: that would make a file."""
        raise self._read_only("its lock")

    @cached_property
    def _local(self) -> LocalStorage | None:
        return None if self._path is None else LocalStorage(self._path)

    @cached_property
    def _arrow(self) -> Any:
        from pyarrow import fs

        options = self.storage_options or {}
        chosen = {arrow: options[name] for name, arrow in _ARROW_NAMES.items() if name in options}
        if chosen.get("endpoint_override", "").startswith("http://"):
            chosen["scheme"] = "http"
        return fs.S3FileSystem(**chosen)

    def _information(self, path: str) -> Any:
        try:
            return self._arrow.get_file_info(self._key(path))
        except OSError as error:
            raise self._translated(error, "look for", path) from error

    def _key(self, relative: str) -> str:
        return f"{self._root}/{checked(relative)}"

    def _translated(self, error: OSError, what: str, path: str) -> StorageError:
        if isinstance(error, FileNotFoundError):
            return StorageError(f"{path} is missing from {self}", _MISSING, "missing")
        reason = "denied" if "ACCESS_DENIED" in str(error) else "other"
        said = " ".join(str(error).split())[:200]
        return StorageError(f"cannot {what} {path or 'the folder'} of {self} ({said})", _UNREACHABLE, reason)

    def _read_only(self, what: str) -> LogError:
        return LogError(
            f"{what} of {self} was about to be written, but the log is only being read",
            "Open it with audit_lab.log.writing.writer to add to it.",
        )


def _options(given: Mapping[str, str]) -> dict[str, str]:
    """Return the options for S3: those given, then the environment's."""
    environment = {name: os.environ[name.upper()] for name in _FROM_ENVIRONMENT if os.environ.get(name.upper())}
    options = {**environment, **{name.lower(): value for name, value in given.items()}}
    region = options.pop("aws_default_region", None)
    if region is not None:
        options.setdefault("aws_region", region)
    if options.get("aws_endpoint_url", "").startswith("http://"):
        options["aws_allow_http"] = "true"
    return options

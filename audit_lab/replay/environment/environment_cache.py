"""Environments that were built, kept in the user's cache folder, each under the digest of what was asked for.

An environment is built aside and renamed when it is whole, so a half-built one is never used. Whoever builds holds the
lock of its digest; what a stopped build left aside is removed by the next one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import ModelError, NotFoundError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.durable import sync_folder, write_bytes
from audit_lab.log.files.printable import printable
from audit_lab.sandbox import PythonEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BuiltEnvironment", "EnvironmentCache"]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHORTEST = 6
_PATIENCE_MINUTES = 30
_ENTRY = "environment.json"
_FORMAT, _VERSION = "audit_lab.environment-cache", 1
_ASIDE = ".aside-"
_ABANDONED_AFTER_S = 86_400


@dataclass(frozen=True)
class BuiltEnvironment:
    """An environment that stands ready on this machine.

    Parameters
    ----------
    digest
        SHA-256 of what was asked for, as 64 hexadecimal digits.
    folder
        Where it stands.
    name
        The model version that it was first built for.
    python
        Exact version of its interpreter.
    prefix
        Folder of that interpreter, which the sandbox's child must be able to read.
    packages
        Name to version of all that is installed in it.
    filled
        Those of `packages` that the record does not name.
    overlay
        Name to version of what the sandbox's own code brought along.
    file_digests
        Package to the SHA-256 of its ``RECORD``, which lists the digest of each of its files.
    notes
        What is not as recorded, a sentence each. Those that depend on the record, not on what was built, come first and
        are not kept with the environment.
    size_bytes
        What its files hold; where the file system allows it they are shared with uv's cache.
    built_at
        When.
    """

    digest: str
    folder: Path
    name: str
    python: str
    prefix: Path
    packages: dict[str, str]
    filled: dict[str, str] = field(default_factory=dict)
    overlay: dict[str, str] = field(default_factory=dict)
    file_digests: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    size_bytes: int = 0
    built_at: datetime | None = None

    @property
    def environment(self) -> PythonEnvironment:
        """What the sandbox needs to run its worker there."""
        return PythonEnvironment(
            f"recorded {self.digest[:12]}",
            self.folder / "venv" / "bin" / "python",
            (self.folder, self.prefix),
            (self.folder / "overlay",),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        document = asdict(self)
        document |= {"folder": str(self.folder), "prefix": str(self.prefix), "notes": list(self.notes)}
        document["built_at"] = self.built_at.isoformat() if self.built_at else None
        return document


class EnvironmentCache:
    """The folder of built environments.

    Parameters
    ----------
    folder
        Where it is; ``audit_lab/environments`` in the user's cache folder when omitted.
    """

    def __init__(self, folder: Path | None = None) -> None:
        stated = os.environ.get("XDG_CACHE_HOME") or ""
        home = Path(stated) if Path(stated).is_absolute() else Path.home() / ".cache"
        self.folder = folder if folder is not None else home / "audit_lab" / "environments"

    def find(self, digest: str) -> BuiltEnvironment | None:
        """Return an environment that is whole, or None."""
        folder = self.folder / digest
        try:
            document = json.loads((folder / _ENTRY).read_text("utf-8"))
            if (document.pop("format"), document.pop("version")) != (_FORMAT, _VERSION):
                return None
            document["built_at"] = datetime.fromisoformat(document["built_at"])
            known = {
                **document,
                "folder": folder,
                "prefix": Path(document["prefix"]),
                "notes": tuple(document["notes"]),
            }
            built = BuiltEnvironment(**known)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return built if built.environment.python.exists() and built.digest == digest else None

    def entries(self) -> list[BuiltEnvironment]:
        """Return the environments that are whole, the newest first."""
        names = [path.name for path in self.folder.glob("*") if _DIGEST.fullmatch(path.name)]
        found = [built for name in names if (built := self.find(name)) is not None]
        return sorted(found, key=lambda built: built.built_at or datetime.min.replace(tzinfo=UTC), reverse=True)

    def named(self, beginning: str) -> BuiltEnvironment:
        """Return the one environment whose digest begins so.

        Raises
        ------
        NotFoundError
            None does, or several do, or fewer than six digits are given.
        """
        found = [built for built in self.entries() if built.digest.startswith(beginning)]
        if len(beginning) < _SHORTEST or len(found) != 1:
            raise NotFoundError(
                f"{printable(beginning)!r} does not name one environment ({len(found)} begin so)",
                f"Give at least {_SHORTEST} digits of its digest; audit-lab environments lists them.",
            )
        return found[0]

    def remove(self, built: BuiltEnvironment) -> None:
        """Remove an environment; it can be built again.

        Raises
        ------
        ModelError
            Another process is building it.
        """
        with self.building(built.digest) as aside, suppress(FileNotFoundError):
            self.folder.joinpath(built.digest).rename(aside / "removed")

    @contextmanager
    def building(self, digest: str) -> Iterator[Path]:
        """Hold the lock of a digest and yield an empty folder beside it, which is removed in the end.

        Raises
        ------
        ModelError
            Another process held the lock for half an hour.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as held:
            _take(held, self.folder / f".{digest}.lock")
            for left in self.folder.glob(f"{_ASIDE}*"):
                if left.name.startswith(f"{_ASIDE}{digest}-") or _is_abandoned(left):
                    shutil.rmtree(left, ignore_errors=True)
            aside = Path(tempfile.mkdtemp(prefix=f"{_ASIDE}{digest}-", dir=self.folder))
            held.callback(shutil.rmtree, aside, ignore_errors=True)
            aside.chmod(0o755)
            yield aside

    def keep(self, made: Path, built: BuiltEnvironment) -> BuiltEnvironment:
        """Take over a folder that was built aside, whole or not at all; return the environment where it stands now."""
        target = self.folder / built.digest
        built = replace(built, folder=target, size_bytes=_size_bytes(made), built_at=datetime.now(UTC))
        document = {"format": _FORMAT, "version": _VERSION, **built.to_dict()}
        document.pop("folder")
        write_bytes(made / _ENTRY, json.dumps(document, indent=1, sort_keys=True).encode())
        if target.exists():  # it is there and was not found whole: its interpreter is gone, or its entry was damaged
            target.rename(made.parent / "replaced")
        made.rename(target)
        sync_folder(self.folder)
        return built


def _is_abandoned(left: Path) -> bool:
    try:
        return left.stat().st_mtime < time.time() - _ABANDONED_AFTER_S
    except FileNotFoundError:
        return False


def _take(held: ExitStack, path: Path) -> None:
    """Wait for a lock as long as a large download may take."""
    for _ in range(_PATIENCE_MINUTES):
        try:
            held.enter_context(LocalDisk().lock(str(path)))
        except TimeoutError:
            continue
        return
    raise ModelError(
        f"another process has been building the same environment for {_PATIENCE_MINUTES} minutes",
        "Wait until it is done, or stop it, and try again.",
        "environment-not-built",
    )


def _size_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())

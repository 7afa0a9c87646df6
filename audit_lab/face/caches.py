"""The folders in which audit_lab keeps for its user what it can make again: how much is in them, and emptying them."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.log.index.index_cache import IndexCache
from audit_lab.log.index.sketch_cache import SketchCache
from audit_lab.replay.environment.environment_cache import EnvironmentCache

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KINDS", "CacheFolder", "cache_folders", "empty_cache"]

#: What each kind holds, in words.
KINDS = {
    "explanations": "explanations of decisions, with their recorded values (personal data)",
    "environments": "environments that models are replayed in as they were recorded",
    "indexes": "where ids stand in the files of logs that are not sealed",
    "sketches": "what drift counted in the files of logs, with texts that occur there (may be personal data)",
}


@dataclass(frozen=True)
class CacheFolder:
    """One kind of what is kept.

    Parameters
    ----------
    kind
        One of `KINDS`.
    holds
        What that is, in words.
    folder
        Where it is, whether or not it exists yet.
    files, size_bytes
        How many files lie there, and what they hold together; files that the file system shares count each time.
    largest_bytes
        Beyond which what was not used for longest is removed; None where only the user removes.
    """

    kind: str
    holds: str
    folder: Path
    files: int
    size_bytes: int
    largest_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {**asdict(self), "folder": str(self.folder)}


def cache_folders() -> list[CacheFolder]:
    """Return the folders of this user's caches, with what lies in them now."""
    explanations, indexes, sketches = ExplanationCache(), IndexCache(), SketchCache()
    folders = {
        "explanations": (explanations.folder, explanations.largest_bytes),
        "environments": (EnvironmentCache().folder, None),
        "indexes": (indexes.folder, indexes.largest_bytes),
        "sketches": (sketches.folder, sketches.largest_bytes),
    }
    return [
        CacheFolder(kind, holds, folders[kind][0], *_held(folders[kind][0]), folders[kind][1])
        for kind, holds in KINDS.items()
    ]


def empty_cache(kind: str) -> CacheFolder:
    """Remove all that is kept of one kind, and return what that was; it is made again when it is asked for.

    Raises
    ------
    MisuseError
        There is no such kind.
    ModelError
        Another process is building an environment that was to be removed.
    """
    before = next((each for each in cache_folders() if each.kind == kind), None)
    if before is None:
        raise MisuseError(f"there is no cache of {kind!r}", f"Choose {', '.join(KINDS)}.")
    if kind == "explanations":
        ExplanationCache().clear()
    elif kind == "environments":
        # One after the other under its lock: another process may be building, or about to use one.
        cache = EnvironmentCache()
        for built in cache.entries():
            cache.remove(built)
    else:
        shutil.rmtree(before.folder, ignore_errors=True)
    return before


def _held(folder: Path) -> tuple[int, int]:
    """Return how many files lie below a folder, and their bytes; what goes meanwhile is not counted."""
    files = size_bytes = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if not path.is_dir():
            files, size_bytes = files + 1, size_bytes + status.st_size
    return files, size_bytes

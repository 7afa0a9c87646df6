"""The digest of every file that the log's entries speak of, recomputed on all cores."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, StorageError
from audit_lab.log.commitment.levels import level_sizes
from audit_lab.log.files.storage import checked
from audit_lab.log.index.index_file import index_digest, index_path, indexed_columns
from audit_lab.log.manifest import inside
from audit_lab.seal.entry_kinds import EraseEntry, PlacementEntry
from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from audit_lab.log.folder import LogFolder
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.history import History
    from audit_lab.seal.entry import Entry

__all__ = ["CheckedFiles", "SealedFile", "check_files", "file_digest", "sealed_files"]

_PIECE_BYTES = 8 << 20
_WHO = "Restore it from a backup, and find out who had write access since it was sealed."
_MADE_AGAIN = "Remove it: the locator index is made again from the file when it is missing."


@dataclass(frozen=True)
class SealedFile:
    """A file as an entry states it; `kind` is ``segment``, ``leaves`` or ``kept``."""

    path: str
    kind: str
    sha256: str
    size_bytes: int | None


@dataclass
class CheckedFiles:
    """Which files are there, and which of them are as they were sealed.

    Attributes
    ----------
    sound
        Paths of files whose size and digest are those that were sealed.
    changed
        Paths of files that are there with other content, which can still be looked into.
    """

    sound: set[str]
    changed: set[str]


def sealed_files(history: History) -> list[SealedFile]:
    """Return the files that hold the log's rows now, with what is kept beside them."""
    state = history.state
    files = [
        SealedFile(file.path, "segment", file.sha256, file.size_bytes)
        for table in state.files.values()
        for file in table.values()
    ]
    held = {
        (table, hold.segment)
        for table, files_ in state.files.items()
        for each in files_.values()
        for hold in each.holds
    }
    for table, segments in state.segments.items():
        for name, sealed in segments.items():
            if (table, name) in held:
                size = sum(level_sizes(sealed.statement.rows)) * HASH_BYTES
                digest = sealed.statement.leaves_sha256
                files.append(SealedFile(f"{table}/{name}.leaves", "leaves", digest, size))
    kept = {(erasure.table, erasure.segment): erasure for erasure in state.erasures}
    files += [
        SealedFile(erasure.kept, "kept", erasure.kept_sha256, None) for key, erasure in kept.items() if key in held
    ]
    return files


def check_files(
    folder: LogFolder, history: History, examination: Examination, progress: Callable[[str, int], None] | None = None
) -> CheckedFiles:
    """Recompute size and SHA-256 of each file, and say what became of those that are not as they were sealed."""
    files = sealed_files(history)
    digests = dict(_digests(folder, files, progress))
    found = CheckedFiles(set(), set())
    known = _known_digests(history.entries)
    current = {file.sha256: file.path for file in files if file.kind == "segment"}
    for file in files:
        digest, problem = digests[file.path]
        if problem is not None:
            examination.find(*problem)
        elif digest == file.sha256:
            found.sound.add(file.path)
        else:
            found.changed.add(file.path)
            code, meaning = _what_it_is(file, digest, digests, current, known)
            examination.find(code, file.path, meaning)
            if code in {"log.segment-swapped", "log.segment-older"}:
                found.changed.discard(file.path)
    segments = sum(file.kind == "segment" for file in files)
    examination.checked.append(
        f"size and SHA-256 of {segments} files of rows and {len(files) - segments} files of row hashes beside them"
    )
    _check_indexes(folder, history, examination)
    return found


def file_digest(folder: LogFolder, path: str) -> tuple[str, int]:
    """Return a file's SHA-256 and its size, read in pieces.

    Raises
    ------
    LogError
        It cannot be read, or its name leads out of the log.
    """
    if folder.path is not None:
        place = inside(folder.path, checked(path))
        if not place.is_file():
            raise StorageError(f"the file {path} is not there", _WHO, "missing")
        try:
            with place.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise StorageError(f"the file {path} cannot be read ({error.strerror})", _WHO, "failing") from error
    digest, size = hashlib.sha256(), 0
    while piece := folder.read_range(path, size, _PIECE_BYTES):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _digests(
    folder: LogFolder, files: Sequence[SealedFile], progress: Callable[[str, int], None] | None
) -> Iterator[tuple[str, tuple[str, tuple[str, str, str] | None]]]:
    """Yield each file's path with its digest, or with the finding that there is none."""

    def examine(file: SealedFile) -> tuple[str, tuple[str, tuple[str, str, str] | None]]:
        try:
            digest, size = file_digest(folder, file.path)
        except StorageError as error:
            code = f"log.{file.kind}-missing" if error.reason == "missing" else "log.file-unreadable"
            return file.path, ("", (code, file.path, error.message))
        except LogError as error:
            return file.path, ("", ("log.path-outside", file.path, error.message))
        if progress is not None:
            progress("files", size)
        return file.path, (digest, None)

    largest_first = sorted(files, key=lambda file: file.size_bytes or 0, reverse=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(examine, largest_first)


def _known_digests(entries: Iterable[Entry]) -> dict[str, tuple[int, str]]:
    """Return the digests that files of rows ever had: the first entry that states each, and the file's name."""
    known: dict[str, tuple[int, str]] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, PlacementEntry):
            known.setdefault(entry.sha256, (index, entry.file))
        elif isinstance(entry, EraseEntry):
            known.setdefault(entry.old_sha256, (index, "the file before an erasure"))
    return known


def _what_it_is(
    file: SealedFile,
    digest: str,
    digests: dict[str, tuple[str, tuple[str, str, str] | None]],
    current: dict[str, str],
    known: dict[str, tuple[int, str]],
) -> tuple[str, str]:
    if file.kind == "segment" and digest in known:
        other = current.get(digest)
        if other is not None and digests[other][0] == file.sha256:
            return "log.segment-swapped", f"it holds what belongs in {other}, and that file holds what belongs here"
        if known[digest][0] < known[file.sha256][0]:
            return "log.segment-older", f"it holds what was sealed earlier as {known[digest][1]}"
        return "log.segment-swapped", f"it holds what was sealed as {known[digest][1]}"
    return f"log.{file.kind}-changed", f"its SHA-256 is {digest[:12]}…, and {file.sha256[:12]}… was sealed"


def _check_indexes(folder: LogFolder, history: History, examination: Examination) -> None:
    """Compare the indexes that are there with the digest in the placement of their file."""
    placed = {entry.file: entry for entry in history.entries if isinstance(entry, PlacementEntry)}
    for table, files in history.state.files.items():
        for path in files:
            entry = placed.get(path)
            if entry is None or entry.index_sha256 is None:
                continue
            stem = PurePosixPath(path).stem
            paths = {column: index_path(table, stem, column) for column in indexed_columns(table)}
            present = {column: name for column, name in paths.items() if folder.exists(name)}
            if len(present) < len(paths):
                examination.notes.append(f"index of {path}: missing in part; lookups make it again")
            elif index_digest({column: folder.read(name) for column, name in present.items()}) != entry.index_sha256:
                what = "an index is not the one that was sealed with the file; lookups check it against the rows"
                examination.find("log.index-changed", path, what, _MADE_AGAIN)

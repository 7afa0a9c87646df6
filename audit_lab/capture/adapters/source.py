"""The files of a vendor's log: which there are, what each begins with, and which were taken over before."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.delta import delta_files, is_delta

if TYPE_CHECKING:
    from collections.abc import Sequence
    from gzip import GzipFile

__all__ = ["Sample", "SourceFile", "check_unchanged", "open_plain", "sample_of", "source_files"]

_SAMPLE_BYTES = 1 << 16
_PIECE_BYTES, _PACKED_BYTES = 1 << 20, 1_024
_AT_ONCE = 2
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class SourceFile:
    """A file of a source.

    Attributes
    ----------
    name
        Its path below the source, with ``/``; its own name where the source is a file.
    path
        Where it is.
    sha256
        The digest of its bytes, which tells it from others whatever it is called.
    size_bytes
        Its size.
    """

    name: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Sample:
    """How a file begins.

    Its name, its first bytes (unpacked where it is gzip), if that is all, where it is, and whether it is gzip.
    """

    name: str
    head: bytes
    is_whole: bool
    path: Path
    is_packed: bool

    def lines(self) -> list[bytes]:
        """Return the whole lines among the first bytes that are not blank; of one that is longer, its beginning."""
        lines = self.head.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        whole = lines if self.is_whole or len(lines) == 1 else lines[:-1]
        return [line for line in whole if line.strip()]


def source_files(source: Path, leave_out: Sequence[Path] = ()) -> tuple[list[SourceFile], list[str]]:
    """Return the files of a source, by name, and the names of those that are not read: links, hidden files.

    Parameters
    ----------
    source
        A file or a folder.
    leave_out
        Folders that are no part of it, where it holds them: the log itself.

    Of a Delta table they are those of its current version; what else lies in its folder is not read.

    Raises
    ------
    MisuseError
        The source is neither a file nor a folder, or holds no file.
    StorageError
        A file cannot be read.
    """
    if source.is_file():
        return [_source_file(source.name, source)], []
    if not source.is_dir():
        raise MisuseError(f"{source} is neither a file nor a folder", "Name the file or the folder of the logs.")
    if is_delta(source):
        return _delta_files(source)
    found = list[tuple[str, Path]]()
    left = list[str]()
    apart = [folder.resolve() for folder in leave_out]
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if (path.is_dir() and not path.is_symlink()) or any(path.resolve().is_relative_to(each) for each in apart):
            continue
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(source).parts)
        if hidden or path.is_symlink() or not path.is_file():
            left.append(name)
        else:
            found.append((name, path))
    if not found:
        raise MisuseError(f"{source} holds no file", "Name the file or the folder of the logs.")
    return _all(found), left


def _delta_files(table: Path) -> tuple[list[SourceFile], list[str]]:
    """Return the files of a Delta table's current version; those that are no part of it any more are not read."""
    _, stated = delta_files(table)
    current = sorted(each.path for each in stated)
    outside = [name for name in current if ".." in Path(name).parts or Path(name).is_absolute() or "://" in name]
    if outside:
        raise MisuseError(
            f"the Delta table {table} has files outside of its folder ({printable(outside[0])})",
            "Copy the table whole, and name the copy.",
        )
    there = {path.relative_to(table).as_posix() for path in table.rglob("*.parquet") if "_delta_log" not in path.parts}
    links = [name for name in current if (table / name).is_symlink()]
    files = _all([(name, table / name) for name in current if name not in links])
    if not files:
        raise MisuseError(f"the Delta table {table} holds no row", "Name another table.")
    return files, sorted((there - set(current)) | set(links))


def _all(named: Sequence[tuple[str, Path]]) -> list[SourceFile]:
    """Return files by name and path; some are read at the same time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda each: _source_file(*each), named))


def _source_file(name: str, path: Path) -> SourceFile:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return SourceFile(name, path.absolute(), digest, file.tell())
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror})", "Make it readable.", "denied") from error


def check_unchanged(file: SourceFile) -> None:
    """Check that a file is as large as when its digest was taken.

    Raises
    ------
    LogError
        It is not: somebody writes there.
    """
    if file.path.stat().st_size != file.size_bytes:
        raise LogError(
            f"the file {file.name} changed while it was taken over",
            "Give it again once its writer is done: what was taken over of it is found to be known then.",
        )


def open_plain(path: Path) -> BufferedReader | GzipFile:
    """Open a file for reading, unpacked where it is gzip; that is told by its first bytes, not by its name."""
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return gzip.open(path, "rb") if is_packed else BufferedReader(FileIO(path), _PIECE_BYTES)


def sample_of(file: SourceFile) -> Sample:
    """Return how a file begins; of one that is damaged, as much as can be read."""
    head = bytearray()
    is_whole = is_packed = False
    try:
        with open_plain(file.path) as plain:
            is_packed = isinstance(plain, gzip.GzipFile)
            while len(head) <= _SAMPLE_BYTES and not is_whole:
                # Little at a time: of a packed file that is cut off, nothing is given of what is asked for beyond.
                piece = plain.read1(min(_PACKED_BYTES, _SAMPLE_BYTES + 1 - len(head)))
                head += piece
                is_whole = not piece
    except (OSError, EOFError, zlib.error):
        is_whole = False
    is_whole = is_whole and len(head) <= _SAMPLE_BYTES
    return Sample(file.name, bytes(head[:_SAMPLE_BYTES]), is_whole, file.path, is_packed)

"""OpenLineage events out of files: one event to a line, or one JSON document, streamed and within limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from audit_lab.capture.lineage.rows import KEPT_BYTES
from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from audit_lab.capture.lineage.rows import Gathering

__all__ = ["Record", "event_files", "records", "skip_line"]

#: A line that is longer is no event; a document that is larger has to be given as lines.
LONGEST_LINE_BYTES, LARGEST_DOCUMENT_BYTES = 16_000_000, 64_000_000
_ENDINGS = (".json", ".jsonl", ".ndjson")


class Record(NamedTuple):
    """One parsed event and where it stood."""

    file: str
    place: str
    raw: bytes
    value: Any


def event_files(paths: Iterable[Path], gathering: Gathering) -> list[Path]:
    """Return the files to read: those named, and those in named folders that end like events.

    Raises
    ------
    MisuseError
        A path is neither a file nor a folder, or none leads to a file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.is_symlink() or not each.is_file():
                    continue
                if each.suffix.lower() in _ENDINGS:
                    found.append(each)
                else:
                    gathering.note(f"Files in folders that do not end in {', '.join(_ENDINGS)} were not read.")
        elif path.is_file():
            found.append(path)
        else:
            raise MisuseError(f"{path} is neither a file nor a folder", "Name the file or folder of the events.")
    if not found:
        raise MisuseError("there is no file of events", f"Name files, or a folder with files {', '.join(_ENDINGS)}.")
    return list(dict.fromkeys(found))


def records(path: Path, gathering: Gathering) -> Iterator[Record]:
    """Yield the parsed events of a file; what cannot be parsed is refused, and what follows it is read.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        first = _first_line(file)
        file.seek(0)
        if _begins_document(first):
            yield from _document(path, file, gathering)
        else:
            yield from _lines(path, file, gathering)


def _first_line(file: BinaryIO) -> bytes:
    line = file.readline(LONGEST_LINE_BYTES + 1)
    while line and not line.strip():
        line = file.readline(LONGEST_LINE_BYTES + 1)
    return line


def _begins_document(first: bytes) -> bool:
    """Whether the first line begins a list, or an object that goes on in the next line."""
    start = first.strip()
    return start.startswith(b"[") or start == b"{" or (start.startswith(b"{") and start.endswith((b",", b"{", b"[")))


def _document(path: Path, file: BinaryIO, gathering: Gathering) -> Iterator[Record]:
    content = file.read(LARGEST_DOCUMENT_BYTES + 1)
    if len(content) > LARGEST_DOCUMENT_BYTES:
        gathering.read += 1
        reason = f"a document of more than {LARGEST_DOCUMENT_BYTES:,} bytes; write one event to a line"
        gathering.refuse(path.name, "the file", reason, content[:KEPT_BYTES], path.stat().st_size)
        return
    value = _parsed(path, "the file", content, gathering)
    if isinstance(value, list):
        for number, each in enumerate(value, start=1):
            yield Record(path.name, f"event {number}", b"", each)
    elif value is not None:
        yield Record(path.name, "the file", content, value)


def _lines(path: Path, file: BinaryIO, gathering: Gathering) -> Iterator[Record]:
    number = 0
    while line := file.readline(LONGEST_LINE_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(line) > LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            size = len(line) + skip_line(file, LONGEST_LINE_BYTES)
            gathering.read += 1
            reason = f"a line of more than {LONGEST_LINE_BYTES:,} bytes"
            gathering.refuse(path.name, place, reason, line[:KEPT_BYTES], size)
        elif line.strip():
            value = _parsed(path, place, line.rstrip(b"\r\n"), gathering)
            if value is not None:
                yield Record(path.name, place, line, value)


def skip_line(file: BinaryIO, step: int) -> int:
    """Pass over the rest of a line, of which at most `step` bytes are held at a time; return how many there were."""
    skipped = 0
    while rest := file.readline(step):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def _parsed(path: Path, place: str, content: bytes, gathering: Gathering) -> Any:
    """Return a parsed value, or None where it was refused: ``null`` is no event either."""
    try:
        value = parse_json(content, "it")
    except MalformedError as error:
        gathering.read += 1
        gathering.refuse(path.name, place, error.message, content)
        return None
    if value is None:
        gathering.read += 1
        gathering.refuse(path.name, place, "it is null", content)
    return value

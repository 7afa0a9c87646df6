"""The archive's shape, checked before anything is extracted: every header must be ours."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from audit_lab.seal.portable_name import colliding_names, name_fault
from audit_lab.seal.stored_zip import (
    CENTRAL,
    END,
    LOCAL,
    MOST_BYTES,
    MOST_ENTRIES,
    StoredEntry,
    central_header,
    end_record,
    local_header,
)
from audit_lab.verifier.container import CHUNK_BYTES, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.seal.report import Finding

__all__ = ["Archive", "read_archive"]

_WHOLE = "(the archive)"
_MOST_DIRECTORY_BYTES = 1 << 24
_LONGEST_COMMENT = 65_535
_ENCRYPTED = 1


@dataclass(frozen=True)
class Archive:
    """A stored zip whose shape was found good; `entries` by name, sorted."""

    file: BinaryIO
    entries: dict[str, StoredEntry]

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        return tuple(self.entries)

    def size_bytes(self, name: str) -> int:
        """Return a file's size."""
        return self.entries[name].size_bytes

    def recorded_crc(self, name: str) -> int | None:
        """Return the CRC-32 in a file's headers."""
        return self.entries[name].crc

    def chunks(self, name: str) -> Iterator[bytes]:
        """Read a file in pieces; its bytes stand in the archive as they are."""
        entry = self.entries[name]
        at = entry.data_offset
        while at < entry.end:
            self.file.seek(at)
            chunk = self.file.read(min(CHUNK_BYTES, entry.end - at))
            if not chunk:
                return
            at += len(chunk)
            yield chunk


def read_archive(file: BinaryIO) -> tuple[Archive | None, list[Finding]]:
    """Check an archive's shape and return it, or every finding against it.

    Time and memory are bounded by the directory (16 MiB at most, 10,000 entries at most); no file's bytes are read.
    """
    size_bytes = file.seek(0, 2)
    directory, findings = _directory(file, size_bytes)
    if findings:
        return None, findings
    entries, findings = _entries(directory)
    findings += _name_findings([entry.name for entry in entries])
    findings += _place_findings(file, entries, size_bytes - END.size - len(directory))
    end = end_record(len(entries), len(directory), size_bytes - END.size - len(directory))
    if not findings and _read(file, size_bytes - END.size, END.size) != end:
        findings.append(refused("archive.end-record-changed", _WHOLE, "its end record does not fit its entries"))
    return (None, findings) if findings else (Archive(file, {entry.name: entry for entry in entries}), [])


def _read(file: BinaryIO, at: int, size_bytes: int) -> bytes:
    file.seek(at)
    return file.read(size_bytes)


def _directory(file: BinaryIO, size_bytes: int) -> tuple[bytes, list[Finding]]:
    """Return the bytes of the central directory, which must end where the end record begins."""
    if size_bytes > MOST_BYTES:
        return b"", [refused("archive.too-big", _WHOLE, "it is larger than 4 GiB")]
    tail = _read(file, max(0, size_bytes - END.size), END.size)
    if len(tail) < END.size or tail[:4] != b"PK\x05\x06":
        around = _read(file, max(0, size_bytes - END.size - _LONGEST_COMMENT), END.size + _LONGEST_COMMENT)
        if b"PK\x05\x06" in around:
            return b"", [refused("archive.trailing-data", _WHOLE, "bytes follow the record that should end it")]
        return b"", [refused("archive.not-a-zip", _WHOLE, "it is no zip archive, or it was cut off")]
    _, _, _, _, count, directory_bytes, offset, _ = END.unpack(tail)
    if count > MOST_ENTRIES or directory_bytes > _MOST_DIRECTORY_BYTES:
        return b"", [refused("archive.too-many-entries", _WHOLE, f"it declares more than {MOST_ENTRIES} entries")]
    if offset + directory_bytes != size_bytes - END.size:
        return b"", [refused("archive.end-record-changed", _WHOLE, "its end record does not lie behind its directory")]
    return _read(file, offset, directory_bytes), []


def _entries(directory: bytes) -> tuple[list[StoredEntry], list[Finding]]:
    entries: list[StoredEntry] = []
    findings: list[Finding] = []
    at = 0
    while at < len(directory):
        fixed = directory[at : at + CENTRAL.size]
        if len(fixed) < CENTRAL.size or fixed[:4] != b"PK\x01\x02":
            place = f"(entry {len(entries) + 1} of the directory)"
            findings.append(refused("archive.header-changed", place, "its record in the directory is damaged"))
            break
        fields = CENTRAL.unpack(fixed)
        name_bytes, extra_bytes, comment_bytes = fields[10:13]
        end = at + CENTRAL.size + name_bytes + extra_bytes + comment_bytes
        name = directory[at + CENTRAL.size : at + CENTRAL.size + name_bytes].decode("utf-8", "backslashreplace")
        entry = StoredEntry(name, crc=fields[7], size_bytes=fields[9], offset=fields[16])
        faults = _header_findings(entry, fields)
        if not faults and directory[at:end] != central_header(entry):
            faults = [refused("archive.header-changed", name, "its record in the directory is not as exported")]
        entries.append(entry)
        findings += faults
        at = end
    return entries, findings


def _header_findings(entry: StoredEntry, fields: tuple[int, ...]) -> list[Finding]:
    flags, method, compressed_bytes = fields[3], fields[4], fields[8]
    mode = fields[15] >> 16
    faults = (
        (stat.S_ISLNK(mode), "archive.symbolic-link", "it is a symbolic link"),
        (
            stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFLNK},
            "archive.special-file",
            "it is a folder, device or pipe",
        ),
        (flags & _ENCRYPTED, "archive.encrypted", "it is encrypted"),
        (method, "archive.compressed", "it is compressed; a bundle's entries are stored"),
        (not method and compressed_bytes != entry.size_bytes, "archive.sizes-disagree", "its two sizes disagree"),
    )
    return [refused(code, entry.name, meaning) for wrong, code, meaning in faults if wrong]


def _name_findings(names: list[str]) -> list[Finding]:
    findings = [refused(*_swap(name, fault)) for name in names if (fault := name_fault(name)) is not None]
    findings += [
        refused("archive.duplicate-entry", name, f"it stands in the archive {count} times")
        for name, count in Counter(names).items()
        if count > 1
    ]
    findings += [
        refused("archive.colliding-names", name, "some file systems cannot tell its name from another's")
        for name in colliding_names(names)
    ]
    if not findings and names != sorted(names):
        findings.append(refused("archive.not-sorted", _WHOLE, "its entries are not sorted by name"))
    return findings


def _swap(name: str, fault: tuple[str, str]) -> tuple[str, str, str]:
    code, meaning = fault
    return code, name, meaning


def _place_findings(file: BinaryIO, entries: list[StoredEntry], directory_offset: int) -> list[Finding]:
    """Check that local headers follow one another without gap or overlap, and are those we would write."""
    findings: list[Finding] = []
    expected = 0
    for entry in entries:
        if entry.offset < expected:
            findings.append(refused("archive.overlapping", entry.name, "it overlaps the entry before it"))
        elif entry.offset > expected:
            code = "archive.hidden-data" if expected else "archive.leading-data"
            findings.append(refused(code, entry.name, "bytes that belong to no entry stand before it"))
        if entry.end > directory_offset:
            findings.append(refused("archive.size-beyond-end", entry.name, "it reaches beyond the archive's files"))
        elif _read(file, entry.offset, LOCAL.size + len(entry.name.encode())) != local_header(entry):
            findings.append(refused("archive.header-changed", entry.name, "its local header is not as exported"))
        expected = entry.end
    if not findings and expected != directory_offset:
        findings.append(refused("archive.hidden-data", _WHOLE, "bytes that belong to no entry stand in it"))
    return findings

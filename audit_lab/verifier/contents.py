"""A bundle's files, each read once, so that what was digested is what is looked into."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from audit_lab.verifier.container import Container

__all__ = ["MOST_DOCUMENT_BYTES", "Contents"]

#: The largest file that is held in memory to be parsed.
MOST_DOCUMENT_BYTES = 1 << 24
_HEAD_BYTES = 1 << 16
_PDF = ".pdf"
_NEXT = "Ask the sender for the bundle as it was exported"


@dataclass
class Contents:
    """Reads a container's files and remembers digests, and the bytes of the documents that are parsed."""

    container: Container
    documents: frozenset[str]
    _digests: dict[str, str] = field(default_factory=dict)
    _bytes: dict[str, bytes] = field(default_factory=dict)
    _heads: dict[str, bytes] = field(default_factory=dict)
    _tails: dict[str, bytes] = field(default_factory=dict)
    _wrong_crc: set[str] = field(default_factory=set)

    @property
    def names(self) -> tuple[str, ...]:
        """Every file's name, sorted."""
        return self.container.names

    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file."""
        if name not in self._digests:
            self._read(name)
        return self._digests[name]

    def crc_agrees(self, name: str) -> bool:
        """Whether the container's own checksum of a file, where it has one, is right."""
        self.digest(name)
        return name not in self._wrong_crc

    def document(self, name: str) -> bytes | None:
        """Return the bytes of a file to be parsed; None when it is absent."""
        if name not in self.names:
            return None
        self.digest(name)
        return self._bytes[name]

    def again(self, name: str) -> bytes:
        """Read a file whole once more, so that many large ones are not all held; it must be what was digested.

        Raises
        ------
        MalformedError
            Codes ``archive.document-too-large`` and ``bundle.file-changed``.
        """
        if self.container.size_bytes(name) > MOST_DOCUMENT_BYTES:
            raise MalformedError(f"{name} is larger than 16 MiB", _NEXT, "archive.document-too-large")
        content = b"".join(self.container.chunks(name))
        if hashlib.sha256(content).hexdigest() != self.digest(name):
            raise MalformedError(f"{name} changed while it was read", _NEXT, "bundle.file-changed")
        return content

    def head(self, name: str) -> bytes:
        """Return the first 64 KiB of a file, or all of a shorter one."""
        self.digest(name)
        return self._heads.get(name, b"")

    def tail(self, name: str) -> bytes:
        """Return the last 64 KiB of a PDF, or all of a shorter one."""
        self.digest(name)
        return self._tails.get(name, b"")

    def too_large(self) -> tuple[str, ...]:
        """Return the documents that are too large to be parsed."""
        present = sorted(self.documents.intersection(self.names))
        return tuple(name for name in present if self.container.size_bytes(name) > MOST_DOCUMENT_BYTES)

    def _read(self, name: str) -> None:
        digest, crc = hashlib.sha256(), 0
        kept: list[bytes] | None = [] if name in self.documents else None
        for chunk in self.container.chunks(name):
            self._heads.setdefault(name, chunk[:_HEAD_BYTES])
            if name.endswith(_PDF):
                self._tails[name] = (self._tails.get(name, b"") + chunk)[-_HEAD_BYTES:]
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            if kept is not None:
                kept.append(chunk)
        self._digests[name] = digest.hexdigest()
        if kept is not None:
            self._bytes[name] = b"".join(kept)
        if self.container.recorded_crc(name) not in {None, crc}:
            self._wrong_crc.add(name)

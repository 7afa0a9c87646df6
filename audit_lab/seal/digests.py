"""SHA-256 digests of files, and the manifest that lists them the way ``sha256sum`` does."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["DIGEST", "folder_digest", "format_manifest", "parse_manifest", "sha256", "sha256_chunks", "sha256_file"]

#: A SHA-256 digest as text: 64 lower-case hexadecimal digits.
DIGEST = re.compile(r"[0-9a-f]{64}")

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[^\x00-\x1f\x7f]+)")
_NEXT = "Ask whoever made the file for an unaltered copy"


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes as lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_chunks(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 of a stream of chunks as lower-case hexadecimal."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(digests: Mapping[str, tuple[str, int]]) -> str:
    """Return the digest of a folder: SHA-256 of a line ``<sha256>  <size>  <name>`` for each file, sorted by name.

    Parameters
    ----------
    digests
        SHA-256 (hexadecimal) and size in bytes of each file by its name relative to the folder, parts divided by ``/``.
    """
    lines = [f"{digest}  {size}  {name}\n" for name, (digest, size) in digests.items()]
    lines.sort(key=lambda line: line.split("  ", 2)[2].encode())
    return sha256("".join(lines).encode())


def format_manifest(digests: Mapping[str, str]) -> bytes:
    """Return the manifest of name to digest: one ``digest  name`` line each, sorted by name.

    The form is that of ``sha256sum`` and of BagIt manifests (RFC 8493, section 2.1.3).
    """
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def parse_manifest(content: bytes, name: str) -> dict[str, str]:
    """Parse a manifest that `format_manifest` could have written.

    Raises
    ------
    MalformedError
        It is empty, not UTF-8, out of order, lists a name twice or has a line of another form (codes ``manifest.*``).
    """
    if not content:
        raise MalformedError(f"{name} is empty", _NEXT, "manifest.empty")
    try:
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError(f"{name} is not UTF-8", _NEXT, "manifest.malformed") from error
    digests: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"{name} line {number} is not 'digest  name'", _NEXT, "manifest.malformed")
        if match["name"] in digests:
            raise MalformedError(f"{name} line {number} repeats a name", _NEXT, "manifest.duplicate-name")
        digests[match["name"]] = match["digest"]
    if format_manifest(digests) != content:
        raise MalformedError(f"{name} is not sorted or does not end in a newline", _NEXT, "manifest.malformed")
    return digests

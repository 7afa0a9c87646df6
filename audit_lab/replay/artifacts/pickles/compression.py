"""What joblib may have compressed a file with, undone within a limit."""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_BYTES", "decompressed"]

#: A compressed file that grows beyond this is not looked into further.
MOST_BYTES = 1_000_000_000
_STEP = 16_000_000
_GZIP = 31
_MOST_MEMORY = 256_000_000


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


_METHODS: tuple[tuple[tuple[bytes, ...], str, Callable[[], _Decompressor]], ...] = (
    ((b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"), "zlib", zlib.decompressobj),
    ((b"\x1f\x8b",), "gzip", lambda: zlib.decompressobj(_GZIP)),
    ((b"BZh",), "bz2", bz2.BZ2Decompressor),
    ((b"\xfd7zXZ",), "xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY)),
    ((b"]\x00",), "lzma", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _MOST_MEMORY)),
)
_UNREAD = {b"\x04\x22\x4d\x18": "lz4", b"ZF": "the zlib form of joblib before 0.10"}


def decompressed(content: bytes, most_bytes: int = MOST_BYTES) -> tuple[bytes, str | None]:
    """Return a file's content uncompressed, and by which method it was compressed (None where it was not).

    Raises
    ------
    ValueError
        It is corrupt, grows beyond `most_bytes`, or is compressed by a method that is not read here.
    """
    for start, method in _UNREAD.items():
        if content.startswith(start):
            raise ValueError(f"it is compressed with {method}, which is not read here")
    for starts, method, make in _METHODS:
        if content.startswith(starts):
            return _undone(content, method, make(), most_bytes), method
    return content, None


def _undone(content: bytes, method: str, decompressor: _Decompressor, most_bytes: int) -> bytes:
    found, rest = bytearray(), content
    try:
        while not getattr(decompressor, "eof", False):
            piece = decompressor.decompress(rest, _STEP)
            # zlib hands back what it did not take yet; the others keep it.
            rest = getattr(decompressor, "unconsumed_tail", b"")
            if not piece and not rest:
                break
            found += piece
            if len(found) > most_bytes:
                raise ValueError(f"it unpacks to more than {most_bytes / 1e9:g} GB")
    except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise ValueError(f"its {method} compression is corrupt ({error})") from error
    return bytes(found)

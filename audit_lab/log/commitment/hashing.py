"""SHA-256 of many texts or blocks at once, through the polars-hash plugin."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HASH_BYTES", "block_hashes", "fixed_texts", "hex_sha256", "text_hashes"]

HASH_BYTES = 32


def hex_sha256(texts: pl.Expr) -> pl.Expr:
    """Return the SHA-256 of each text or binary value as 64 lower-case hexadecimal digits."""
    import polars_hash

    return polars_hash.CryptographicHashingNameSpace(texts).sha2_256()


def text_hashes(texts: pl.Series) -> bytes:
    """Return the SHA-256 of each text or binary value, 32 bytes each; there is no null among them."""
    if texts.is_empty():
        return b""
    digits = texts.to_frame().select(hex_sha256(pl.first()).cast(pl.Binary)).to_series()
    rows = digits.bin.reinterpret(dtype=pl.Array(pl.UInt8, 2 * HASH_BYTES)).to_numpy()
    return binascii.unhexlify(rows.data)


def block_hashes(blocks: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of each row of a matrix of bytes, 32 bytes each."""
    import pyarrow as pa

    rows, width = blocks.shape
    return text_hashes(pl.Series(_fixed(pa.large_binary(), blocks, rows, width)))


def fixed_texts(content: bytes, width: int) -> pl.Series:
    """Return ASCII bytes as a column of texts of `width` characters each."""
    import pyarrow as pa

    return pl.Series(_fixed(pa.large_string(), content, len(content) // width, width))


def _fixed(kind: Any, content: Any, rows: int, width: int) -> Any:
    import numpy as np
    import pyarrow as pa

    offsets = np.arange(rows + 1, dtype=np.int64) * width
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(offsets), pa.py_buffer(content)])

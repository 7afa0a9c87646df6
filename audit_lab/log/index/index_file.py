"""The locator index of one Parquet file and one id column: sorted hashes of ids, and the rows where they stand."""

from __future__ import annotations

import hashlib
import struct
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

from audit_lab.log.schema import INPUTS_PREFIX, TABLES

if TYPE_CHECKING:
    from mmap import mmap

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

__all__ = [
    "MAXIMUM_INDEX_BYTES",
    "IndexFile",
    "index_bytes",
    "index_digest",
    "index_files",
    "index_path",
    "indexed_columns",
    "key_of",
    "keys_of",
]

_MAGIC = b"audit_lab.index\0"
_VERSION = 1
#: Magic, version, zero, rows of the Parquet file, keys in the index, SHA-256 of the Parquet file.
_HEADER = struct.Struct("<16sIIQQ32s")
_KEY_BYTES = 8
_ROW_BYTES = 4
_MAXIMUM_ROWS = 2**32 - 1

_NO_ROWS = memoryview(b"").cast("I")

#: No index is larger.
MAXIMUM_INDEX_BYTES = _HEADER.size + _MAXIMUM_ROWS * (_KEY_BYTES + _ROW_BYTES)


def indexed_columns(table: str) -> tuple[str, ...]:
    """Return the columns of a table that have an index: ids that lookups are made by."""
    if table == "predictions":
        return ("prediction_id", "request_id", "subject_id")
    if table.startswith(INPUTS_PREFIX) or (table in TABLES and "prediction_id" in TABLES[table].columns):
        return ("prediction_id",)
    return ()


def index_path(table: str, stem: str, column: str) -> str:
    """Return where a log keeps an index: ``index/<table>/<file's name without ending>.<column>.index``."""
    return f"index/{table}/{stem}.{column}.index"


def key_of(value: str) -> int:
    """Return the key of an id: the first eight bytes of the SHA-256 of its UTF-8 bytes, most significant first."""
    return int.from_bytes(hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES], "big")


def keys_of(values: pl.Series) -> pl.Series:
    """Return the key of each text, as `key_of` does; null for null."""
    import polars as pl

    return values.cast(pl.String).to_frame("id").select(_keys(pl.col("id"))).to_series()


def index_files(table: str, frame: pl.DataFrame, file_sha256: str) -> dict[str, bytes]:
    """Build the indexes of one Parquet file.

    Parameters
    ----------
    table
        Canonical table name, or ``inputs/<model>``.
    frame
        The file's rows in stored order; of the columns only those of `indexed_columns` are read.
    file_sha256
        SHA-256 of the Parquet file, in hexadecimal.

    Returns
    -------
    dict
        Column name to the index's bytes, for each indexed column that `frame` has; see `index_path`.
    """
    return {
        column: index_bytes(frame[column], file_sha256) for column in indexed_columns(table) if column in frame.columns
    }


def index_digest(indexes: dict[str, bytes]) -> str | None:
    """Return one digest of a file's indexes, for its placement entry; None where it has none.

    It is the SHA-256 of one line ``sha256  column`` for each index, sorted by column, each line with a newline.
    """
    if not indexes:
        return None
    lines = (f"{hashlib.sha256(content).hexdigest()}  {column}\n" for column, content in sorted(indexes.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def index_bytes(ids: pl.Series, file_sha256: str) -> bytes:
    """Build the index of one column of text; nulls are left out. Equal columns give equal bytes."""
    import polars as pl

    if ids.len() > _MAXIMUM_ROWS:
        raise ValueError(f"a file of {ids.len()} rows is too long for an index")
    pairs = (
        ids.cast(pl.String)
        .alias("id")
        .to_frame()
        .lazy()
        .with_row_index("row")
        .drop_nulls("id")
        .select(key=_keys(pl.col("id")), row=pl.col("row").cast(pl.UInt32))
        .sort("key", "row")
        .collect()
    )
    header = _HEADER.pack(_MAGIC, _VERSION, 0, ids.len(), pairs.height, bytes.fromhex(file_sha256))
    keys, rows = (pairs[name].to_numpy() for name in ("key", "row"))
    return header + keys.astype("<u8").tobytes() + rows.astype("<u4").tobytes()


def _keys(ids: pl.Expr) -> pl.Expr:
    import polars as pl

    from audit_lab.log.commitment.hashing import hex_sha256

    digits = hex_sha256(ids).str.head(2 * _KEY_BYTES)
    return digits.str.decode("hex").bin.reinterpret(dtype=pl.UInt64, endianness="big")


@dataclass(frozen=True)
class IndexFile:
    """An index that was read: the file it speaks of, its keys in ascending order and the row of each.

    `reach` is how far from its share of the whole a key is looked for first: four times the deviation to be expected.
    """

    file_sha256: str
    file_rows: int
    keys: memoryview
    rows: memoryview
    reach: int

    @classmethod
    def parse(cls, content: bytes | mmap) -> IndexFile:
        """Take the bytes of an index apart; constant time, nothing but the header is read.

        Raises
        ------
        ValueError
            They are no index of version 1, or are longer or shorter than their header says.
        """
        if sys.byteorder != "little":
            raise ValueError("an index is read on little-endian processors only")
        if len(content) < _HEADER.size:
            raise ValueError("too short for an index")
        magic, version, zero, rows, count, sha256 = _HEADER.unpack_from(content)
        if (magic, version, zero) != (_MAGIC, _VERSION, 0):
            raise ValueError("no index of version 1")
        if count > rows or rows > _MAXIMUM_ROWS or len(content) != _HEADER.size + count * (_KEY_BYTES + _ROW_BYTES):
            raise ValueError("an index whose size is not what its header says")
        view = memoryview(content)
        middle = _HEADER.size + count * _KEY_BYTES
        return cls(
            sha256.hex(), rows, view[_HEADER.size : middle].cast("Q"), view[middle:].cast("I"), 2 * isqrt(count) + 8
        )

    @property
    def size_bytes(self) -> int:
        """The size of the index."""
        return _HEADER.size + self.keys.nbytes + self.rows.nbytes

    def find(self, key: int) -> memoryview:
        """Return the rows where a key stands, ascending; none where the file has no id of that key.

        Hashes are spread evenly, so a key stands near its share of the whole, which saves most reads of a cold file;
        where it does not (ids that repeat, a forged index), the whole is halved as usual.
        """
        keys = self.keys
        count = len(keys)
        guess = key * count >> 64
        low, high = max(guess - self.reach, 0), min(guess + self.reach, count)
        first = bisect_left(keys, key, low, high)
        if (first == low and low) or (first == high and high < count):
            first = bisect_left(keys, key)
        if first == count or keys[first] != key:
            return _NO_ROWS
        return self.rows[first : bisect_right(keys, key, first)]

    def find_many(self, keys: NDArray[np.uint64], most: int) -> tuple[NDArray[np.intp], NDArray[np.uint32]] | None:
        """Return where each of some keys stands: numbers of the given keys, and a row for each of these.

        None where one of them stands in more than `most` rows, or would by an index that is out of order.

        Parameters
        ----------
        keys
            In ascending order, so that a long index is gone through once from its beginning to its end.
        """
        import numpy as np

        own = np.frombuffer(self.keys, dtype="<u8")
        first = np.searchsorted(own, keys, side="left")
        hit = np.flatnonzero(first < own.size)
        hit = hit[own[first[hit]] == keys[hit]]
        start = first[hit]
        count = np.searchsorted(own, keys[hit], side="right") - start
        if hit.size and not 1 <= count.min() <= count.max() <= most:
            return None
        number = np.repeat(hit, count)
        place = np.repeat(start, count) + np.arange(number.size) - np.repeat(np.cumsum(count) - count, count)
        return number, np.frombuffer(self.rows, dtype="<u4")[place]

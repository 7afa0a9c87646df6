"""The leaves of a segment's tree: SHA-256 of every row's canonical bytes, column by column.

Plain rows are hashed as the typed text of all columns. Rows of personal tables are hashed as the list of their fields'
digests, each salted from the row's key, so that a field can be withheld or erased and the row still proven. The bytes
are specified in ``docs/formats.md``, "Canonical bytes"; `audit_lab.seal.values` and `audit_lab.seal.disclosure` are
the definition, one value at a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.commitment.column_types import schema_document, schema_sha256
from audit_lab.log.commitment.hashing import fixed_texts, hex_sha256, text_hashes
from audit_lab.log.commitment.value_text import Column, concatenated, row_pieces, value_pieces

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "field_digests",
    "leaves_of_digests",
    "row_leaves",
    "row_text",
    "schema_document",
    "schema_sha256",
    "value_texts",
]

Result = TypeVar("Result")

_LEAF = "\0"
_KEY_BYTES = 32
_SALT_DIGITS = 32
_SALT_LABEL = "audit_lab/field-salt/1:"
_ROWS_AT_ONCE = 16_384


def row_leaves(frame: pl.DataFrame, row_keys: bytes | None = None) -> bytes:
    """Return the leaf hashes of a segment's rows, 32 bytes each, in stored order.

    Parameters
    ----------
    frame
        The rows; all columns are committed, in the frame's order.
    row_keys
        32 secret bytes for each row, which make the rows field-committed; None for plain rows.

    Raises
    ------
    LogError
        A column has a type without canonical bytes, or there is not one key for each row.
    """
    if row_keys is None:
        return b"".join(_piecewise(lambda rows, _: text_hashes(_row_texts(rows, prefix=_LEAF)), frame, None))
    return b"".join(_piecewise(lambda rows, keys: leaves_of_digests(_digests(rows, keys)), frame, row_keys))


def leaves_of_digests(digests: pl.DataFrame) -> bytes:
    """Return the leaf hashes of field-committed rows from their fields' digests (64 hexadecimal digits each)."""
    start = pl.lit(f"{_LEAF}k{digests.width}:")
    if not digests.width:
        return text_hashes(_constant(f"{_LEAF}k0:", digests.height))
    return text_hashes(_by_position(digests).select(row=pl.concat_str(start, pl.all())).to_series())


def row_text(frame: pl.DataFrame) -> pl.Series:
    """Return the bytes of plain rows as text, one for each row.

    Raises
    ------
    LogError
        A column has a type without canonical bytes.
    """
    schema_document(frame.schema)
    return _row_texts(frame)


def value_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return every value's canonical text, in columns of the frame's names: what a proof of single rows shows.

    Raises
    ------
    LogError
        A column has a type without canonical bytes.
    """
    schema_document(frame.schema)
    rows, columns = _columns(frame)
    texts = (concatenated(value_pieces(each)).alias(str(place)) for place, each in enumerate(columns))
    return _restored(rows.select(texts), frame)


def field_digests(frame: pl.DataFrame, row_keys: bytes) -> pl.DataFrame:
    """Return the digest of every field as 64 hexadecimal digits, in columns of the frame's names.

    Raises
    ------
    LogError
        A column has a type without canonical bytes, or there is not one key for each row.
    """
    return pl.concat(_piecewise(_digests, frame, row_keys))


def _piecewise(
    work: Callable[[pl.DataFrame, bytes], Result], frame: pl.DataFrame, row_keys: bytes | None
) -> list[Result]:
    """Do `work` on slices of the rows, several at once, and return what it gave in order (at least one result).

    A frame without columns is not sliced: its slices would forget how many rows they have.
    """
    schema_document(frame.schema)
    if row_keys is not None and len(row_keys) != frame.height * _KEY_BYTES:
        raise LogError(
            f"{frame.height} rows have {len(row_keys)} bytes of row keys, not {_KEY_BYTES} for each",
            "Restore the segment's row keys from the vault's backup.",
        )
    keys = row_keys or b""
    if not frame.width:
        return [work(frame, keys)]

    def piece(start: int) -> Result:
        stop = start + _ROWS_AT_ONCE
        return work(frame[start:stop], keys[start * _KEY_BYTES : stop * _KEY_BYTES])

    starts = range(0, max(frame.height, 1), _ROWS_AT_ONCE)
    if len(starts) == 1:
        return [piece(0)]
    with ThreadPoolExecutor(min(pl.thread_pool_size(), len(starts))) as pool:
        return list(pool.map(piece, starts))


def _row_texts(frame: pl.DataFrame, prefix: str = "") -> pl.Series:
    if not frame.width:
        return _constant(f"{prefix}r0:", frame.height)
    rows, columns = _columns(frame)
    return rows.select(row=concatenated([prefix, *row_pieces(columns)])).to_series()


def _digests(frame: pl.DataFrame, row_keys: bytes) -> pl.DataFrame:
    if not frame.width:
        return frame
    rows, columns = _columns(frame)
    rows = rows.with_columns(fixed_texts(row_keys.hex().encode(), 2 * _KEY_BYTES).alias("key"))
    disclosures = [
        hex_sha256(concatenated(["r3:s32:", _salt(name), f"s{len(name.encode())}:{name}", *value_pieces(column)]))
        for name, column in zip(frame.columns, columns, strict=True)
    ]
    return _restored(rows.select(each.alias(str(place)) for place, each in enumerate(disclosures)), frame)


def _salt(name: str) -> pl.Expr:
    return hex_sha256(concatenated([pl.col("key"), f"{_SALT_LABEL}{name}"])).str.head(_SALT_DIGITS)


def _columns(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Column]]:
    """Return the frame with its columns named 0, 1, 2, and the expressions for them."""
    rows = _by_position(frame)
    return rows, [Column(pl.col(each.name), each.dtype, each.null_count() > 0) for each in rows.get_columns()]


def _constant(text: str, rows: int) -> pl.Series:
    return pl.Series("row", [text], dtype=pl.String).new_from_index(0, rows)


def _by_position(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with its columns named 0, 1, 2: a name from outside could mean a pattern to polars."""
    renamed = frame.clone()
    renamed.columns = [str(place) for place in range(frame.width)]
    return renamed


def _restored(result: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    result.columns = frame.columns
    return result

"""Kept files: what stays known of erased rows, so that the rows can still be proven and their values never guessed.

A kept file belongs to one segment and has one line for each of its erased rows: for an erased field the digest that
stands in the row, for a field that stays its salt. The row's key, from which all salts follow, is destroyed. The form
is specified in ``docs/formats.md``, "Erasure".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError
from audit_lab.log.commitment.hashing import hex_sha256
from audit_lab.log.commitment.leaves import field_digests, leaves_of_digests, row_leaves, value_texts
from audit_lab.log.files.reading import reading
from audit_lab.seal.disclosure import SALT_DIGITS, field_salt
from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Self

__all__ = ["Kept", "committed_leaves", "keep"]

_ROW = "_row"
_DIGEST_DIGITS = 64
_NEXT = "Restore it from a backup, or ask whoever keeps the log: without it the erased rows cannot be proven."


@dataclass(frozen=True)
class Kept:
    """The kept file of one segment.

    Attributes
    ----------
    columns
        The columns of the segment's stated schema.
    frame
        ``_row`` (the row's number in the segment, rising), then ``0``, ``1`` ... for the columns in order of the
        schema: 64 hexadecimal digits where the field is erased, 32 where it stays.
    """

    columns: tuple[str, ...]
    frame: pl.DataFrame

    @classmethod
    def parse(cls, content: bytes, columns: Sequence[str], rows: int, where: str) -> Self:
        """Parse a kept file of a segment with these columns and so many rows; `where` names it in messages.

        Raises
        ------
        LogError
            It is none.
        """
        expected = {_ROW: pl.UInt32(), **{str(place): pl.String() for place in range(len(columns))}}
        with reading(where):
            lazy = pl.scan_parquet(BytesIO(content))
            found = dict(lazy.collect_schema())
            counted = lazy.select(pl.len()).collect().item() if found == expected else 0
            if not 0 < counted <= rows:
                raise LogError(f"{where} does not hold what is kept of erased rows of its segment", _NEXT)
            frame = lazy.collect()
        numbers = frame[_ROW]
        rising = numbers.null_count() == 0 and numbers.n_unique() == counted and numbers.is_sorted()
        known = pl.all().str.contains(rf"^(?:[0-9a-f]{{{SALT_DIGITS}}}|[0-9a-f]{{{_DIGEST_DIGITS}}})$")
        sound = (
            frame.drop(_ROW).select(pl.all_horizontal(known.fill_null(value=False).all())).item() if columns else True
        )
        if not (rising and sound and int(numbers[-1]) < rows):
            raise LogError(f"{where} holds rows or digests that cannot be", _NEXT)
        return cls(tuple(columns), frame)

    def to_bytes(self) -> bytes:
        """Return the file's content; equal rows give equal bytes."""
        buffer = BytesIO()
        self.frame.write_parquet(buffer, compression="zstd", statistics=False)
        return buffer.getvalue()

    @property
    def rows(self) -> tuple[int, ...]:
        """The numbers of the erased rows, rising."""
        return tuple(self.frame[_ROW])

    def row(self, number: int) -> dict[str, str] | None:
        """Return what is kept of one row, by column; None for a row that was not erased."""
        place = self._places.get(number)
        return None if place is None else dict(zip(self.columns, self.frame.row(place)[1:], strict=True))

    @cached_property
    def _places(self) -> dict[int, int]:
        return {number: place for place, number in enumerate(self.rows)}

    def of(self, numbers: Collection[int]) -> Self:
        """Return what is kept of some rows only."""
        return type(self)(self.columns, self.frame.filter(pl.col(_ROW).is_in(list(numbers))))

    def erased(self, number: int) -> tuple[str, ...]:
        """Return the erased columns of one row."""
        return tuple(name for name, text in (self.row(number) or {}).items() if len(text) == _DIGEST_DIGITS)

    def digests(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the digest of every field of the erased rows, in columns of the schema's names.

        Parameters
        ----------
        rows
            The erased rows as the file holds them, in the order of `rows` and with the stated schema.
        """
        salts, texts = self.frame.drop(_ROW), value_texts(rows)
        texts.columns = [f"value{place}" for place in range(len(self.columns))]
        made = salts.hstack(texts).with_columns(
            pl.concat_str(
                pl.lit(f"r3:s{SALT_DIGITS}:"),
                pl.col(str(place)),
                pl.lit(f"s{len(name.encode())}:{name}"),
                pl.col(f"value{place}"),
            ).alias(f"value{place}")
            for place, name in enumerate(self.columns)
        )
        digests = made.select(
            pl.when(pl.col(str(place)).str.len_bytes() == _DIGEST_DIGITS)
            .then(pl.col(str(place)))
            .otherwise(hex_sha256(pl.col(f"value{place}")))
            .alias(str(place))
            for place in range(len(self.columns))
        )
        digests.columns = list(self.columns)
        return digests

    def restored(self, rows: pl.DataFrame) -> list[tuple[int, str]]:
        """Return the erased fields that hold a value all the same, as row and column; `rows` as for `digests`."""
        found = []
        for place, name in enumerate(self.columns):
            wrong = (self.frame[str(place)].str.len_bytes() == _DIGEST_DIGITS) & rows[name].is_not_null()
            found += [(int(number), name) for number in self.frame[_ROW].filter(wrong)]
        return sorted(found)


def keep(
    rows: pl.DataFrame,
    row_keys: Mapping[int, bytes],
    erased: Mapping[int, Collection[str]],
    earlier: Kept | None = None,
) -> Kept:
    """Return what is kept of erased rows, of those erased before too.

    Parameters
    ----------
    rows
        The rows that are being erased, with the stated schema, in rising order of their numbers.
    row_keys
        Number to key of each row; zeros for one of which fields were erased before.
    erased
        Number of each row to the columns that go, in rising order of the numbers.
    earlier
        The segment's kept file up to now.

    Raises
    ------
    LogError
        A row's key is destroyed, and no kept file speaks of the row.
    """
    columns = tuple(rows.columns)
    numbers = sorted(erased)
    digests = field_digests(rows, b"".join(row_keys[number] for number in numbers))
    before = {} if earlier is None else {number: known for number in numbers if (known := earlier.row(number))}
    proven = _digests_before(earlier, rows, numbers, before) if earlier is not None and before else {}
    lines = []
    for number, own in zip(numbers, digests.rows(), strict=True):
        salts, key = before.get(number), row_keys[number]
        if salts is None and not any(key):
            raise LogError(
                f"the key of row {number} is destroyed, and no kept file speaks of the row",
                "Restore the kept file of its segment from a backup of the log.",
            )
        line: list[object] = [number]
        for name, digest in zip(columns, proven.get(number, own), strict=True):
            stays = field_salt(key, name) if salts is None else salts[name]
            line.append(digest if name in erased[number] else stays)
        lines.append(line)
    schema = {_ROW: pl.UInt32(), **{str(place): pl.String() for place in range(len(columns))}}
    made = pl.DataFrame(lines, schema=schema, orient="row")
    if earlier is not None:
        made = pl.concat([earlier.frame.filter(~pl.col(_ROW).is_in(numbers)), made]).sort(_ROW)
    return Kept(columns, made)


def _digests_before(
    earlier: Kept, rows: pl.DataFrame, numbers: Sequence[int], before: Collection[int]
) -> dict[int, tuple[str, ...]]:
    """Return the fields' digests of the rows that were erased before, by their numbers: their keys are gone."""
    part = earlier.of(before)
    places = [place for place, number in enumerate(numbers) if number in before]
    return dict(zip(part.rows, part.digests(rows[places]).rows(), strict=True))


def committed_leaves(rows: pl.DataFrame, row_keys: bytes, kept: Kept | None, first_row: int = 0) -> bytes:
    """Return the leaf hashes of field-committed rows, some of which may be erased.

    Parameters
    ----------
    rows
        Rows of a segment with its stated schema, from `first_row` of the segment on.
    row_keys
        32 bytes for each of them.
    kept
        The segment's kept file; None where nothing was erased.
    """
    leaves = bytearray(row_leaves(rows, row_keys))
    if kept is not None:
        inside = pl.col(_ROW).is_between(first_row, first_row + rows.height - 1)
        part = Kept(kept.columns, kept.frame.filter(inside))
        places = [number - first_row for number in part.rows]
        known = leaves_of_digests(part.digests(rows[places])) if places else b""
        for at, place in enumerate(places):
            leaves[place * HASH_BYTES : (place + 1) * HASH_BYTES] = known[at * HASH_BYTES : (at + 1) * HASH_BYTES]
    return bytes(leaves)

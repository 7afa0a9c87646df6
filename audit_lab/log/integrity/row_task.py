"""Recompute the row hashes of one Parquet file and compare them with what was sealed; runs in `decoder_child`.

The request says what the file should hold: parts, each a run of rows of one segment, with the segment's schema and how
its rows are committed. The answer says of each part what is otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.commitment.alignment import aligned_changes
from audit_lab.log.commitment.column_types import schema_document
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.commitment.levels import rows_root
from audit_lab.log.erasure.kept import Kept, committed_leaves
from audit_lab.log.integrity.file_limits import check_footer
from audit_lab.log.integrity.row_keys import resolved_leaves
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.seal.merkle import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["examine_file"]

#: How many rows are decoded at a time: fewer where they are long.
_ROWS_AT_ONCE, _LEAST_AT_ONCE = 131_072, 256
_BYTES_AT_ONCE = 256 << 20
_MOST_NAMED = 200
_LONGEST_NAME = 80
_KINDS = ("changed", "dropped", "added", "moved", "duplicated")
_STATED = ("segment", "first_row", "rows", "schema", "committed", "time", "numbered", "key")


@dataclass(frozen=True)
class _Part:
    """A run of rows of one segment, as the log states it, and what is needed to recompute its leaves.

    `leaves` is None, and `keys` empty, where they are not known.
    """

    segment: str
    first_row: int
    rows: int
    schema: list[list[str]]
    committed: bool
    time: str | None
    numbered: bool
    key: list[str]
    leaves: bytes | None
    keys: bytes
    kept: Kept | None

    @property
    def columns(self) -> list[str]:
        return [name for name, _ in self.schema]

    @property
    def comparable(self) -> bool:
        """Whether leaves can be recomputed."""
        return not self.committed or bool(self.keys) or self.rows == 0

    def leaves_of(self, frame: pl.DataFrame, start: int) -> bytes:
        """Return the leaves of rows that stand from `start` of the part on."""
        if not self.committed:
            return row_leaves(frame)
        keys = self.keys[start * HASH_BYTES : (start + frame.height) * HASH_BYTES]
        return committed_leaves(frame, keys, self.kept, self.first_row + start)

    def leaves_at(self, frame: pl.DataFrame, places: Sequence[int]) -> bytes:
        """Return the leaves that rows have if they are those that were sealed at some places of the part."""
        keys = b"".join(self.keys[place * HASH_BYTES : (place + 1) * HASH_BYTES] for place in places)
        leaves = bytearray(row_leaves(frame, keys))
        for at, place in enumerate(places):
            if self.kept is not None and self.first_row + place in self.kept.rows:
                row = self.leaves_of(frame[at : at + 1], place)
                leaves[at * HASH_BYTES : (at + 1) * HASH_BYTES] = row
        return bytes(leaves)


def examine_file(request: dict[str, Any], blob: bytes) -> dict[str, Any]:
    """Return what a file holds, as a JSON-safe answer.

    Parameters
    ----------
    request
        ``path`` and ``parts``; of each part ``segment``, ``first_row``, ``rows``, ``schema``, ``committed``, ``time``
        (the column whose range the statement gives, or null), ``numbered`` (whether the table has sequence numbers),
        ``key`` (the columns that name a row), ``has_leaves``, ``has_keys``, and ``kept`` (the path of the kept file
        and the rows of the segment, or null).
    blob
        The sealed leaves and the row keys of the parts that have them, one after another.

    Raises
    ------
    MalformedError
        The file declares more than a log can hold, or is no Parquet file.
    LogError
        It cannot be read.
    """
    declared, unpacked = check_footer(request["path"])
    at_once = max(_LEAST_AT_ONCE, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * declared // max(unpacked, 1)))
    frame = pl.scan_parquet(request["path"], glob=False)
    found = frame.collect_schema()
    labelled = SEGMENT in found and ROW in found
    parts = list(_parts(request["parts"], blob))
    answers: list[dict[str, Any]] = []
    end = 0
    as_stated = declared == sum(part.rows for part in parts)
    for part in parts:
        offset, end = end, end + part.rows
        wrong = _wrong_schema(part, found)
        if wrong is not None:
            answers.append({"schema": wrong})
            continue
        if as_stated:
            rows = frame.slice(offset, part.rows)
        elif labelled:
            rows = frame.filter(pl.col(SEGMENT) == part.segment)
        elif len(parts) == 1:
            rows = frame
        else:
            answers.append({"labels": "the file holds rows of several segments and does not say which is whose"})
            continue
        answers.append(_examine_part(part, rows, at_once, labelled=labelled))
    return {"rows": declared, "parts": answers}


def _parts(values: list[dict[str, Any]], blob: bytes) -> Iterator[_Part]:
    at = 0
    for value in values:
        size = value["rows"] * HASH_BYTES
        leaves = blob[at : at + size] if value["has_leaves"] else None
        at += len(leaves or b"")
        keys = blob[at : at + size] if value["has_keys"] else b""
        at += len(keys)
        kept = None
        if value["kept"] is not None:
            columns = [name for name, _ in value["schema"]]
            content = Path(value["kept"]["path"]).read_bytes()
            kept = Kept.parse(content, columns, value["kept"]["rows"], value["kept"]["name"])
        known = {name: value[name] for name in _STATED}
        yield _Part(**known, leaves=leaves, keys=keys, kept=kept)


def _wrong_schema(part: _Part, found: pl.Schema) -> str | None:
    """Return a phrase for a file whose columns are not those of the statement; None where they are."""
    stated = dict(part.schema)
    present = {name: kind for name, kind in schema_document(found) if name not in {SEGMENT, ROW}}
    missing = [name for name in stated if name not in present]
    added = [name for name in present if name not in stated]
    other = [
        f"{name} is {present[name]}, not {kind}" for name, kind in stated.items() if present.get(name, kind) != kind
    ]
    phrases = []
    if missing:
        phrases.append(f"lacks {', '.join(missing[:5])}")
    if added:
        phrases.append(f"has {', '.join(added[:5])} besides")
    phrases += other[:5]
    return "; ".join(phrases)[:500] or None


def _examine_part(part: _Part, rows: pl.LazyFrame, at_once: int, *, labelled: bool) -> dict[str, Any]:
    """Return what a part is: its root where its leaves could be recomputed, and its changes where it has any."""
    answer: dict[str, Any] = {"comparable": part.comparable, "labels": None, "root": None, "changes": None}
    times: list[str] = []
    numbers: list[pl.DataFrame] = []
    leaves, restored, erased = [], [], []
    start = 0
    while True:
        frame = rows.slice(start, at_once).collect()
        if labelled and answer["labels"] is None:
            answer["labels"] = _wrong_labels(part, frame, start)
        values = frame.select(part.columns)
        times += _times(part, values)
        if part.numbered and {"writer_id", "sequence"} <= set(part.columns):
            numbers.append(values.select("writer_id", pl.col("sequence").cast(pl.Int64)).drop_nulls())
        if part.comparable and start + values.height <= part.rows:
            leaves.append(part.leaves_of(values, start))
        here = _erased_here(part, values, start)
        if here is not None:
            rows_here = values[[row - part.first_row - start for row in here.rows]]
            restored += here.restored(rows_here)
            names = (
                rows_here["prediction_id"].to_list() if "prediction_id" in part.columns else [""] * here.frame.height
            )
            erased += [(row, here.erased(row), name) for row, name in zip(here.rows, names, strict=True)]
        start += values.height
        if values.height < at_once:
            break
    answer |= {"found": start, "restored": restored[:_MOST_NAMED], "erased": erased}
    answer |= {"times": [min(times), max(times)] if times else None, "sequences": _sequences(numbers)}
    if part.comparable:
        found = b"".join(leaves)
        if start == part.rows:
            answer["root"] = rows_root(found).hex()
        if part.leaves is not None and (start != part.rows or found != part.leaves):
            answer["changes"] = _changes(part, rows.collect(), labelled=labelled)
    return answer


def _changes(part: _Part, frame: pl.DataFrame, *, labelled: bool) -> dict[str, Any]:
    """Return which rows of a part are not as they were sealed, and the names of those that are there."""
    sealed, values = part.leaves or b"", frame.select(part.columns)
    every_row_tried = True
    if not part.committed:
        found = row_leaves(values)
    else:
        stated = [row - part.first_row for row in frame[ROW].to_list()] if labelled else None
        found, every_row_tried = resolved_leaves(values, sealed, stated, part.leaves_at)
    changes = aligned_changes(sealed, found)
    named = sorted({row for _, row in (*changes.changed.first, *changes.moved.first, *changes.duplicated.first)})
    named = sorted({*named, *changes.added.first})
    keys = values[named].select(pl.col(column) for column in part.key if column in values.columns)
    kinds = {kind: getattr(changes, kind) for kind in _KINDS}
    return {
        "phrase": str(changes),
        "every_row_tried": every_row_tried,
        "names": {str(row): _name(key) for row, key in zip(named, keys.rows(), strict=True)},
        **{kind: [few.total, list(few.first)] for kind, few in kinds.items()},
    }


def _name(key: tuple[Any, ...]) -> str:
    text = ", ".join(str(value) for value in key)
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"


def _wrong_labels(part: _Part, frame: pl.DataFrame, start: int) -> str | None:
    first = part.first_row + start
    expected = pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True)
    if (frame[SEGMENT] != part.segment).any() or frame[SEGMENT].null_count():
        return f"rows that stand where those of {part.segment} should are labelled otherwise"
    if frame[ROW].cast(pl.Int64).ne_missing(expected).any():
        return f"rows of {part.segment} are not numbered from {part.first_row} on"
    return None


def _times(part: _Part, values: pl.DataFrame) -> list[str]:
    """Return the first and the last time of some rows; nothing where they have none."""
    if part.time is None or part.time not in values.columns:
        return []
    column = values[part.time]
    return [value.isoformat() for value in (column.min(), column.max()) if isinstance(value, datetime)]


def _sequences(numbers: list[pl.DataFrame]) -> dict[str, list[int]]:
    """Return, for each writer, the lowest and the highest sequence number and how many different ones there are."""
    if not numbers:
        return {}
    column = pl.col("sequence")
    found = pl.concat(numbers).group_by("writer_id").agg(low=column.min(), high=column.max(), count=column.n_unique())
    return {str(writer): [low, high, count] for writer, low, high, count in found.rows()}


def _erased_here(part: _Part, values: pl.DataFrame, start: int) -> Kept | None:
    """Return what is kept of the erased rows among some that stand from `start` of the part on."""
    if part.kept is None:
        return None
    first = part.first_row + start
    inside = pl.col(ROW).is_between(first, first + values.height - 1)
    return Kept(part.kept.columns, part.kept.frame.filter(inside))

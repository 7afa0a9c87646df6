"""What a log says of files that were taken over into it: where in them is what nobody could read or count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.log.index.shelf import derived, table_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.log.store import LogStore

__all__ = ["PART_EVENT", "unread_of", "unread_sentences"]

#: The kind of the event that stands beside the rows of a part of files.
PART_EVENT = "ingest.part"

_SCHEMA = {
    "file": pl.String,
    "sha256": pl.String,
    "records": pl.Int64,
    "first_byte": pl.Int64,
    "stop_byte": pl.Int64,
}
_SHOWN = 5


def unread_of(store: LogStore) -> pl.DataFrame:
    """Return the ranges of bytes of files that were taken over of which nobody can say how many records they hold.

    ``file``, ``sha256``, ``records`` (how many of the file could be counted), ``first_byte``, ``stop_byte`` (null where
    that is not known).

    Raises
    ------
    LogError
        The events cannot be read.
    """
    return derived(store, "unread ranges", ("events",), lambda: _read(store))


def unread_sentences(unread: pl.DataFrame) -> list[str]:
    """Return them as plain sentences, the first ones of many; foreign text made safe for a terminal."""
    said = [
        f"The file {printable(row['file'], 60)} was taken over with at least {row['records']:,} records: how many more "
        f"stand in it from byte {row['first_byte']:,} "
        f"{'on' if row['stop_byte'] is None else 'to byte ' + format(row['stop_byte'], ',')} cannot be told."
        for row in unread.head(_SHOWN).iter_rows(named=True)
    ]
    more = unread.height - len(said)
    return [*said, f"So it is with {more:,} more ranges of bytes."] if more else said


def _read(store: LogStore) -> pl.DataFrame:
    rows = table_rows(store, "events", pl.col("kind") == PART_EVENT)
    records: dict[str, int] = {}
    found: list[tuple[str, str, int, int | None]] = []
    for payload in rows["payload"].to_list():
        for name, digest, count, spans in _files(payload):
            records[digest] = records.get(digest, 0) + count
            found += [(name, digest, *span) for span in spans]
    ranges = [(name, digest, records[digest], first, stop) for name, digest, first, stop in found]
    return pl.DataFrame(ranges, schema=_SCHEMA, orient="row").sort("file", "first_byte")


def _files(payload: str | None) -> Iterator[tuple[str, str, int, list[tuple[int, int | None]]]]:
    """Yield what an event says of each file; one that cannot be understood says nothing."""
    try:
        for each in json.loads(payload or "")["files"]:
            spans = [(int(first), None if stop is None else int(stop)) for first, stop in each.get("unread", ())]
            yield str(each["name"]), str(each["sha256"]), int(each["counts"].get("rows", 0)), spans
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return

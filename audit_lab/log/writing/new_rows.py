"""New rows of some tables as segments; where they are many, of several tables at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.writing.receipt import repeated_ids_fact
from audit_lab.log.writing.segment_file import is_personal, new_segment, segment_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.writing.receipt import Fact
    from audit_lab.log.writing.segment_file import NewSegment

__all__ = ["NewRows"]

#: With fewer rows a thread costs more than it gains.
_MANY = 16_384


@dataclass(frozen=True)
class NewRows:
    """Makes the segments of one append.

    Attributes
    ----------
    vault
        Keeps the rows' keys.
    origin, writer_id, now
        As for `audit_lab.log.writing.segment_file.new_segment`.
    """

    vault: Vault
    origin: str
    writer_id: str
    now: datetime

    def segment(self, table: str, frame: pl.DataFrame) -> NewSegment:
        """Return the segment of rows in canonical form; raises what `new_segment` does."""
        return self._made(table, frame, *self._named(table, frame))

    def segments(self, frames: Mapping[str, pl.DataFrame]) -> tuple[list[NewSegment], list[Fact]]:
        """Return the segment of each table, and which ids are repeated in them."""
        given = [(table, frame, *self._named(table, frame)) for table, frame in frames.items()]
        made: Iterable[tuple[NewSegment, Fact | None]]
        if len(given) > 1 and sum(frame.height for frame in frames.values()) > _MANY:
            # Several steps of a segment use one processor only.
            with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
                made = list(pool.map(self._looked_at, given))
        else:
            made = [self._looked_at(each) for each in given]
        return [segment for segment, _ in made], [fact for _, fact in made if fact is not None]

    def _looked_at(self, given: tuple[str, pl.DataFrame, str, bytes | None]) -> tuple[NewSegment, Fact | None]:
        table, frame, name, _ = given
        return self._made(*given), repeated_ids_fact(table, name, frame)

    def _named(self, table: str, frame: pl.DataFrame) -> tuple[str, bytes | None]:
        """Return a new segment's name, and the keys of its rows."""
        name = segment_name(self.now)
        return name, self.vault.new_row_keys(table, name, frame.height) if is_personal(table) else None

    def _made(self, table: str, frame: pl.DataFrame, name: str, keys: bytes | None) -> NewSegment:
        return new_segment(table, name, frame, keys, origin=self.origin, writer_id=self.writer_id, now=self.now)

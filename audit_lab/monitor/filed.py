"""Rows that lie in files, pair by pair, and what is known of each: read once, and found again while the files stay.

Every question is put to one pair of files at a time, and its answer is kept under the pair's digests, its size and
time, and all that the answer depends on. So the same question of a log that grew reads the new files only, and the
answer is the same as without what was kept, byte for byte.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import narwhals as nw

    from audit_lab.log.index.sketch_cache import SketchCache
    from audit_lab.log.search.pairs import Pair

__all__ = ["Filed", "FiledRows"]


@dataclass(frozen=True, eq=False)
class FiledRows:
    """The prepared rows of a pair of files, with how many have a time (``timed``), and the ``first`` and ``last``."""

    pair: Pair
    prepared: nw.LazyFrame[Any]
    times: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Filed:
    """The rows of pairs of files; as a function, a frame of those that may lie in a range of time.

    Parameters
    ----------
    pairs
        In their order, at least one.
    cache
        Where answers are kept; None where nothing is.
    """

    pairs: tuple[Pair, ...]
    cache: SketchCache | None = None

    def __call__(self, since: datetime | None, until: datetime | None) -> pl.LazyFrame:
        """Return the rows of the pairs that may hold any of ``since <= time < until``, by what the manifest states."""
        held = self.within(since, until)
        return pl.concat([pair.frame for pair in held]) if held else self.pairs[0].frame.clear()

    def within(self, since: datetime | None, until: datetime | None) -> list[Pair]:
        """Return the pairs that may hold any row of ``since <= time < until``; all that do not state their times."""
        return [
            pair
            for pair in self.pairs
            if pair.first is None
            or pair.last is None
            or ((since is None or pair.last >= since) and (until is None or pair.first < until))
        ]

    def known(
        self,
        pairs: Sequence[Pair],
        question: Any,
        schemas: Mapping[str, Mapping[str, Any]],
        make: Callable[[], dict[str, pl.DataFrame]],
    ) -> dict[str, pl.DataFrame]:
        """Return what `make` returns, or what it returned when the same was asked of the same pairs before.

        Parameters
        ----------
        pairs
            The pairs that the answer is of.
        question
            All that it depends on besides, as JSON.
        schemas
            Its frames.
        make
            Reads the pairs.
        """
        if self.cache is None:
            return make()
        of = pairs[0].files if len(pairs) == 1 else sha256(" ".join(pair.files for pair in pairs).encode()).hexdigest()
        text = json.dumps([[pair.stamp for pair in pairs], question], sort_keys=True, default=str)
        found = self.cache.find(of, text, schemas)
        if found is None:
            found = make()
            self.cache.keep(of, text, found)
        return found

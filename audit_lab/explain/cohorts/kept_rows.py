"""The rows of a group that are kept one by one: a sample that anyone can draw again, and the ends of each feature.

The sample is the rows with the smallest SHA-256 of ``seed|prediction_id``, whatever their values: a random sample, to
all intents and purposes, and the same one each time. It would miss what is rare, so for each feature the rows with the
largest and the smallest contributions are kept beside it; of equal contributions, those with the smaller SHA-256.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.replay.impact.own_memory import in_own_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from audit_lab.explain.cohorts.block import Block

__all__ = ["RANK", "KeptRows", "ranks", "smallest"]

#: The column that holds the first 64 bits of a row's SHA-256.
RANK = "__rank__"
_ID = "prediction_id"
_OUTPUT = "output"
#: Contributions stand in columns with this prefix beside the recorded inputs of the same rows.
_GIVEN, _MOVED = "given:", "moved:"
_BYTES = 8


def ranks(ids: Iterable[str], seed: int) -> pl.Series:
    """Return for each id the first 64 bits of the SHA-256 of ``seed|id``, as a number."""
    head = f"{seed}|"
    found = [
        int.from_bytes(hashlib.sha256(f"{head}{name}".encode("utf-8", "surrogatepass")).digest()[:_BYTES], "big")
        for name in ids
    ]
    return pl.Series(RANK, found, dtype=pl.UInt64)


def smallest(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the rows with the smallest `RANK`, in its order; of equal ones by id."""
    return rows.sort(RANK, _ID).head(most)


class KeptRows:
    """Keeps some rows of those that come.

    Parameters
    ----------
    features
        In the order of the contributions.
    sample
        How many rows of the sample.
    ends
        How many rows at each end of each feature.
    """

    def __init__(self, features: tuple[str, ...], sample: int, ends: int) -> None:
        self._features = features
        self._most = sample
        self._ends = ends
        self._sample: pl.DataFrame | None = None
        self._above: int | None = None
        self._tails: dict[tuple[str, str], pl.DataFrame] = {}
        self._edges = np.repeat(np.array([[np.inf], [-np.inf]]), len(features), axis=1)

    def add(self, block: Block) -> None:
        """Look at a block, whose rows have their `RANK`."""
        self._add_to_sample(block)
        # Two comparisons tell the features of which a row may be at an end; after a few blocks they are few.
        low, high = block.contributions <= self._edges[0], block.contributions >= self._edges[1]
        for side, near in enumerate((low, high)):
            for place in np.flatnonzero(near.any(axis=0)):
                self._add_to_tail(side, int(place), np.flatnonzero(near[:, place]), block)

    def _add_to_sample(self, block: Block) -> None:
        chosen = np.arange(block.rows.height)
        if self._above is not None:
            chosen = np.flatnonzero(block.rows[RANK].to_numpy() <= np.uint64(self._above))
        rows, inputs = block.rows[chosen], block.inputs[chosen]
        beside = [
            pl.Series(_OUTPUT, block.outputs[chosen]),
            *(inputs[name].alias(_GIVEN + name) for name in self._features),
            *(
                pl.Series(_MOVED + name, block.contributions[chosen, place])
                for place, name in enumerate(self._features)
            ),
        ]
        both = [rows.hstack(beside)] if self._sample is None else [self._sample, rows.hstack(beside)]
        self._sample = in_own_memory(smallest(pl.concat(both), self._most))
        if self._sample.height == self._most:
            self._above = int(self._sample[RANK][-1])

    def _add_to_tail(self, side: int, place: int, near: npt.NDArray[np.intp], block: Block) -> None:
        name, kind = self._features[place], ("lowest", "highest")[side]
        values = block.contributions[near, place]
        first = np.lexsort((block.rows[RANK].to_numpy()[near], -values if side else values))[: self._ends]
        chosen = near[first]
        found = block.rows[chosen].with_columns(
            block.inputs[name][chosen].alias("given"), pl.Series("moved", block.contributions[chosen, place])
        )
        before = self._tails.get((name, kind))
        both = found if before is None else pl.concat([before, found])
        kept = both.sort("moved", RANK, _ID, descending=[bool(side), False, False]).head(self._ends)
        self._tails[name, kind] = in_own_memory(kept)
        if kept.height == self._ends:
            self._edges[side, place] = kept["moved"][-1]

    def sample(self) -> pl.DataFrame:
        """Return the sample in the order of its SHA-256: ids, `RANK`, ``output``, inputs and contributions."""
        return pl.DataFrame() if self._sample is None else self._sample

    def points(self, feature: str) -> pl.DataFrame:
        """Return the kept rows of a feature, each once, in the order of its contributions.

        Returns
        -------
        pl.DataFrame
            ``kind`` (``sample``, ``highest`` or ``lowest``), ``prediction_id``, ``place``, ``occurred_at``, ``given``
            (the recorded value) and ``contribution``.
        """
        names = ["prediction_id", "place", "occurred_at", RANK]
        sampled = self.sample().select(
            pl.lit("sample").alias("kind"),
            *names,
            pl.col(_GIVEN + feature).alias("given"),
            pl.col(_MOVED + feature).alias("contribution"),
        )
        tails = [
            self._tails[feature, kind].select(
                pl.lit(kind).alias("kind"), *names, "given", pl.col("moved").alias("contribution")
            )
            for kind in ("highest", "lowest")
            if (feature, kind) in self._tails
        ]
        every = pl.concat([sampled, *tails]).unique("place", keep="first", maintain_order=True)
        return every.sort("contribution", RANK, _ID).drop(RANK)

"""Text of few different values: two bytes for each row that sort as the text does, beside the values themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.browse.sort_keys import MOST_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["MOST_CODED", "CodedText", "coded_text", "in_common"]

#: Text of more different values is no longer kept as codes.
MOST_CODED = 4_096


@dataclass(frozen=True)
class CodedText:
    """A column of text of few different values.

    Parameters
    ----------
    different
        The values that there are, each once, ascending by their bytes.
    codes
        For each row the place of its value among these; 0 where it has none.
    nulls
        For each row whether it has no value; None where each has one.
    """

    different: tuple[str, ...]
    codes: NDArray[np.uint16]
    nulls: NDArray[np.bool_] | None = None

    @cached_property
    def keys(self) -> NDArray[np.uint16]:
        """For each row a number that sorts as `sort_keys` orders its text; where there is no value it says nothing."""
        import numpy as np

        raw = [value.encode() for value in self.different]
        common = in_common(raw[0], raw[-1]) if raw else 0
        counted = [value[: common + MOST_TEXT_BYTES].rstrip(b"\0") for value in raw]
        ranks = {value: rank for rank, value in enumerate(sorted(set(counted)))}
        if len(ranks) == len(counted):
            return self.codes
        return np.array([ranks[value] for value in counted], dtype=np.uint16)[self.codes]

    @property
    def size_bytes(self) -> int:
        """What is kept in memory."""
        return 2 * self.codes.nbytes + (0 if self.nulls is None else self.nulls.nbytes)

    def text(self) -> pl.Series:
        """Return the text itself, row by row."""
        return pl.Series(self.different, dtype=pl.String).gather(self.numbers())

    def numbers(self) -> pl.Series:
        """Return the codes, null where a row has no value."""
        codes = pl.Series(self.codes)
        if self.nulls is None:
            return codes
        return pl.select(pl.when(pl.Series(self.nulls)).then(None).otherwise(codes)).to_series()

    def where(self, holds: Callable[[pl.Series], pl.Series]) -> NDArray[np.bool_]:
        """Return for each row whether something holds for its value.

        Parameters
        ----------
        holds
            Says it of some texts, the last of them null; whatever is null does not hold.
        """
        found = holds(pl.Series([*self.different, None], dtype=pl.String)).fill_null(value=False).to_numpy()
        kept: NDArray[np.bool_] = found[self.codes]
        if self.nulls is not None:
            kept[self.nulls] = found[-1]
        return kept


def coded_text(batches: Iterable[pl.Series], count: int) -> CodedText | None:
    """Read text that has few different values; None, before all is read, where it has more.

    Parameters
    ----------
    batches
        The text, in stored order.
    count
        How many rows there are.
    """
    import numpy as np

    codes = np.zeros(count, dtype=np.uint16)
    nulls: NDArray[np.bool_] | None = None
    seen: list[str] = []
    done = 0
    for batch in batches:
        text = batch.cast(pl.String)
        named = text.cast(pl.Enum(seen), strict=False)
        if named.null_count() > text.null_count():
            # A plain list, because whoever sees a value first gives it its number.
            seen += text.filter(named.is_null() & text.is_not_null()).unique().to_list()
            if len(seen) > MOST_CODED:
                return None
            named = text.cast(pl.Enum(seen), strict=False)
        here = slice(done, done + text.len())
        codes[here] = named.to_physical().fill_null(0).to_numpy()
        if text.null_count():
            nulls = np.zeros(count, dtype=np.bool_) if nulls is None else nulls
            nulls[here] = text.is_null().to_numpy()
        done += text.len()
    order = sorted(range(len(seen)), key=lambda number: seen[number].encode())
    places = np.zeros(max(len(seen), 1), dtype=np.uint16)
    places[order] = np.arange(len(order), dtype=np.uint16)
    return CodedText(tuple(seen[number] for number in order), places[codes], nulls)


def in_common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count

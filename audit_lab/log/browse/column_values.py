"""What a column holds, for every prediction in stored order: numbers that sort as it does, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.browse.sort_keys import key_levels, keys_of
from audit_lab.log.engines.answers import collected
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import Order, order_of
from audit_lab.log.search.wide import INPUT, Beside
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.browse.columns import BrowsedColumn
    from audit_lab.log.browse.stored_rows import StoredRows
    from audit_lab.log.store import LogStore

__all__ = ["ColumnValues", "values_in_order"]

_BATCH_ROWS = 262_144

_VALUE = "value"
_NUMBER = "__number__"


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column, and numbers that sort as they do (see `sort_keys`), for each row in stored order.

    Values that take up to eight bytes each are kept, once they were read, beside these numbers.

    Parameters
    ----------
    rows
        Returns the column, as ``value``, of every row in stored order.
    count
        How many rows there are.
    what
        What is read, for messages.
    progress
        Called with ``"rows"`` and how many more were read; what it raises ends the reading.
    """

    rows: pl.LazyFrame
    count: int
    what: str
    progress: Callable[[str, int], None] | None = None
    _levels: dict[int, NDArray[np.uint64]] = field(default_factory=dict)
    _known: dict[str, Any] = field(default_factory=dict)

    @property
    def nulls(self) -> NDArray[np.bool_] | None:
        """For each row whether it has no value; None where each has one."""
        self.keys(0)
        nulls: NDArray[np.bool_] | None = self._known["nulls"]
        return nulls

    @property
    def levels(self) -> int:
        """How many levels of keys tell the values apart."""
        longest, _ = self._text()
        return key_levels(self._dtype, longest)

    @property
    def size_bytes(self) -> int:
        """What is kept in memory."""
        nulls, values = self._known.get("nulls"), self._known.get("values")
        kept = 0 if values is None else values.estimated_size()
        return sum(each.nbytes for each in self._levels.values()) + (0 if nulls is None else nulls.nbytes) + kept

    @property
    def narrow(self) -> bool:
        """Whether a value takes up to eight bytes, so that the column is kept."""
        dtype = self._dtype
        wide = dtype in (pl.Int128, pl.UInt128) or dtype.is_decimal()
        return (dtype.is_numeric() and not wide) or dtype.is_temporal() or dtype == pl.Boolean

    def values(self) -> pl.Series:
        """Return the values, read once; for a column that is `narrow`.

        Raises
        ------
        LogError
            The log cannot be read.
        """
        if "values" not in self._known:
            read = list(self._batches())
            values = pl.concat(read) if read else pl.Series(_VALUE, [], dtype=self._dtype)
            self._known["values"] = values.rechunk()
        values_read: pl.Series = self._known["values"]
        return values_read

    def between(self, since: Any, until: Any) -> NDArray[np.int64]:
        """Return the numbers of the rows with a value of ``since <= value < until``, ascending; None for no bound."""
        import numpy as np

        values = self.values()
        if "ascends" not in self._known:
            self._known["ascends"] = not values.null_count() and values.is_sorted()
        if self._known["ascends"]:
            first = 0 if since is None else int(values.search_sorted(since, "left"))
            stop = values.len() if until is None else int(values.search_sorted(until, "left"))
            return np.arange(first, max(first, stop))
        asked = [pl.col(_VALUE).is_not_null()]
        if since is not None:
            asked.append(pl.col(_VALUE) >= since)
        if until is not None:
            asked.append(pl.col(_VALUE) < until)
        within = values.to_frame().select(pl.all_horizontal(asked)).to_series()
        return np.flatnonzero(within.to_numpy())

    def keys(self, level: int) -> NDArray[np.uint64]:
        """Return the keys of a level, read once.

        Raises
        ------
        MisuseError
            The values of the column have no order.
        LogError
            The log cannot be read.
        """
        if level not in self._levels:
            key_levels(self._dtype)
            self._levels[level] = self._read(level)
        return self._levels[level]

    def _read(self, level: int) -> NDArray[np.uint64]:
        import numpy as np

        _, common = self._text()
        keys = np.zeros(self.count, dtype=np.uint64)
        missing: NDArray[np.bool_] | None = None
        done = 0
        for batch in self._slices() if self.narrow else self._batches():
            here = slice(done, done + batch.len())
            keys[here] = keys_of(batch, level, common)
            if batch.null_count():
                missing = np.zeros(self.count, dtype=np.bool_) if missing is None else missing
                missing[here] = batch.is_null().to_numpy()
            done += batch.len()
        self._known["nulls"] = missing
        return keys

    def _slices(self) -> Iterator[pl.Series]:
        values = self.values()
        return (values[start : start + _BATCH_ROWS] for start in range(0, values.len(), _BATCH_ROWS))

    def _batches(self) -> Iterator[pl.Series]:
        """Read the column, as many rows as there are at most; progress is told."""
        done = 0
        with reading(self.what):
            rows = self.rows.select(_VALUE)
            for batch in rows.collect_batches(engine="streaming", maintain_order=True, chunk_size=_BATCH_ROWS):
                values = batch[_VALUE][: self.count - done]
                done += values.len()
                yield values
                if self.progress is not None:
                    self.progress("rows", values.len())

    @property
    def _dtype(self) -> pl.DataType:
        if "dtype" not in self._known:
            self._known["dtype"] = self.rows.collect_schema()[_VALUE]
        dtype: pl.DataType = self._known["dtype"]
        return dtype

    def _text(self) -> tuple[int, int]:
        """Return, of text, the bytes of the longest value beyond the common beginning, and those of that."""
        if not isinstance(self._dtype, pl.String | pl.Categorical | pl.Enum):
            return 0, 0
        if "text" not in self._known:
            text = pl.col(_VALUE).cast(pl.String)
            asked = self.rows.select(
                text.min().alias("least"), text.max().alias("most"), text.str.len_bytes().max().alias("longest")
            )
            least, most, longest = collect(asked, self.what).row(0)
            common = _in_common((least or "").encode(), (most or "").encode())
            self._known["text"] = ((longest or 0) - common, common)
        text_facts: tuple[int, int] = self._known["text"]
        return text_facts


def values_in_order(
    store: LogStore, column: BrowsedColumn, models: tuple[str, ...], predictions: StoredRows
) -> pl.LazyFrame:
    """Return a column, as ``value``, for each prediction in stored order.

    Inputs stand beside their prediction; null where it has none, or where its id stands twice among them.

    Raises
    ------
    MisuseError
        Two models have an input of one name whose types do not go together.
    LogError
        The log cannot be read.
    """
    feature = column.feature
    if feature is None:
        return store.placed("predictions").select(column.own.alias(_VALUE))
    if len(models) == 1 and order_of(store, models[0]) is Order.SAME:
        return store.placed(INPUTS_PREFIX + models[0]).select(pl.col(feature).alias(_VALUE))
    beside = Beside(store, models).frame([feature])
    found = collected(beside.select(SEGMENT, ROW, INPUT + feature), f"the inputs of {store.location}")
    placed = found.select(
        pl.Series(_NUMBER, predictions.numbers(found), dtype=pl.UInt32), pl.col(INPUT + feature).alias(_VALUE)
    )
    every = pl.LazyFrame({_NUMBER: pl.int_range(predictions.count, dtype=pl.UInt32, eager=True)})
    return every.join(placed.lazy(), on=_NUMBER, how="left", maintain_order="left").select(_VALUE)


def _in_common(one: bytes, other: bytes) -> int:
    """Return how many bytes two texts have in common at their beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count

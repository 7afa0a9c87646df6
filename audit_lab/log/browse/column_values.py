"""What a column holds, for every prediction in stored order: numbers that sort as it does, and which are missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.browse.coded_text import MOST_CODED, CodedText, coded_text, in_common
from audit_lab.log.browse.sort_keys import MOST_TEXT_BYTES, key_levels, keys_of
from audit_lab.log.files.reading import collect, reading, schema_of
from audit_lab.log.schema import INPUTS_PREFIX
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
_KEY_BYTES = 8

_VALUE = "value"
_NUMBER = "__number__"


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column, and numbers that sort as they do (see `sort_keys`), for each row in stored order.

    Values that take up to eight bytes each are kept, once they were read, beside these numbers; so is text that has few
    different values (`coded_text`), as two bytes each.

    Parameters
    ----------
    read
        Returns the column, as ``value``, of every row in stored order, by the files as they are when it is called: one
        that was damaged since is named.
    count
        How many rows there are.
    what
        What is read, for messages.
    progress
        Called with ``"rows"`` and how many more were read; what it raises ends the reading.
    """

    read: Callable[[], pl.LazyFrame]
    count: int
    what: str
    progress: Callable[[str, int], None] | None = None
    _levels: dict[int, NDArray[Any]] = field(default_factory=dict)
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
        if not self._is_text:
            return key_levels(self._dtype)
        self.keys(0)
        if self.coded is not None:
            return 1
        begin, common, longest = self._text
        return key_levels(self._dtype, longest - begin, common - begin + MOST_TEXT_BYTES)

    @property
    def size_bytes(self) -> int:
        """What is kept in memory."""
        nulls, values, coded = (self._known.get(name) for name in ("nulls", "values", "coded"))
        if coded is not None:
            return int(coded.size_bytes)
        kept = 0 if values is None else values.estimated_size()
        return sum(each.nbytes for each in self._levels.values()) + (0 if nulls is None else nulls.nbytes) + kept

    @property
    def coded(self) -> CodedText | None:
        """The column as text of few different values, read once; None where it is none, which its beginning tells."""
        if not self._is_text:
            return None
        if "coded" not in self._known:
            self._known["coded"] = self._read_coded()
        coded: CodedText | None = self._known["coded"]
        return coded

    @property
    def narrow(self) -> bool:
        """Whether a value takes up to eight bytes, so that the column is kept."""
        dtype = self._dtype
        wide = dtype in (pl.Int128, pl.UInt128) or dtype.is_decimal()
        return (dtype.is_numeric() and not wide) or dtype.is_temporal() or dtype == pl.Boolean

    @property
    def is_kept(self) -> bool:
        """Whether the values themselves are kept: those of a column that is `narrow`, and text of few values."""
        return self.narrow or (self._dtype == pl.String and self.coded is not None)

    def values(self) -> pl.Series:
        """Return the values, read once; for a column that is kept (`is_kept`).

        Raises
        ------
        LogError
            The log cannot be read.
        """
        if not self.narrow and self.coded is not None:
            return self.coded.text()
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

    def keys(self, level: int) -> NDArray[Any]:
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
            if self._is_text and self.coded is None and not self._levels:
                self._read_first_level()
            if level not in self._levels:
                self._levels[level] = self._read(level)
        return self._levels[level]

    def _read(self, level: int) -> NDArray[np.uint64]:
        import numpy as np

        keys = np.zeros(self.count, dtype=np.uint64)
        missing: NDArray[np.bool_] | None = None
        done = 0
        for batch in self._slices() if self.narrow else self._batches():
            here = slice(done, done + batch.len())
            keys[here] = self._keys_of(batch, level)
            if batch.null_count():
                missing = np.zeros(self.count, dtype=np.bool_) if missing is None else missing
                missing[here] = batch.is_null().to_numpy()
            done += batch.len()
        self._known["nulls"] = missing
        return keys

    def _keys_of(self, batch: pl.Series, level: int) -> NDArray[np.uint64]:
        import numpy as np

        if not self._is_text:
            return keys_of(batch, level)
        begin, common, _ = self._text
        keys = keys_of(batch, level, begin)
        beyond = begin + (level + 1) * _KEY_BYTES - common - MOST_TEXT_BYTES
        if beyond > 0:  # bytes that do not count
            keys = keys >> np.uint64(8 * beyond) << np.uint64(8 * beyond)
        return keys

    def _read_coded(self) -> CodedText | None:
        batches = self._batches()
        first = next(batches, None)
        if first is not None and first.n_unique() > MOST_CODED:
            return None
        coded = coded_text(chain([] if first is None else [first], batches), self.count)
        if coded is not None:
            self._known["nulls"], self._levels[0] = coded.nulls, coded.keys
        return coded

    def _read_first_level(self) -> None:
        """Read the first bytes of text, and how long it is: mostly that tells what all values have in common."""
        import numpy as np

        keys = np.zeros(self.count, dtype=np.uint64)
        missing = np.zeros(self.count, dtype=np.bool_)
        lengths: list[tuple[int, int]] = []
        done = 0
        for batch in self._batches():
            here = slice(done, done + batch.len())
            text = batch.cast(pl.String)
            keys[here], missing[here] = keys_of(text), text.is_null().to_numpy()
            sizes = text.str.len_bytes()
            if sizes.len() > sizes.null_count():
                lengths.append((int(sizes.min() or 0), int(sizes.max() or 0)))  # type: ignore[arg-type]
            done += batch.len()
        valued = keys[~missing] if missing.any() else keys[:done]
        shortest, longest = min(short for short, _ in lengths), max(long for _, long in lengths)
        differ = int(valued.min() ^ valued.max())
        common = min(_KEY_BYTES - -(-differ.bit_length() // 8), shortest)
        if common < _KEY_BYTES:
            self._known["text"] = (0, common, longest)
            self._known["nulls"] = missing if missing.any() else None
            self._levels[0] = keys
            return
        whole = pl.col(_VALUE).cast(pl.String)
        ends = self.read().select(whole.min().alias("least"), whole.max().alias("most"))
        least, most = collect(ends, self.what).row(0)
        common = in_common(least.encode(), most.encode())
        self._known["text"] = (common, common, longest)

    @property
    def _text(self) -> tuple[int, int, int]:
        """Of text: with which byte its keys begin, how many bytes all values have in common, and the longest has."""
        facts: tuple[int, int, int] = self._known["text"]
        return facts

    @property
    def _is_text(self) -> bool:
        return isinstance(self._dtype, pl.String | pl.Categorical | pl.Enum)

    def _slices(self) -> Iterator[pl.Series]:
        values = self.values()
        return (values[start : start + _BATCH_ROWS] for start in range(0, values.len(), _BATCH_ROWS))

    def _batches(self) -> Iterator[pl.Series]:
        """Read the column, as many rows as there are at most; progress is told."""
        done = 0
        with reading(self.what):
            rows = self.read().select(_VALUE)
            for batch in rows.collect_batches(engine="streaming", maintain_order=True, chunk_size=_BATCH_ROWS):
                values = batch[_VALUE][: self.count - done]
                done += values.len()
                yield values
                if self.progress is not None:
                    self.progress("rows", values.len())

    @property
    def _dtype(self) -> pl.DataType:
        if "dtype" not in self._known:
            self._known["dtype"] = schema_of(self.read(), self.what)[_VALUE]
        dtype: pl.DataType = self._known["dtype"]
        return dtype


def values_in_order(
    store: LogStore, column: BrowsedColumn, models: tuple[str, ...], predictions: StoredRows
) -> Callable[[], pl.LazyFrame]:
    """Return what gives a column, as ``value``, for each prediction in stored order.

    Inputs stand beside their prediction; null where it has none, or where its id stands twice among them.

    Raises
    ------
    MisuseError
        Two models have an input of one name whose types do not go together.
    LogError
        The log cannot be read.
    """
    from audit_lab.log.engines.answers import collected
    from audit_lab.log.search.pairing import Order, order_of
    from audit_lab.log.search.wide import INPUT, Beside

    feature = column.feature
    if feature is None:
        return lambda: store.placed("predictions").select(column.own.alias(_VALUE))
    if len(models) == 1 and order_of(store, models[0]) is Order.SAME:
        return lambda: store.placed(INPUTS_PREFIX + models[0]).select(pl.col(feature).alias(_VALUE))
    beside = Beside(store, models).frame([feature])
    found = collected(beside.select(SEGMENT, ROW, INPUT + feature), f"the inputs of {store.location}")
    placed = found.select(
        pl.Series(_NUMBER, predictions.numbers(found), dtype=pl.UInt32), pl.col(INPUT + feature).alias(_VALUE)
    )
    every = pl.LazyFrame({_NUMBER: pl.int_range(predictions.count, dtype=pl.UInt32, eager=True)})
    values = every.join(placed.lazy(), on=_NUMBER, how="left", maintain_order="left").select(_VALUE)
    return lambda: values

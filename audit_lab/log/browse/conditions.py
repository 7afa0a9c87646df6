"""Which rows an expression leaves: by columns that are kept in memory, or by one pass over those that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.browse.column_values import ColumnValues
    from audit_lab.log.browse.columns import BrowsedColumn
    from audit_lab.log.search.expression import Expression
    from audit_lab.log.store import LogStore

__all__ = ["rows_of_both", "rows_where"]

_KEPT = "kept"


def rows_where(
    store: LogStore, text: str, columns: Sequence[BrowsedColumn], values: Callable[[BrowsedColumn], ColumnValues]
) -> NDArray[np.int64] | None:
    """Return the numbers of the rows for which an expression holds, ascending.

    None where it names more than columns that can be looked at, or another engine than polars is to answer: the search
    of the log then finds them, and says what is wrong with an expression.

    Parameters
    ----------
    store, text
        The log, and the expression.
    columns
        Those that can be looked at.
    values
        Returns what one of them holds.

    Raises
    ------
    LogError
        The log cannot be read.
    """
    import numpy as np

    from audit_lab.log.search.expression import parse_expression

    if store.engine.name != "polars":
        return None
    expression = parse_expression(text)
    known = {column.path: column for column in columns}
    if not expression.paths or not expression.paths <= known.keys():
        return None
    named = {column.name: column for column in (known[path] for path in sorted(expression.paths))}
    scope = {column.path: name for name, column in named.items()}
    held = {name: values(column) for name, column in named.items()}
    try:
        if len(held) == 1:
            ((name, only),) = held.items()
            if only.coded is not None and only.is_kept:
                # What holds for a value holds for every row that has it.
                of_values = only.coded.where(lambda text: _kept(text.alias(name).to_frame().lazy(), expression, scope))
                return np.flatnonzero(of_values)
        frame = _frame(store, named, held)
        if frame is None:
            return None
        with reading(f"the predictions of {store.location}"):
            kept = _kept(frame, expression, scope)
    except MisuseError:
        return None
    return np.flatnonzero(kept.fill_null(value=False).to_numpy())


def rows_of_both(found: NDArray[np.int64] | None, within: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return those numbers of rows, of so many in all, that are in both, in the order of the first; None is all."""
    import numpy as np

    if found is None:
        return within
    known = np.zeros(count, dtype=np.bool_)
    known[within] = True
    chosen: NDArray[np.int64] = found[known[found]]
    return chosen


def _frame(
    store: LogStore, columns: Mapping[str, BrowsedColumn], held: Mapping[str, ColumnValues]
) -> pl.LazyFrame | None:
    """Return columns from memory, or from the files where one of them is not kept; None where that is an input."""
    if all(each.is_kept for each in held.values()):
        return pl.DataFrame([each.values().alias(name) for name, each in held.items()]).lazy()
    if any(column.feature is not None for column in columns.values()):
        return None
    return store.placed("predictions").select(column.own.alias(name) for name, column in columns.items())


def _kept(frame: pl.LazyFrame, expression: Expression, scope: Mapping[tuple[str, ...], str]) -> pl.Series:
    import narwhals as nw

    from audit_lab.log.search.expression import Scope

    narrow = nw.from_native(frame)
    condition = expression.bind(Scope(scope, narrow.collect_schema()))
    return narrow.select(condition.alias(_KEPT)).to_native().collect(engine="streaming")[_KEPT]

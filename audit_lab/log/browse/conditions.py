"""Which rows an expression leaves: by columns that are kept in memory, or by one pass over those that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from audit_lab.log.browse.column_values import ColumnValues
    from audit_lab.log.browse.columns import BrowsedColumn
    from audit_lab.log.store import LogStore

__all__ = ["rows_where"]

_KEPT = "kept"


def rows_where(
    store: LogStore, text: str, columns: Sequence[BrowsedColumn], values: Callable[[BrowsedColumn], ColumnValues]
) -> NDArray[np.int64] | None:
    """Return the numbers of the rows for which an expression holds, ascending.

    None where it names more than columns of predictions and outputs, or another engine than polars is to answer: the
    search of the log then finds them, and says what is wrong with an expression.

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

    from audit_lab.log.search.expression import Scope, parse_expression

    if store.engine.name != "polars":
        return None
    expression = parse_expression(text)
    known = {column.path: column for column in columns if column.feature is None}
    if not expression.paths or not expression.paths <= known.keys():
        return None
    named = [known[path] for path in sorted(expression.paths)]
    held = [values(column) for column in named]
    if all(each.narrow for each in held):
        read = [each.values().alias(column.name) for column, each in zip(named, held, strict=True)]
        frame = pl.DataFrame(read).lazy()
    else:
        frame = store.placed("predictions").select(column.own.alias(column.name) for column in named)
    narrow = nw.from_native(frame)
    try:
        condition = expression.bind(Scope({column.path: column.name for column in named}, narrow.collect_schema()))
    except MisuseError:
        return None
    found = collect(narrow.select(condition.alias(_KEPT)).to_native(), f"the predictions of {store.location}")[_KEPT]
    return np.flatnonzero(found.fill_null(value=False).to_numpy())

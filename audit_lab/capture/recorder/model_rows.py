"""The rows that a model is asked for, and that it answers with, in whatever a library holds them in."""

from __future__ import annotations

from typing import Any

__all__ = ["rows_asked", "rows_of_answer"]

_TWO = 2


def rows_asked(asked: Any) -> list[Any]:
    """Return the rows of a data frame, an array, a sparse matrix or a list of rows, as Python values.

    A missing value is None, but in a column of floating-point numbers, where it is one of them: not a number.
    """
    if hasattr(asked, "rows"):  # polars
        return list(asked.rows())
    if hasattr(asked, "itertuples"):  # pandas
        columns = [_column(asked.iloc[:, place]) for place in range(asked.shape[1])]
        return list(zip(*columns, strict=True)) if columns else [()] * len(asked)
    if hasattr(asked, "tocsr"):  # scipy
        rows = asked.tocsr()
        return [rows[place : place + 1].toarray()[0].tolist() for place in range(rows.shape[0])]
    return asked.tolist() if hasattr(asked, "tolist") else [list(row) for row in asked]


def rows_of_answer(answer: Any, count: int) -> list[list[Any]]:
    """Return what a model gave, as a list for each row: one value, or one for each class or output.

    Parameters
    ----------
    answer
        An array, a data frame, a series, a sparse matrix or a list; or a list with an array for each output.
    count
        How many rows were asked for.
    """
    if isinstance(answer, list | tuple) and answer and all(getattr(each, "ndim", 1) == _TWO for each in answer):
        outputs = [rows_asked(each) for each in answer]
        if all(len(each) == count for each in outputs):
            return [[list(output[row]) for output in outputs] for row in range(count)]
    if not hasattr(answer, "rows") and not hasattr(answer, "itertuples") and not hasattr(answer, "tocsr"):
        rows = answer.tolist() if hasattr(answer, "tolist") else answer
        rows = rows if isinstance(rows, list | tuple) else list(rows) if hasattr(rows, "__iter__") else [rows]
    else:
        rows = rows_asked(answer)
    return [_values(row) for row in rows]


def _values(row: Any) -> list[Any]:
    made = row.tolist() if hasattr(row, "tolist") else row
    return list(made) if isinstance(made, list | tuple) else [made]


def _column(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    if getattr(column.dtype, "kind", None) == "f" and type(column.dtype).__module__.startswith("numpy"):
        return values
    missing = column.isna().tolist()
    return [None if is_missing else value for value, is_missing in zip(values, missing, strict=True)]

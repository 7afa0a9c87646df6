"""The decisions behind a mark of a picture: by an expression for `find`, and by reading the log again.

An expression selects by what is recorded, so it also finds decisions of the bin that could not be explained. Reading
again passes the rows through the same sieve as the explanation did, and gives exactly those that the mark is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Collection

    from audit_lab.explain.cohorts.asked import Asked

__all__ = ["Span", "bin_expression", "in_bin"]


class Span(NamedTuple):
    """Which recorded values a bin holds; see `audit_lab.explain.cohorts.result.DependenceBin`."""

    kind: str
    lowest: float | None = None
    highest: float | None = None
    text: str | None = None


def in_bin(column: pl.Expr, span: Span, others: Collection[str] = ()) -> pl.Expr:
    """Return whether a recorded value lies in a bin.

    Parameters
    ----------
    column
        The recorded column, NaN as null.
    span
        The bin.
    others
        The texts that have bins of their own; for the bin of those that have none.
    """
    if span.kind == "missing":
        return column.is_null()
    if span.kind == "number":
        return column.is_between(pl.lit(span.lowest), pl.lit(span.highest))
    texts = column.cast(pl.String)
    if span.kind == "text":
        return texts == pl.lit(span.text)
    return texts.is_not_null() & ~texts.is_in(list(others))


def bin_expression(asked: Asked, version: str, column: pl.Series, span: Span, *, has_nan: bool = False) -> str | None:
    """Return an expression for `find` that selects a bin's decisions, within the model and the times of the question.

    None where no text says it: the group was given by ids or a polars expression, missing values are NaN in part, or
    the bin is that of other texts.

    Parameters
    ----------
    asked, version
        The group.
    column
        Any values of the feature as recorded, under its name.
    span, has_nan
        The bin, and whether missing values are NaN in part.
    """
    given = asked.question.expression
    if asked.ids is not None or not isinstance(given, str | None):
        return None
    name = f"inputs.{_quoted(column.name)}"
    if span.kind == "number":
        condition = f"{name} >= {span.lowest!r} AND {name} <= {span.highest!r}"
        if span.lowest == span.highest:
            condition = f"{name} = {span.lowest!r}"
    elif span.kind == "text":
        literal = str(span.text).upper() if column.dtype == pl.Boolean else _literal(str(span.text))
        condition = f"{name} = {literal}"
    elif span.kind == "missing" and not has_nan:
        condition = f"{name} IS NULL"
    else:
        return None
    within = [f"({given})"] if given else []
    return " AND ".join([*within, f"model_version = {_literal(version)}", condition])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

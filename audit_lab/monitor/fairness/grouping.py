"""The groups that are asked for: columns, bands of numbers, and expressions that are true or false."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.schema import TABLES
from audit_lab.log.search.expression import Scope, parse_expression
from audit_lab.log.search.wide import INPUT, Beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit_lab.log.search.expression import Expression
    from audit_lab.log.store import LogStore

__all__ = ["MISSING", "MOST_GROUPS", "Group", "groups_of"]

MISSING = "(missing)"
#: A column with more groups than this is no grouping: comparing them says nothing of any.
MOST_GROUPS = 50

_INPUTS = "inputs"
_OWN = TABLES["predictions"].columns


@dataclass(frozen=True)
class Group:
    """One way to group predictions.

    Parameters
    ----------
    name
        As it was asked for.
    features, columns
        The features and the columns of predictions that it reads.
    value
        The column that it is, in the judged rows; None for an expression.
    dtype
        The column's type.
    edges
        Lower edges of bands after the first; none without bands.
    expression
        What is true or false of a prediction.
    """

    name: str
    features: tuple[str, ...]
    columns: tuple[str, ...]
    value: str | None = None
    dtype: pl.DataType | None = None
    edges: tuple[float, ...] = ()
    expression: Expression | None = None

    def added(self, frame: pl.LazyFrame, alias: str) -> pl.LazyFrame:
        """Return the judged rows with the group of each as text; a null, or NaN, is the group `MISSING`.

        Raises
        ------
        MisuseError
            The expression does not fit the columns.
        """
        if self.expression is not None:
            return self._with_truth(frame, alias, self.expression)
        column = pl.col(self.value or "")
        if self.edges:
            return frame.with_columns(_banded(column.cast(pl.Float64).fill_nan(None), self.edges).alias(alias))
        if self.dtype is not None and self.dtype.is_float():
            column = column.fill_nan(None)
        text = column.cast(pl.String)
        named = pl.when(text == MISSING).then(pl.lit(repr(MISSING))).otherwise(text)
        return frame.with_columns(named.fill_null(MISSING).alias(alias))

    def _with_truth(self, frame: pl.LazyFrame, alias: str, expression: Expression) -> pl.LazyFrame:
        names: dict[tuple[str, ...], str] = {(name,): name for name in self.columns}
        names |= {(_INPUTS, name): INPUT + name for name in self.features}
        lazy = nw.from_native(frame)
        schema = lazy.collect_schema()
        condition = expression.bind(Scope(names, {name: schema[name] for name in names.values()}))
        judged: pl.LazyFrame = lazy.with_columns(condition.alias(alias)).to_native()
        truth = pl.col(alias)
        said = pl.when(truth).then(pl.lit("true")).when(~truth).then(pl.lit("false")).otherwise(pl.lit(MISSING))
        return judged.with_columns(said.alias(alias))


def groups_of(
    store: LogStore, model: str, asked: Sequence[str], bands: Mapping[str, Sequence[float]] | None
) -> list[Group]:
    """Return the groups that are asked for.

    Raises
    ------
    MisuseError
        There is none, one is asked for twice, one is neither a column nor an expression, or bands do not fit.
    """
    if isinstance(asked, str) or not asked or len(set(asked)) != len(asked):
        raise MisuseError("fairness needs a list of different groups", "Give columns or expressions, like ['sex'].")
    features = Beside(store, (model,)).dtypes if model in store.models() else {}
    edges = {name.removeprefix(f"{_INPUTS}."): _edges(name, each) for name, each in (bands or {}).items()}
    found = [_group(name, features, edges) for name in asked]
    unused = set(edges) - {name.removeprefix(f"{_INPUTS}.") for name in asked}
    if unused:
        raise MisuseError(
            f"bands are given for {', '.join(sorted(unused))}, by which nothing is grouped", "Name it among the groups."
        )
    return found


def _group(name: str, features: Mapping[str, pl.DataType], edges: Mapping[str, tuple[float, ...]]) -> Group:
    bare = name.removeprefix(f"{_INPUTS}.")
    mine = edges.get(bare, ())
    if bare in features or name in _OWN:
        is_feature = bare in features
        dtype = features[bare] if is_feature else _made(_OWN[name])
        if mine and not dtype.is_numeric():
            raise MisuseError(
                f"bands are given for {name}, which holds {dtype}", "Bands are of numbers: leave them out."
            )
        if dtype.is_nested() or dtype.is_temporal() or dtype == pl.Binary:
            raise MisuseError(f"{name} holds {dtype}, by which nothing is grouped", "Group by text, numbers or truths.")
        if is_feature:
            return Group(name, (bare,), (), INPUT + bare, dtype, mine)
        return Group(name, (), (name,), name, dtype, mine)
    expression = parse_expression(name)
    read = sorted({path[1] for path in expression.paths if path[0] == _INPUTS and len(path) > 1})
    columns = sorted({path[0] for path in expression.paths if path[0] != _INPUTS})
    unknown = [f"inputs.{each}" for each in read if each not in features]
    unknown += [each for each in columns if each not in _OWN]
    if unknown:
        known = ", ".join([*features, *_OWN][:40])
        raise MisuseError(
            f"there is no column {unknown[0]} to group by", f"Columns: {known}. Inputs in expressions: inputs.NAME."
        )
    return Group(name, tuple(read), tuple(columns), expression=expression)


def _edges(name: str, edges: Sequence[float]) -> tuple[float, ...]:
    numbers = [edge for edge in edges if isinstance(edge, int | float) and math.isfinite(edge)]
    if not numbers or len(numbers) != len(edges) or any(low >= high for low, high in pairwise(numbers)):
        raise MisuseError(f"the bands of {name} are {edges!r}", "Give ascending finite numbers, like [25, 40, 60].")
    return tuple(float(edge) for edge in numbers)


def _banded(column: pl.Expr, edges: tuple[float, ...]) -> pl.Expr:
    shown = [f"{edge:g}" for edge in edges]
    labels = [
        f"below {shown[0]}",
        *(f"{low} to below {high}" for low, high in pairwise(shown)),
        f"{shown[-1]} and above",
    ]
    found: Any = pl.when(column.is_null()).then(pl.lit(MISSING))
    for edge, label in zip(edges, labels, strict=False):
        found = found.when(column < edge).then(pl.lit(label))
    banded: pl.Expr = found.otherwise(pl.lit(labels[-1]))
    return banded


def _made(dtype: pl.DataType | type[pl.DataType]) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype

"""The columns by which predictions are looked at: their own, the parts of their outputs, and their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import schema_of
from audit_lab.log.search.wide import Beside

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["BrowsedColumn", "browsed_columns", "column_named"]

_OUTPUTS, _INPUTS = "outputs", "inputs"


@dataclass(frozen=True)
class BrowsedColumn:
    """One column of a page.

    Parameters
    ----------
    name
        As an expression names it: ``decision``, ``outputs.score``, ``inputs.distance``.
    dtype
        The type of its values.
    """

    name: str
    dtype: pl.DataType

    @property
    def feature(self) -> str | None:
        """The name of the input that it shows; None for a column of the prediction itself."""
        return self.name.removeprefix(f"{_INPUTS}.") if self.name.startswith(f"{_INPUTS}.") else None

    @property
    def path(self) -> tuple[str, ...]:
        """What it is called in an expression, part by part."""
        table, dot, rest = self.name.partition(".")
        return (table, rest) if dot and table in {_OUTPUTS, _INPUTS} else (self.name,)

    @property
    def own(self) -> pl.Expr:
        """The column of the predictions table; not for an input."""
        if self.name.startswith(f"{_OUTPUTS}."):
            return pl.col(_OUTPUTS).struct.field(self.name.removeprefix(f"{_OUTPUTS}.")).alias(self.name)
        return pl.col(self.name)


def browsed_columns(store: LogStore, models: tuple[str, ...]) -> list[BrowsedColumn]:
    """Return the columns of a log's predictions, those of their outputs in place of these, then the models' inputs.

    Raises
    ------
    MisuseError
        Two of the models have an input of one name whose types do not go together.
    LogError
        The log cannot be read.
    """
    columns = []
    for name, dtype in schema_of(store.table("predictions"), f"the predictions of {store.location}").items():
        if name == _OUTPUTS and isinstance(dtype, pl.Struct):
            columns += [
                BrowsedColumn(f"{name}.{each}", pl.Schema({each: kind})[each])
                for each, kind in dtype.to_schema().items()
            ]
        else:
            columns.append(BrowsedColumn(name, dtype))
    dtypes = Beside(store, models).dtypes
    return columns + [BrowsedColumn(f"{_INPUTS}.{name}", dtype) for name, dtype in dtypes.items()]


def column_named(columns: list[BrowsedColumn], name: str) -> BrowsedColumn:
    """Return the column of a name.

    Raises
    ------
    MisuseError
        There is none.
    """
    for column in columns:
        if column.name == name:
            return column
    known = ", ".join(column.name for column in columns)
    message = f"there is no column {name[:200]!r}"
    raise MisuseError(message, f"Columns: {known}.")

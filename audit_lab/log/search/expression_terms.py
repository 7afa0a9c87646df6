"""The terms of an expression: columns and constants, the kinds of their values, and which kinds go together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Term",
    "UnfitError",
    "UnknownError",
    "as_double",
    "called",
    "compared",
    "constant",
    "is_moment",
    "kind_of",
    "number_constant",
    "path_of",
]

_LARGEST_INTEGER = 2**63 - 1


class UnknownError(ValueError):
    """The text uses something that is not known here."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.next_step = next_step


class UnfitError(ValueError):
    """The expression does not fit the columns."""


@dataclass(frozen=True)
class Term:
    """A part of an expression: what it is over a frame, and the kind of its values.

    `kind` is one of ``number``, ``text``, ``truth``, ``time``, ``date``, ``nothing`` (a null) and ``other``. `value` is
    the value of a constant. `dtype` is the type of a column.
    """

    expr: nw.Expr
    kind: str
    value: Any = None
    dtype: Any = None

    @property
    def called(self) -> str:
        """What a sentence calls its values."""
        named = {"truth": "true or false", "text": "text", "nothing": "NULL", "other": f"{self.dtype}"}
        return named.get(self.kind, f"a {self.kind}")


def compared(compare: Callable[[nw.Expr, nw.Expr], nw.Expr], one: Term, other: Term, *, ordered: bool) -> Term:
    """Return the comparison of two terms; an ordered one needs kinds that have an order."""
    if "nothing" in {one.kind, other.kind}:
        raise UnfitError("nothing equals NULL; write IS NULL or IS NOT NULL")
    one, other = _alike(one, other), _alike(other, one)
    if one.kind != other.kind or one.kind == "other" or (ordered and one.kind == "truth"):
        raise UnfitError(f"cannot compare {one.called} with {other.called}")
    return Term(compare(one.expr, other.expr), "truth")


def _alike(term: Term, beside: Term) -> Term:
    """Return a constant as the type that it is compared with; what is no constant stays."""
    if term.value is None or beside.value is not None:
        return term
    if beside.kind == "number" and term.kind == "number" and isinstance(beside.dtype, nw.Float32):
        # As every value of the column, the constant is rounded to single precision.
        return Term(nw.lit(float(term.value), nw.Float32), "number", term.value)
    if beside.kind == "time" and term.kind in {"text", "time", "date"}:
        moment = _as_moment(term.value)
        zone = beside.dtype.time_zone
        at = moment.replace(tzinfo=None) if zone is None else moment.astimezone(ZoneInfo(zone))
        return Term(nw.lit(at), "time", at)
    if beside.kind == "date" and term.kind in {"text", "date"}:
        day = _as_date(term.value)
        return Term(nw.lit(day), "date", day)
    return term


def _as_moment(value: str | date | datetime) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise UnfitError(f"{value!r} is not a time; write it like '2024-03-05T10:00:00'") from error
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _as_date(value: str | date) -> date:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise UnfitError(f"{value!r} is not a date; write it like '2024-03-05'") from error


def constant(node: exp.Expr) -> Term:
    """Return the term of a literal, a truth value, NULL, or a DATE or TIMESTAMP of a text."""
    if isinstance(node, exp.Null):
        return Term(nw.lit(None), "nothing")
    if isinstance(node, exp.Boolean):
        return Term(nw.lit(bool(node.this)), "truth", bool(node.this))
    if isinstance(node, exp.Cast):
        if node.to.this == exp.DataType.Type.DATE:
            day = _as_date(node.this.this)
            return Term(nw.lit(day), "date", day)
        moment = _as_moment(node.this.this)
        return Term(nw.lit(moment), "time", moment)
    if node.is_string:
        return Term(nw.lit(node.this), "text", node.this)
    text = node.this
    try:
        number: int | float = int(text)
    except ValueError:
        number = float(text)
    return number_constant(number)


def number_constant(number: float) -> Term:
    """Return the term of a number."""
    if isinstance(number, int) and abs(number) > _LARGEST_INTEGER:
        number = float(number)
    if isinstance(number, float) and not math.isfinite(number):
        raise UnfitError("a number is too large")
    return Term(nw.lit(number), "number", number)


def as_double(term: Term, node: exp.Expr) -> nw.Expr:
    """Return a number as a 64-bit float."""
    if term.kind != "number":
        raise UnfitError(f"{called(node)} needs a number, not {term.called}")
    return nw.lit(float(term.value)) if term.value is not None else term.expr.cast(nw.Float64)


def kind_of(dtype: Any) -> str:
    """Return the kind of a narwhals type."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        return "text"
    if isinstance(dtype, nw.Boolean):
        return "truth"
    if isinstance(dtype, nw.Datetime):
        return "time"
    return "date" if isinstance(dtype, nw.Date) else "other"


def is_moment(node: exp.Cast) -> bool:
    """Whether a cast makes a date or a time of a text."""
    kinds = (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ)
    return isinstance(node.this, exp.Literal) and bool(node.this.is_string) and node.to.this in kinds


def path_of(node: exp.Expr) -> tuple[str, ...]:
    """Return the parts of a column's name."""
    if isinstance(node, exp.Dot):
        return (*path_of(node.this), *path_of(node.expression))
    if isinstance(node, exp.Column):
        parts = (node.args.get(part) for part in ("catalog", "db", "table", "this"))
        return tuple(part.name for part in parts if part is not None)
    if isinstance(node, exp.Identifier):
        return (node.name,)
    raise UnfitError(f"{called(node)} is no name of a column")


def called(node: exp.Expr) -> str:
    """Return how a part of the expression reads."""
    if isinstance(node, exp.Query | exp.Subquery):
        return "a query inside the expression"
    text = node.sql()
    return text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - what a sentence can carry

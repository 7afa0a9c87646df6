"""The nodes of an expression: which are known, what each means, and which types go together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
from sqlglot import exp

from audit_lab.log.like_pattern import matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.expression import Scope

__all__ = ["FUNCTIONS", "Builder", "Term", "UnfitError", "UnknownError", "check_tree", "column_paths"]

_LARGEST_INTEGER = 2**63 - 1

#: The functions that an expression may call, as people write them.
FUNCTIONS: tuple[str, ...] = (
    "ABS(x)",
    "COALESCE(x, y, ...)",
    "CONTAINS(text, part)",
    "ENDS_WITH(text, part)",
    "EXTRACT(YEAR | MONTH | DAY | HOUR | MINUTE | SECOND FROM time)",
    "ISNAN(x)",
    "LENGTH(text)",
    "LOWER(text)",
    "STARTS_WITH(text, part)",
    "UPPER(text)",
)


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


_COMPARISONS: dict[type[Any], Callable[[nw.Expr, nw.Expr], nw.Expr]] = {
    exp.EQ: lambda one, other: one == other,
    exp.NEQ: lambda one, other: one != other,
    exp.LT: lambda one, other: one < other,
    exp.LTE: lambda one, other: one <= other,
    exp.GT: lambda one, other: one > other,
    exp.GTE: lambda one, other: one >= other,
}
_ARITHMETIC: dict[type[Any], Callable[[nw.Expr, nw.Expr], nw.Expr]] = {
    exp.Add: lambda one, other: one + other,
    exp.Sub: lambda one, other: one - other,
    exp.Mul: lambda one, other: one * other,
    exp.Div: lambda one, other: one / other,
}
_TEXT_TESTS: dict[type[Any], Callable[[nw.Expr, str], nw.Expr]] = {
    exp.StartsWith: lambda text, part: text.str.starts_with(part),
    exp.EndsWith: lambda text, part: text.str.ends_with(part),
    exp.Contains: lambda text, part: text.str.contains(part, literal=True),
}
_OF_TEXT: dict[type[Any], tuple[Callable[[nw.Expr], nw.Expr], str]] = {
    exp.Lower: (lambda text: text.str.to_lowercase(), "text"),
    exp.Upper: (lambda text: text.str.to_uppercase(), "text"),
    exp.Length: (lambda text: text.str.len_chars(), "number"),
}
_PARTS_OF_TIME: dict[str, Callable[[nw.Expr], nw.Expr]] = {
    "YEAR": lambda time: time.dt.year(),
    "MONTH": lambda time: time.dt.month(),
    "DAY": lambda time: time.dt.day(),
    "HOUR": lambda time: time.dt.hour(),
    "MINUTE": lambda time: time.dt.minute(),
    "SECOND": lambda time: time.dt.second(),
}
#: Node to the arguments of it that have a meaning here; one that has others set is refused.
_KNOWN: dict[type[Any], frozenset[str]] = {
    exp.And: frozenset({"this", "expression"}),
    exp.Or: frozenset({"this", "expression"}),
    exp.Not: frozenset({"this"}),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Is: frozenset({"this", "expression"}),
    exp.NullSafeEQ: frozenset({"this", "expression"}),
    exp.NullSafeNEQ: frozenset({"this", "expression"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.ILike: frozenset({"this", "expression", "negate"}),
    exp.Mod: frozenset({"this", "expression"}),
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
    exp.Abs: frozenset({"this"}),
    exp.IsNan: frozenset({"this"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.Extract: frozenset({"this", "expression"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Dot: frozenset({"this", "expression"}),
    exp.Column: frozenset({"this", "table", "db", "catalog"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
    exp.Var: frozenset({"this"}),
    exp.DataType: frozenset({"this", "nested"}),
    **dict.fromkeys([*_COMPARISONS, *_TEXT_TESTS], frozenset({"this", "expression"})),
    **dict.fromkeys([exp.Add, exp.Sub, exp.Mul], frozenset({"this", "expression"})),
    **dict.fromkeys(_OF_TEXT, frozenset({"this"})),
}


def check_tree(tree: exp.Expr) -> None:
    """Check that every node of a tree is known, and says nothing that would be overlooked.

    Raises
    ------
    UnknownError
        One is not, or does.
    """
    known = ", ".join(FUNCTIONS)
    for node in tree.walk():
        if type(node) not in _KNOWN:
            if isinstance(node, exp.Func):
                name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
                raise UnknownError(f"the function {name.upper()} is not known here", f"Known are {known}.")
            raise UnknownError(
                f"{_called(node)} is not known here", f"Known are comparisons, AND, OR, NOT and {known}."
            )
        said = {name for name, value in node.args.items() if value not in (None, [], False)}
        if said - _KNOWN[type(node)]:
            raise UnknownError(f"{_called(node)} has a part that is not known here", f"Known are {known}.")
        if isinstance(node, exp.Cast) and not _is_moment(node):
            raise UnknownError("a cast is not known here", "Times are written TIMESTAMP '2024-03-05 10:00' or as text.")


def column_paths(tree: exp.Expr) -> frozenset[tuple[str, ...]]:
    """Return the columns that a tree names, part by part."""
    dots = [node for node in tree.walk() if isinstance(node, exp.Dot)]
    inside = {id(inner) for dot in dots for inner in dot.walk() if inner is not dot}
    named = [node for node in tree.walk() if isinstance(node, exp.Dot | exp.Column) and id(node) not in inside]
    return frozenset(_path(node) for node in named)


class Builder:
    """Builds the terms of a tree over the columns of a scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def build(self, node: exp.Expr) -> Term:  # noqa: PLR0911 - one for each family of nodes
        """Return the term of a node.

        Raises
        ------
        UnfitError
            It names a column that is not there, or types do not go together.
        """
        if isinstance(node, exp.Paren):
            return self.build(node.this)
        if isinstance(node, exp.Column | exp.Dot):
            return self._column(_path(node))
        if isinstance(node, exp.Literal | exp.Boolean | exp.Null | exp.Cast):
            return _constant(node)
        if isinstance(node, exp.And | exp.Or | exp.Not):
            return self._logic(node)
        if type(node) in _COMPARISONS:
            return self._comparison(node)
        if type(node) in _ARITHMETIC or isinstance(node, exp.Mod | exp.Neg | exp.Abs):
            return self._number(node)
        return self._other(node)

    def _column(self, path: tuple[str, ...]) -> Term:
        for length in range(len(path), 0, -1):
            name = self._scope.paths.get(path[:length])
            if name is None:
                continue
            expr, dtype = nw.col(name), self._scope.dtypes[name]
            for field in path[length:]:
                fields = {each.name: each.dtype for each in dtype.fields} if isinstance(dtype, nw.Struct) else {}
                if field not in fields:
                    raise UnfitError(f"there is no column {'.'.join(path)}")
                expr, dtype = expr.struct.field(field), fields[field]
            if isinstance(dtype, nw.Categorical | nw.Enum):
                expr = expr.cast(nw.String)
            elif isinstance(dtype, nw.Decimal):
                expr = expr.cast(nw.Float64)
            return Term(expr, _kind(dtype), dtype=dtype)
        raise UnfitError(f"there is no column {'.'.join(path)}")

    def _logic(self, node: exp.Expr) -> Term:
        one = self._truth(node.this)
        if isinstance(node, exp.Not):
            return Term(~one, "truth")
        other = self._truth(node.expression)
        return Term(one & other if isinstance(node, exp.And) else one | other, "truth")

    def _truth(self, node: exp.Expr) -> nw.Expr:
        term = self.build(node)
        if term.kind != "truth":
            raise UnfitError(f"{_called(node)} gives {term.called}, where true or false is needed")
        return term.expr

    def _comparison(self, node: exp.Expr) -> Term:
        one, other = self.build(node.this), self.build(node.expression)
        return _compared(_COMPARISONS[type(node)], one, other, ordered=not isinstance(node, exp.EQ | exp.NEQ))

    def _number(self, node: exp.Expr) -> Term:
        one = self.build(node.this)
        if isinstance(node, exp.Neg) and isinstance(one.value, int | float) and one.kind == "number":
            return _number_constant(-one.value)
        double = _double(one, node)
        if isinstance(node, exp.Neg):
            return Term(nw.lit(0.0) - double, "number", dtype=nw.Float64())
        if isinstance(node, exp.Abs):
            return Term(double.abs(), "number", dtype=nw.Float64())
        other = self.build(node.expression)
        if isinstance(node, exp.Mod):
            if other.kind != "number" or not other.value:
                raise UnfitError("a remainder needs a number other than 0 on its right, as in x % 2 = 0")
            return Term(double % float(other.value), "number", dtype=nw.Float64())
        return Term(_ARITHMETIC[type(node)](double, _double(other, node)), "number", dtype=nw.Float64())

    def _other(self, node: exp.Expr) -> Term:  # noqa: PLR0911 - one for each kind of node
        if isinstance(node, exp.Is):
            return self._is(node)
        if isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
            return self._same(node)
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Between):
            term = self.build(node.this)
            low, high = self.build(node.args["low"]), self.build(node.args["high"])
            above = _compared(_COMPARISONS[exp.GTE], term, low, ordered=True)
            return Term(above.expr & _compared(_COMPARISONS[exp.LTE], term, high, ordered=True).expr, "truth")
        if isinstance(node, exp.Like | exp.ILike):
            found = matches(self._text(node.this), self._pattern(node), any_case=isinstance(node, exp.ILike))
            return Term(~found if node.args.get("negate") else found, "truth")
        if isinstance(node, exp.Coalesce):
            return self._coalesce(node)
        return self._function(node)

    def _function(self, node: exp.Expr) -> Term:
        if type(node) in _TEXT_TESTS:
            return Term(_TEXT_TESTS[type(node)](self._text(node.this), self._pattern(node)), "truth")
        if type(node) in _OF_TEXT:
            of_text, kind = _OF_TEXT[type(node)]
            return Term(of_text(self._text(node.this)), kind, dtype=nw.Int64() if kind == "number" else nw.String())
        if isinstance(node, exp.IsNan):
            return Term(_double(self.build(node.this), node).is_nan(), "truth")
        if isinstance(node, exp.Extract):
            part, time = node.name.upper(), self.build(node.expression)
            if part not in _PARTS_OF_TIME or time.kind not in {"time", "date"} or time.value is not None:
                raise UnfitError(
                    f"{part} of {time.called} is not known; known of times are {', '.join(_PARTS_OF_TIME)}"
                )
            return Term(_PARTS_OF_TIME[part](time.expr).cast(nw.Int64), "number", dtype=nw.Int64())
        raise UnfitError(f"{_called(node)} does not stand where it can be understood")

    def _is(self, node: exp.Expr) -> Term:
        term, wanted = self.build(node.this), self.build(node.expression)
        if wanted.kind == "nothing":
            return Term(term.expr.is_null(), "truth")
        if term.kind != "truth" or wanted.kind != "truth":
            raise UnfitError("IS needs NULL, TRUE or FALSE on its right")
        held = term.expr if wanted.value else ~term.expr
        return Term(nw.when(held).then(nw.lit(value=True)).otherwise(nw.lit(value=False)), "truth")

    def _same(self, node: exp.Expr) -> Term:
        one, other = self.build(node.this), self.build(node.expression)
        equal = _compared(_COMPARISONS[exp.EQ], one, other, ordered=False).expr
        nulls = one.expr.is_null(), other.expr.is_null()
        same = nw.when(nulls[0] | nulls[1]).then(nulls[0] & nulls[1]).otherwise(equal)
        return Term(~same if isinstance(node, exp.NullSafeNEQ) else same, "truth")

    def _in(self, node: exp.Expr) -> Term:
        term, values = self.build(node.this), [self.build(each) for each in node.expressions]
        if not values:
            raise UnfitError("IN needs a list of values")
        if term.kind == "text" and all(isinstance(value.value, str) for value in values):
            return Term(term.expr.is_in([value.value for value in values]), "truth")
        found = [_compared(_COMPARISONS[exp.EQ], term, value, ordered=False) for value in values]
        every = found[0].expr
        for each in found[1:]:
            every = every | each.expr
        return Term(every, "truth")

    def _coalesce(self, node: exp.Expr) -> Term:
        terms = [self.build(each) for each in (node.this, *node.expressions)]
        kinds = {term.kind for term in terms} - {"nothing"}
        if len(kinds) != 1 or "other" in kinds:
            raise UnfitError("COALESCE needs values of one kind")
        (kind,) = kinds
        exprs = [_double(term, node) if kind == "number" else term.expr for term in terms if term.kind != "nothing"]
        dtype = nw.Float64() if kind == "number" else terms[0].dtype
        return Term(nw.coalesce(*exprs), kind, dtype=dtype)

    def _text(self, node: exp.Expr) -> nw.Expr:
        term = self.build(node)
        if term.kind != "text":
            raise UnfitError(f"{_called(node)} is {term.called}, where text is needed")
        return term.expr

    def _pattern(self, node: exp.Expr) -> str:
        pattern = self.build(node.expression)
        if not isinstance(pattern.value, str):
            raise UnfitError(f"{node.sql_name() if isinstance(node, exp.Func) else 'LIKE'} needs text in single quotes")
        return pattern.value


def _compared(compare: Callable[[nw.Expr, nw.Expr], nw.Expr], one: Term, other: Term, *, ordered: bool) -> Term:
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


def _constant(node: exp.Expr) -> Term:
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
    return _number_constant(number)


def _number_constant(number: float) -> Term:
    if isinstance(number, int) and abs(number) > _LARGEST_INTEGER:
        number = float(number)
    if isinstance(number, float) and not math.isfinite(number):
        raise UnfitError("a number is too large")
    return Term(nw.lit(number), "number", number)


def _double(term: Term, node: exp.Expr) -> nw.Expr:
    if term.kind != "number":
        raise UnfitError(f"{_called(node)} needs a number, not {term.called}")
    return nw.lit(float(term.value)) if term.value is not None else term.expr.cast(nw.Float64)


def _kind(dtype: Any) -> str:
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, nw.String | nw.Categorical | nw.Enum):
        return "text"
    if isinstance(dtype, nw.Boolean):
        return "truth"
    if isinstance(dtype, nw.Datetime):
        return "time"
    return "date" if isinstance(dtype, nw.Date) else "other"


def _is_moment(node: exp.Cast) -> bool:
    kinds = (exp.DataType.Type.DATE, exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ)
    return isinstance(node.this, exp.Literal) and bool(node.this.is_string) and node.to.this in kinds


def _path(node: exp.Expr) -> tuple[str, ...]:
    if isinstance(node, exp.Dot):
        return (*_path(node.this), *_path(node.expression))
    if isinstance(node, exp.Column):
        parts = (node.args.get(part) for part in ("catalog", "db", "table", "this"))
        return tuple(part.name for part in parts if part is not None)
    if isinstance(node, exp.Identifier):
        return (node.name,)
    raise UnfitError(f"{_called(node)} is no name of a column")


def _called(node: exp.Expr) -> str:
    """Return how a part of the expression reads."""
    if isinstance(node, exp.Query | exp.Subquery):
        return "a query inside the expression"
    text = node.sql()
    return text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - what a sentence can carry

"""The nodes of an expression: which are known, what each means, and which types go together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
from sqlglot import exp

from audit_lab.log.search.expression_terms import (
    Term,
    UnfitError,
    UnknownError,
    as_double,
    called,
    compared,
    constant,
    is_moment,
    kind_of,
    number_constant,
    path_of,
)
from audit_lab.log.search.like_pattern import matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.log.search.expression import Scope

__all__ = ["FUNCTIONS", "Builder", "check_tree", "column_paths"]

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
_NAMES = (exp.Dot, exp.Column, exp.Identifier)
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
            raise UnknownError(f"{called(node)} is not known here", f"Known are comparisons, AND, OR, NOT and {known}.")
        said = {name for name, value in node.args.items() if value not in (None, [], False)}
        if said - _KNOWN[type(node)]:
            raise UnknownError(f"{called(node)} has a part that is not known here", f"Known are {known}.")
        if isinstance(node, exp.Cast) and not is_moment(node):
            raise UnknownError("a cast is not known here", "Times are written TIMESTAMP '2024-03-05 10:00' or as text.")
    for node in tree.find_all(exp.Dot, exp.Column):
        if not all(isinstance(each, _NAMES) for each in node.iter_expressions()):
            raise UnknownError(
                f"{called(node)} is no name of a column",
                'Write names that are no plain words in double quotes: inputs."0".',
            )


def column_paths(tree: exp.Expr) -> frozenset[tuple[str, ...]]:
    """Return the columns that a tree names, part by part."""
    dots = [node for node in tree.walk() if isinstance(node, exp.Dot)]
    inside = {id(inner) for dot in dots for inner in dot.walk() if inner is not dot}
    named = [node for node in tree.walk() if isinstance(node, exp.Dot | exp.Column) and id(node) not in inside]
    return frozenset(path_of(node) for node in named)


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
            return self._column(path_of(node))
        if isinstance(node, exp.Literal | exp.Boolean | exp.Null | exp.Cast):
            return constant(node)
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
            return Term(expr, kind_of(dtype), dtype=dtype)
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
            raise UnfitError(f"{called(node)} gives {term.called}, where true or false is needed")
        return term.expr

    def _comparison(self, node: exp.Expr) -> Term:
        one, other = self.build(node.this), self.build(node.expression)
        return compared(_COMPARISONS[type(node)], one, other, ordered=not isinstance(node, exp.EQ | exp.NEQ))

    def _number(self, node: exp.Expr) -> Term:
        one = self.build(node.this)
        if isinstance(node, exp.Neg) and isinstance(one.value, int | float) and one.kind == "number":
            return number_constant(-one.value)
        double = as_double(one, node)
        if isinstance(node, exp.Neg):
            return Term(nw.lit(0.0) - double, "number", dtype=nw.Float64())
        if isinstance(node, exp.Abs):
            return Term(double.abs(), "number", dtype=nw.Float64())
        other = self.build(node.expression)
        if isinstance(node, exp.Mod):
            if other.kind != "number" or not other.value:
                raise UnfitError("a remainder needs a number other than 0 on its right, as in x % 2 = 0")
            return Term(double % float(other.value), "number", dtype=nw.Float64())
        return Term(_ARITHMETIC[type(node)](double, as_double(other, node)), "number", dtype=nw.Float64())

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
            above = compared(_COMPARISONS[exp.GTE], term, low, ordered=True)
            return Term(above.expr & compared(_COMPARISONS[exp.LTE], term, high, ordered=True).expr, "truth")
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
            return Term(as_double(self.build(node.this), node).is_nan(), "truth")
        if isinstance(node, exp.Extract):
            part, time = node.name.upper(), self.build(node.expression)
            if part not in _PARTS_OF_TIME or time.kind not in {"time", "date"} or time.value is not None:
                raise UnfitError(
                    f"{part} of {time.called} is not known; known of times are {', '.join(_PARTS_OF_TIME)}"
                )
            return Term(_PARTS_OF_TIME[part](time.expr).cast(nw.Int64), "number", dtype=nw.Int64())
        raise UnfitError(f"{called(node)} does not stand where it can be understood")

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
        nulls = one.expr.is_null(), other.expr.is_null()
        if "nothing" in {one.kind, other.kind}:
            same = nulls[0] & nulls[1]
            return Term(~same if isinstance(node, exp.NullSafeNEQ) else same, "truth")
        equal = compared(_COMPARISONS[exp.EQ], one, other, ordered=False).expr
        same = nw.when(nulls[0] | nulls[1]).then(nulls[0] & nulls[1]).otherwise(equal)
        return Term(~same if isinstance(node, exp.NullSafeNEQ) else same, "truth")

    def _in(self, node: exp.Expr) -> Term:
        term, values = self.build(node.this), [self.build(each) for each in node.expressions]
        if not values:
            raise UnfitError("IN needs a list of values")
        if term.kind == "text" and all(isinstance(value.value, str) for value in values):
            return Term(term.expr.is_in([value.value for value in values]), "truth")
        found = [compared(_COMPARISONS[exp.EQ], term, value, ordered=False) for value in values]
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
        exprs = [as_double(term, node) if kind == "number" else term.expr for term in terms if term.kind != "nothing"]
        dtype = nw.Float64() if kind == "number" else terms[0].dtype
        return Term(nw.coalesce(*exprs), kind, dtype=dtype)

    def _text(self, node: exp.Expr) -> nw.Expr:
        term = self.build(node)
        if term.kind != "text":
            raise UnfitError(f"{called(node)} is {term.called}, where text is needed")
        return term.expr

    def _pattern(self, node: exp.Expr) -> str:
        pattern = self.build(node.expression)
        if not isinstance(pattern.value, str):
            raise UnfitError(f"{node.sql_name() if isinstance(node, exp.Func) else 'LIKE'} needs text in single quotes")
        return pattern.value

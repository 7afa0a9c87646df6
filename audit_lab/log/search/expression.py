"""The expressions by which rows are searched and rules are stated: a small part of SQL, the same on every engine.

The text is parsed by sqlglot into a tree of which only the nodes known here are accepted; nothing is evaluated. Types
are checked before anything runs, so that no engine gets to compare text with numbers in its own way. Arithmetic is done
in double precision. What stands on either side of a comparison with a null gives neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import narwhals as nw

__all__ = ["Expression", "Scope", "parse_expression"]

_LONGEST_TEXT = 20_000
_MOST_NODES = 2_000
_EXAMPLE = "Write it like: inputs.distance_miles > 500 AND decision = 'late'. Text stands in single quotes."


@dataclass(frozen=True)
class Scope:
    """The columns that an expression may name.

    Parameters
    ----------
    paths
        What a column is called in an expression, part by part (``("inputs", "distance")``), to its name in the frame.
    dtypes
        The narwhals type of each column of the frame. Fields of structs can be named below their column.
    """

    paths: Mapping[tuple[str, ...], str]
    dtypes: Mapping[str, Any]

    @classmethod
    def of(cls, dtypes: Mapping[str, Any]) -> Scope:
        """Return the scope in which each column goes by its own name."""
        return cls({(name,): name for name in dtypes}, dtypes)


@dataclass(frozen=True)
class Expression:
    """An expression that was parsed, and is not yet bound to columns.

    Parameters
    ----------
    text
        As it was written.
    tree
        The parsed tree, made of known nodes only.
    """

    text: str
    tree: Any

    @cached_property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """The columns that it names, part by part."""
        from audit_lab.log.search.expression_nodes import column_paths

        return column_paths(self.tree)

    def speaks_of(self, name: str) -> bool:
        """Whether it names a column, or something below a column, of that name."""
        return any(path[0] == name for path in self.paths)

    def bind(self, scope: Scope) -> nw.Expr:
        """Return the condition over the columns of a frame.

        Raises
        ------
        MisuseError
            It names a column that is not there, compares what cannot be compared, or is not true or false.
        """
        from audit_lab.log.search.expression_nodes import Builder
        from audit_lab.log.search.expression_terms import UnfitError

        try:
            term = Builder(scope).build(self.tree)
        except UnfitError as error:
            known = ", ".join(".".join(path) for path in scope.paths)
            raise MisuseError(
                f"the expression {self.text[:200]!r} does not fit this log ({error})", f"Columns: {known}."
            ) from error
        if term.kind != "truth":
            raise MisuseError(
                f"the expression {self.text[:200]!r} gives {term.called}, not true or false",
                "Compare it with something, for example: inputs.distance_miles > 500.",
            )
        return term.expr


def parse_expression(text: str) -> Expression:
    """Parse a SQL expression such as ``inputs.distance > 500 and decision == 'late'``.

    Raises
    ------
    MisuseError
        The text is no expression, uses what is not known here (any subquery, most functions), or names no column.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    from audit_lab.log.search.expression_nodes import check_tree
    from audit_lab.log.search.expression_terms import UnknownError

    shown = f"the expression {text[:200]!r}"
    if len(text) > _LONGEST_TEXT:
        raise MisuseError(f"{shown} has {len(text):,} characters", f"Write it with at most {_LONGEST_TEXT:,}.")
    try:
        tree = sqlglot.parse_one(text, into=exp.Condition)
        nodes = sum(1 for _ in tree.walk())
        if nodes > _MOST_NODES:
            raise MisuseError(f"{shown} has {nodes:,} parts", f"Ask with at most {_MOST_NODES:,}, in several steps.")
        check_tree(tree)
    except UnknownError as error:
        raise MisuseError(f"{shown} cannot be read ({error})", error.next_step) from error
    except (SqlglotError, RecursionError, ValueError) as error:
        raise MisuseError(f"{shown} cannot be read ({_reason(error)[:200]})", _EXAMPLE) from error
    expression = Expression(text, tree)
    if not expression.paths:
        raise MisuseError(
            f"{shown} does not test a column",
            "Compare at least one column of predictions or inputs, for example: model_version = '2.0.0'.",
        )
    return expression


def _reason(error: Exception) -> str:
    """Return what sqlglot found wrong and where, without the marks that it puts around it for a terminal."""
    found = [each for each in getattr(error, "errors", []) if each.get("description")]
    if found and "<class" in found[0]["description"]:
        return f"something is missing at character {found[0].get('col', '?')}"
    if found:
        return f"{found[0]['description'].rstrip('.')}, at character {found[0].get('col', '?')}"
    if isinstance(error, RecursionError):
        return "it nests too deep"
    return (str(error).strip().splitlines() or ["it is empty"])[0]

"""A rule: when a gap or a finding is told of a decision, and in which words; expressions over its facts."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

__all__ = ["NAME", "Rule", "has", "moment", "text_or"]

#: The version in words.
NAME = pl.format("{} {}", "model_name", "model_version")


@dataclass(frozen=True)
class Rule:
    """A code, when it is told, what is said, and which of replaying and explaining it rules out."""

    code: str
    when: pl.Expr
    what: pl.Expr
    bars: frozenset[str] = field(default_factory=frozenset)


def moment(name: str) -> pl.Expr:
    """Return a column of times as sentences have them, to the minute."""
    return pl.col(name).dt.strftime("%Y-%m-%d %H:%M UTC")


def text_or(name: str, otherwise: str) -> pl.Expr:
    """Return a column of texts, with another text where there is none."""
    return pl.col(name).fill_null(otherwise)


def has(name: str) -> pl.Expr:
    """Return whether a column has a value."""
    return pl.col(name).is_not_null()

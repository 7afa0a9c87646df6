"""Changes that nobody makes, tried beside a cause: what they reproduce as well shows nothing about the cause.

A model of trees gives one answer to every value beyond its last split, and a logistic one to every large sum. There
"a thousand times as much" fits as well as "ninety-seven times as much", a constant, or no value at all. What really
happened cannot be read from such a record, and is not claimed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.replay.decision_rules import FEATURE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.replay.causes.candidates import Candidate

__all__ = ["controls_for"]

#: A unit must be told from factors that are off by so much, at the least.
_STEPS = (1.03, 1.1, 1.5, 3.0, 30.0)
_SHUFFLES = 3


def controls_for(candidate: Candidate, rows: pl.DataFrame) -> Iterator[Candidate]:
    """Yield the controls of a change of one feature; none where it is a version, or the precision of all inputs.

    Parameters
    ----------
    candidate
        The change that reproduces the record.
    rows
        The diverged rows, with every recorded feature.
    """
    if candidate.feature is None or candidate.kind not in _CONTROLS:
        return
    for what, change in _CONTROLS[candidate.kind](candidate, rows):
        yield replace(candidate, value=what, what=what, changed=(change.alias(FEATURE + candidate.feature),))


def _of_unit(candidate: Candidate, rows: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    name = str(candidate.feature)
    (converted,) = candidate.changed or (pl.col(FEATURE + name),)
    for step in _STEPS:
        yield f"{name} was that, times {step:g}", converted * step
        yield f"{name} was that, divided by {step:g}", converted / step
    numbers = rows[FEATURE + name].cast(pl.Float64).drop_nulls()
    middle = numbers.median()
    if isinstance(middle, float):
        yield f"{name} was {middle:g} in every case", pl.lit(middle)
    yield f"{name} was missing in every case", pl.lit(None, dtype=pl.Float64)


def _of_missing(candidate: Candidate, rows: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    """Yield other values for what is missing, or for what is read as missing."""
    name = str(candidate.feature)
    column = pl.col(FEATURE + name)
    values = rows[FEATURE + name]
    if not values.dtype.is_numeric():
        known = values.drop_nulls().unique().sort()
        for text in known[:_SHUFFLES]:
            yield f"{text!r} was given for a missing {name}", column.fill_null(text)
        return
    numbers = values.cast(pl.Float64)
    empty = column.is_null() | column.cast(pl.Float64).is_nan()
    replaced = column == 0 if "missing value for 0" in candidate.value else empty
    middle, largest = numbers.filter(numbers != 0).median(), numbers.max()
    for number in (middle, None if not isinstance(largest, float) else 2 * largest + 1):
        if isinstance(number, float):
            other = pl.when(replaced.fill_null(value=True)).then(pl.lit(number)).otherwise(column.cast(pl.Float64))
            yield f"{number:g} was given there for {name}", other


def _of_category(candidate: Candidate, rows: pl.DataFrame) -> Iterator[tuple[str, pl.Expr]]:
    name = str(candidate.feature)
    column = pl.col(FEATURE + name).cast(pl.String)
    yield f"{name} was a category that the model does not know", pl.lit("\0")
    yield f"{name} was missing in every case", pl.lit(None, dtype=pl.String)
    feature = next(each for each in candidate.model.signature.features if each.name == name)
    known = list(feature.categories or rows[FEATURE + name].cast(pl.String).drop_nulls().unique().sort())
    for text in known[:_SHUFFLES]:
        yield f"{name} was {text!r} in every case", pl.lit(text)
    generator = np.random.default_rng(len(known))
    for _ in range(_SHUFFLES if len(known) > _SHUFFLES else 0):
        shuffled = [known[place] for place in generator.permutation(len(known))]
        yield f"the categories of {name} were exchanged at random", column.replace(known, shuffled)


_CONTROLS = {"unit": _of_unit, "missing-value": _of_missing, "category-encoding": _of_category}

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
    from collections.abc import Callable, Iterator

    from audit_lab.replay.causes.candidates import Candidate

__all__ = ["controls_for"]

#: A unit must be told from factors that are off by so much, at the least.
_STEPS = (1.03, 1.1, 1.5, 3.0, 30.0)
#: And from other functions that lead from the same middle value to the same middle value.
_POWERS = (0.5, 0.8, 1.25, 2.0)
_SHUFFLES = 3
#: What rounding leaves between two ways to add the same number.
_SAME_SHIFT = 1e-9


def controls_for(candidate: Candidate, rows: pl.DataFrame, beside: pl.DataFrame) -> Iterator[Candidate]:
    """Yield the controls of a change of inputs; none where it is a version, or the precision of all inputs.

    Parameters
    ----------
    candidate
        The change that reproduces the record.
    rows
        The diverged rows, with every recorded feature.
    beside
        Further rows of the version, for the values that features have: where a value is missing from all that diverged,
        these alone show what else might have been in its place.
    """
    if candidate.kind in _CONTROLS:
        # Other texts are read as the model reads them, not by the coding that they are to be told from.
        by_text = candidate.kind == "category-encoding"
        signature = candidate.model.signature if by_text else candidate.signature
        for what, changed in _CONTROLS[candidate.kind](candidate, rows, beside):
            yield replace(candidate, value=what, what=what, changed=changed, signature=signature)


def _of_unit(candidate: Candidate, rows: pl.DataFrame, _beside: pl.DataFrame) -> Iterator[_Control]:
    name = str(candidate.feature)
    column = FEATURE + name
    (converted,) = candidate.changed or (pl.col(column),)
    for step in _STEPS:
        yield f"{name} was that, times {step:g}", ((converted * step).alias(column),)
        yield f"{name} was that, divided by {step:g}", ((converted / step).alias(column),)
    middle = rows[column].cast(pl.Float64).drop_nulls().median()
    if isinstance(middle, float):
        yield f"{name} was {middle:g} in every case", (pl.lit(middle).alias(column),)
        values = pl.col(column).cast(pl.Float64)
        there = rows.select(converted.alias(column))[column].median()
        if isinstance(there, float):
            # Some conversions are themselves a shift, and not another change than that.
            shifted = values + (there - middle)
            off = rows.select((shifted - converted).abs().max()).item()
            if off is None or off > _SAME_SHIFT * max(1.0, abs(there)):
                yield f"{name} was higher by {there - middle:g}", (shifted.alias(column),)
            for power in _POWERS if middle else ():
                bent = (values / middle).abs().pow(power) * there * values.sign() * np.sign(middle)
                yield f"{name} was that in the middle, and bent by the power of {power:g}", (bent.alias(column),)
    yield f"{name} was missing in every case", (pl.lit(None, dtype=pl.Float64).alias(column),)


def _of_missing(candidate: Candidate, rows: pl.DataFrame, beside: pl.DataFrame) -> Iterator[_Control]:
    """Yield other values for what is missing, or for what is read as missing."""
    columns = [change.meta.output_name() for change in candidate.changed]
    names = ", ".join(column.removeprefix(FEATURE) for column in columns)
    (first, *_) = columns
    feature = next((each for each in candidate.model.signature.features if FEATURE + each.name == first), None)
    if feature is not None and feature.dtype == "str":
        given = rows.select(candidate.changed)[first]
        known = feature.categories or _values(first, rows, beside).cast(pl.String).unique().sort()[:_SHUFFLES]
        for text in known:
            filled = pl.col(first).cast(pl.String).fill_null(text)
            if not rows.select(filled)[first].equals(given):
                yield f"{text!r} was given for a missing {names}", (filled,)
        return
    by_zero = "missing value for 0" in candidate.value
    for what, number_of in (("a value in the middle", _middle), ("twice the largest value", _beyond)):
        yield (
            f"{what} was given there for {names}",
            tuple(_where(column, number_of(_values(column, rows, beside)), by_zero=by_zero) for column in columns),
        )


def _values(column: str, *frames: pl.DataFrame) -> pl.Series:
    return pl.concat([frame.select(column) for frame in frames], how="vertical_relaxed")[column].drop_nulls()


def _middle(values: pl.Series) -> float:
    numbers = values.cast(pl.Float64).drop_nans()
    found = numbers.filter(numbers != 0).median()
    return found if isinstance(found, float) else 1.0


def _beyond(values: pl.Series) -> float:
    found = values.cast(pl.Float64).drop_nans().max()
    return 2 * found + 1 if isinstance(found, float) and found > 0 else 1e6


def _where(column: str, number: float, *, by_zero: bool) -> pl.Expr:
    """Put a number in the place of zeros, or of what is missing."""
    values = pl.col(column).cast(pl.Float64)
    replaced = values == 0 if by_zero else values.is_null() | values.is_nan()
    return pl.when(replaced.fill_null(value=True)).then(pl.lit(number)).otherwise(values).alias(column)


def _of_category(candidate: Candidate, rows: pl.DataFrame, _beside: pl.DataFrame) -> Iterator[_Control]:
    name = str(candidate.feature)
    place = FEATURE + name
    column = pl.col(place).cast(pl.String)
    yield f"{name} was a category that the model does not know", (pl.lit("\0").alias(place),)
    yield f"{name} was missing in every case", (pl.lit(None, dtype=pl.String).alias(place),)
    feature = next(each for each in candidate.model.signature.features if each.name == name)
    known = list(feature.categories or rows[place].cast(pl.String).drop_nulls().unique().sort())
    for text in known[:_SHUFFLES]:
        yield f"{name} was {text!r} in every case", (pl.lit(text).alias(place),)
    generator = np.random.default_rng(len(known))
    given = _read_as(candidate, rows, place, known)
    several = rows[place].n_unique() > 1
    for _ in range(_SHUFFLES if len(known) > _SHUFFLES else 0):
        shuffled = [known[position] for position in generator.permutation(len(known))]
        exchanged = column.replace(known, shuffled).alias(place)
        # One that exchanges the categories that occur as the cause does is the cause, not another change.
        if not several or not rows.select(exchanged)[place].equals(given):
            yield f"the categories of {name} were exchanged at random", (exchanged,)


def _read_as(candidate: Candidate, rows: pl.DataFrame, place: str, known: list[str]) -> pl.Series:
    """Return as which of the model's categories each value is read with the change; null where it is none of them."""
    (text,) = candidate.changed or (pl.col(place).cast(pl.String),)
    feature = next(each for each in candidate.signature.features if FEATURE + each.name == place)
    numbered = list(feature.categories or known)
    if numbered == known:
        return rows.select(text.alias(place))[place]
    places = {value: known[at] if at < len(known) else None for at, value in enumerate(numbered)}
    read = text.replace_strict(places, default=None, return_dtype=pl.String)
    return rows.select(read.alias(place))[place]


#: What was changed, in words, and the changes that are given to the model.
_Control = tuple[str, tuple["pl.Expr", ...]]

_CONTROLS: dict[str, Callable[[Candidate, pl.DataFrame, pl.DataFrame], Iterator[_Control]]] = {
    "unit": _of_unit,
    "missing-value": _of_missing,
    "category-encoding": _of_category,
}

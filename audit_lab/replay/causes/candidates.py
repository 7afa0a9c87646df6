"""What is tried: changes to the inputs, to how they are read, or to the version, that are known to happen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.units import CONVERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from audit_lab.replay.registered import Model
    from audit_lab.replay.signature import Feature, Signature

__all__ = ["Candidate", "input_candidates", "precision_candidates", "version_candidates"]

#: Formats whose reader takes a text feature as its position in the signature's categories.
_CODED = ("xgboost", "lightgbm")

#: What programs write where a text is missing.
_MISSING_TEXTS = ("", "nan", "None", "null", "unknown", "missing")

_TEXTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "without spaces around it": lambda text: text.str.strip_chars(),
    "in lower case": lambda text: text.str.to_lowercase(),
    "in upper case": lambda text: text.str.to_uppercase(),
    "with a capital first": lambda text: text.str.to_titlecase(),
    "without spaces around it, in lower case": lambda text: text.str.strip_chars().str.to_lowercase(),
    "without spaces around it, in upper case": lambda text: text.str.strip_chars().str.to_uppercase(),
    "with _ for spaces": lambda text: text.str.replace_all(" ", "_", literal=True),
    "with spaces for _": lambda text: text.str.replace_all("_", " ", literal=True),
}


@dataclass(frozen=True)
class Candidate:
    """One change that is tried.

    Parameters
    ----------
    kind, feature, value, what
        As in `audit_lab.replay.causes.cause.Cause`.
    model
        The version that is run.
    signature
        By which the inputs are read; the version's own, or one that codes categories in another way.
    changed
        Columns (named with the prefix `FEATURE`) that are given to the model instead of the recorded ones.
    rounds_output
        Whether the score is rounded to a 32-bit float before it is compared.
    """

    kind: str
    feature: str | None
    value: str
    what: str
    model: Model
    signature: Signature
    changed: tuple[pl.Expr, ...] = ()
    rounds_output: bool = False


def version_candidates(stated: Model, others: Iterable[Model], columns: Iterable[str]) -> Iterator[Candidate]:
    """Yield the other registered versions whose features were recorded.

    Parameters
    ----------
    stated
        The version that the predictions state; it is left out.
    others
        Versions of the same model.
    columns
        The columns of the rows, features named with the prefix `FEATURE`.
    """
    recorded = set(columns)
    for model in others:
        version = str(model.version["model_version"])
        fits = all(FEATURE + name in recorded for name in model.signature.names)
        if (
            fits
            and model.signature.output.kind == stated.signature.output.kind
            and version != stated.version["model_version"]
        ):
            what = f"version {version} answered, not version {stated.version['model_version']}"
            yield Candidate("another-version", None, version, what, model, model.signature)


def precision_candidates(model: Model) -> Iterator[Candidate]:
    """Yield the other precisions in which numbers may have been held.

    A model that compares 32-bit floats may have been served by a program that compares in 64 bits. For thresholds that
    are 32-bit floats, ``x < t`` in 64 bits is ``floor(x) < t`` and ``x > t`` is ``ceil(x) > t``, where floor and ceil
    are the next 32-bit floats: that is how it is tried here.
    """
    numeric = [feature.name for feature in model.signature.features if feature.dtype == "float"]
    for value, rounded in (("32-bit", _nearest), ("64-bit, compared below", _floor), ("64-bit, compared above", _ceil)):
        if numeric:
            what = f"the inputs were held as {value.partition(',')[0]} floats when they were scored"
            changed = tuple(_each(name, rounded) for name in numeric)
            yield Candidate("precision", None, f"inputs in {value}", what, model, model.signature, changed)
    if model.signature.output.kind != "label":
        what = "the score was rounded to a 32-bit float before it was recorded"
        yield Candidate("precision", None, "output in 32-bit", what, model, model.signature, (), rounds_output=True)


def input_candidates(model: Model, rows: pl.DataFrame) -> Iterator[Candidate]:
    """Yield changes to one feature: how a missing value was read, how categories were coded, in which unit it was.

    Parameters
    ----------
    model
        The version that is run.
    rows
        Recorded rows; a change that alters none of them is not tried.
    """
    signature = model.signature
    numbers = [feature for feature in signature.features if feature.dtype in ("float", "int")]
    yield from _missing(model, [each.name for each in numbers], rows)
    for feature in signature.features:
        if feature.dtype == "str":
            yield from _codings(model, feature)
    for feature in numbers:
        if rows[FEATURE + feature.name].null_count() < rows.height:
            yield from _units(model, feature)


def _missing(model: Model, numbers: list[str], rows: pl.DataFrame) -> Iterator[Candidate]:
    holes = [name for name in numbers if rows[FEATURE + name].null_count() or _has(rows[FEATURE + name], "nan")]
    zeros = [name for name in numbers if _has(rows[FEATURE + name], "zero")]
    for names, direction in ((holes, "0 for a missing value"), (zeros, "a missing value for 0")):
        changes = {name: _filled(name) if names is holes else _emptied(name) for name in names}
        for name, change in changes.items():
            what = f"the model was given {direction} of {name}"
            yield Candidate("missing-value", name, direction, what, model, model.signature, (change,))
        if len(names) > 1:
            what = f"the model was given {direction} of {', '.join(names)}"
            both = tuple(changes.values())
            yield Candidate("missing-value", None, f"{direction}, in every feature", what, model, model.signature, both)
    for feature in model.signature.features:
        if feature.dtype == "str" and rows[FEATURE + feature.name].null_count():
            for text in dict.fromkeys((*_MISSING_TEXTS, *(feature.categories or ())[:1])):
                what = f"the model was given {text!r} for a missing value of {feature.name}"
                change = pl.col(FEATURE + feature.name).cast(pl.String).fill_null(text)
                value = f"{text!r} for a missing value"
                yield Candidate("missing-value", feature.name, value, what, model, model.signature, (change,))
    for number in (-1.0, -999.0, -9999.0):
        for name in holes:
            what = f"the model was given {number:g} for a missing value of {name}"
            change, value = _filled(name, number), f"{number:g} for a missing value"
            yield Candidate("missing-value", name, value, what, model, model.signature, (change,))


def _codings(model: Model, feature: Feature) -> Iterator[Candidate]:
    column = FEATURE + feature.name
    for value, change in _TEXTS.items():
        what = f"{feature.name} was read {value}"
        changed = (change(pl.col(column).cast(pl.String)).alias(column),)
        yield Candidate("category-encoding", feature.name, value, what, model, model.signature, changed)
    known = list(feature.categories or ())
    for value, order in _orders(known):
        what = f"the categories of {feature.name} were coded {value}"
        recoded = [known[order.index(name)] for name in known]
        replaced = pl.col(column).cast(pl.String).replace(known, recoded).alias(column)
        yield Candidate("category-encoding", feature.name, value, what, model, model.signature, (replaced,))
    if known and model.artifact.artifact_format.startswith(_CODED):
        for value, categories in (("from one", ("\0", *known)), ("from one, after 0 for none", ("\0", *sorted(known)))):
            what = f"the categories of {feature.name} were coded {value}"
            signature = _with(model.signature, replace(feature, categories=categories))
            yield Candidate("category-encoding", feature.name, value, what, model, signature)


def _orders(known: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield other orders that categories may have been numbered in, each once."""
    named = (
        ("in alphabetical order", sorted(known)),
        ("in reversed alphabetical order", sorted(known, reverse=True)),
        ("in alphabetical order whatever their case", sorted(known, key=str.casefold)),
        ("in reversed order", known[::-1]),
        ("by length, then alphabetically", sorted(known, key=lambda name: (len(name), name))),
    )
    seen = [known]
    for value, order in named:
        if order not in seen:
            seen.append(order)
            yield value, order
    if len(known) > 1:
        yield "one place further on", known[-1:] + known[:-1]
        yield "one place before", known[1:] + known[:1]


def _units(model: Model, feature: Feature) -> Iterator[Candidate]:
    column = FEATURE + feature.name
    # A whole number may no longer be one in another unit.
    signature = _with(model.signature, replace(feature, dtype="float"))
    for conversion in CONVERSIONS:
        what = f"{feature.name} was in another unit when it was scored than it is on record: {conversion}"
        changed = (conversion.of(pl.col(column)).alias(column),)
        yield Candidate("unit", feature.name, str(conversion), what, model, signature, changed)


def _with(signature: Signature, changed: Feature) -> Signature:
    features = tuple(changed if feature.name == changed.name else feature for feature in signature.features)
    return signature if features == signature.features else replace(signature, features=features)


def _filled(name: str, value: float = 0.0) -> pl.Expr:
    numbers = pl.col(FEATURE + name)
    missing = numbers.is_null() | numbers.cast(pl.Float64).is_nan()
    return pl.when(missing.fill_null(value=True)).then(pl.lit(value)).otherwise(numbers).alias(FEATURE + name)


def _emptied(name: str) -> pl.Expr:
    return pl.when(pl.col(FEATURE + name) != 0).then(pl.col(FEATURE + name)).alias(FEATURE + name)


def _has(values: pl.Series, what: str) -> bool:
    numbers = values.cast(pl.Float64)
    return bool((numbers.is_nan() if what == "nan" else numbers == 0.0).any())


def _each(name: str, rounded: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    return pl.col(FEATURE + name).cast(pl.Float64).map_batches(rounded, return_dtype=pl.Float64)


def _nearest(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float32).cast(pl.Float64)


def _floor(values: pl.Series) -> pl.Series:
    return _towards(values, -np.inf)


def _ceil(values: pl.Series) -> pl.Series:
    return _towards(values, np.inf)


def _towards(values: pl.Series, direction: float) -> pl.Series:
    """Return the nearest 32-bit floats on one side of each value, widened; nulls stay."""
    exact = values.to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = exact.astype(np.float32)
        beyond = narrow > exact if direction < 0 else narrow < exact
        moved = np.where(beyond, np.nextafter(narrow, np.float32(direction)), narrow)
    rounded = pl.Series(values.name, moved.astype(np.float64))
    return pl.select(pl.when(values.is_not_null()).then(rounded)).to_series().alias(values.name)

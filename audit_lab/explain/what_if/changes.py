"""The values that somebody puts in, checked against the model's signature and the types on record."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.explain.attribution import Value
    from audit_lab.replay.signature import Feature, Signature

__all__ = ["checked_changes", "missing_to_none", "outside_categories"]

_LONGEST_TEXT = 10_000
_NUMBERS = ("float", "int")
_KINDS = {"str": "text", "float": "a number", "int": "a whole number", "bool": "true or false"}


def checked_changes(
    signature: Signature, dtypes: Mapping[str, pl.DataType], recorded: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Value]:
    """Return the changes in the model's order, each of the type that its feature has; no change is left out.

    Parameters
    ----------
    signature
        What the model takes.
    dtypes
        The types on record, by feature.
    recorded
        The recorded values.
    changes
        Feature to the value to put in; None: missing. A value that is the recorded one is no change.

    Raises
    ------
    MisuseError
        The model takes no such feature, or the value is none that it could be given: of another type, not finite, or
        beyond what the recorded type can hold.
    """
    known = {feature.name: feature for feature in signature.features}
    for name in changes:
        if name not in known:
            raise _unknown(name, known, recorded)
    meant: dict[str, Value] = {}
    for name, feature in known.items():
        if name in changes:
            value = _meant(feature, dtypes[name], changes[name])
            if not _same(value, missing_to_none(recorded[name])):
                meant[name] = value
    return meant


def missing_to_none(value: Any) -> Any:
    """Return a recorded value; None where it is a number that is none."""
    return None if isinstance(value, float) and math.isnan(value) else value


def outside_categories(feature: Feature, value: Value) -> bool:
    """Return whether a value is none of the categories that the signature names for its feature."""
    return feature.categories is not None and value is not None and str(value) not in feature.categories


def _same(value: Value, other: Value) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _unknown(name: object, known: Mapping[str, Feature], recorded: Mapping[str, Any]) -> MisuseError:
    if not isinstance(name, str):
        return MisuseError(f"{printable(repr(name))} is no name of an input", "Name inputs by their text.")
    if name in recorded:
        message = (
            f"{printable(name)!r} was recorded, but the model does not take it, so changing it would change nothing"
        )
        return MisuseError(message, f"Its inputs are {_names(known)}.")
    near = get_close_matches(name[:200], known, n=1)
    step = f"Did you mean {printable(near[0])!r}?" if near else f"Its inputs are {_names(known)}."
    return MisuseError(f"{printable(name)!r} is no input of this decision's model", step)


def _names(known: Mapping[str, Feature]) -> str:
    return printable(", ".join(known), 400)


def _meant(feature: Feature, dtype: pl.DataType, given: Any) -> Value:
    value = given.item() if type(given).__module__ == "numpy" and hasattr(given, "item") else given
    name = printable(feature.name)
    if value is None:
        return None
    meant = _typed(feature, value)
    if meant is None:
        raise MisuseError(
            f"{name} is {_KINDS[feature.dtype]}, and {printable(repr(value))} is none",
            "Give it such a value, or None for missing.",
        )
    if isinstance(meant, float) and not math.isfinite(meant):
        raise MisuseError(f"{name} cannot be {meant}: that is no finite number", "Give a number, or None for missing.")
    if isinstance(meant, str):
        _check_text(name, meant)
    return meant if isinstance(meant, str | bool) else _held(name, dtype, meant)


def _typed(feature: Feature, value: Any) -> Value:
    """Return a value as its feature's type has it; None where it is of another."""
    if isinstance(value, bool):
        return value if feature.dtype == "bool" else None
    if isinstance(value, str):
        return value if feature.dtype == "str" else None
    if not isinstance(value, int | float) or feature.dtype not in _NUMBERS:
        return None
    return _number(value) if feature.dtype == "float" else _whole(value)


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what a float holds
        return math.inf


def _whole(value: float) -> Value:
    """Return a whole number; what is not finite as it is, and None for one with a fraction."""
    if isinstance(value, int) or not math.isfinite(value):
        return value
    return int(value) if value.is_integer() else None


def _check_text(name: str, text: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise MisuseError(f"the text for {name} has {len(text):,} characters", f"Give up to {_LONGEST_TEXT:,}.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"the text for {name} is none that a log can hold: it has half of a surrogate pair"
        raise MisuseError(message, "Check it.") from error


def _held(name: str, dtype: pl.DataType, value: Value) -> Value:
    """Return a number as the type on record holds it; a float of fewer bits is the nearest that it has."""
    if dtype == pl.Null or (dtype.is_integer() and isinstance(value, float)):
        return value
    try:
        held: Value = pl.Series([value], dtype=dtype, strict=True).item()
    except (OverflowError, TypeError, pl.exceptions.PolarsError) as error:
        message = f"{name} was recorded as {dtype}, which cannot hold {printable(repr(value))}"
        raise MisuseError(message, "Give a value within its range.") from error
    if isinstance(held, float) and not math.isfinite(held):
        raise MisuseError(f"{name} was recorded as {dtype}, which cannot hold {value!r}", "Give a smaller value.")
    return held

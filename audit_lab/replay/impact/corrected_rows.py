"""What a correction makes of recorded rows: other features, another threshold, and where it could not be made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.search.expression import Scope, parse_expression
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.impact.alongside import PREDICTION
from audit_lab.replay.impact.kinds import FeatureChange, MissingValue, Recoding, RegisteredVersion, Threshold, Unit
from audit_lab.replay.impact.met import CHANGED, NO_FEATURE, NO_ROW, OUTSIDE, SAME, found_by
from audit_lab.replay.impact.replacement import Replacement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.replay.impact.kinds import Applies, Change
    from audit_lab.replay.signature import Signature

__all__ = ["MET", "UNREPLACED", "check_conditions", "corrected_rows", "named_columns", "widened"]

#: What the name of the column begins with that says, by a word of `audit_lab.replay.impact.met`, what a change met.
MET = "__met__"

#: The column that says whether a replacement has no row for a prediction.
UNREPLACED = "__unreplaced__"

_HOLDS = "__holds__"
_NEW = "__new__"
_OWN = ("prediction_id", "occurred_at", "model_name", "model_version")
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def named_columns(changes: Iterable[Change]) -> set[str]:
    """Return the columns of the predictions that the conditions of some changes name, beyond those of any chunk."""
    named = {
        path[0]
        for change in changes
        if (applies := _applies(change)) is not None and applies.where is not None
        for path in parse_expression(applies.where).paths
    }
    return named - {*_OWN, "inputs"}


def check_conditions(schema: Mapping[str, pl.DataType], changes: Iterable[Change]) -> None:
    """Bind the conditions of those changes whose feature is among some columns, without any row.

    Parameters
    ----------
    schema
        Every column of the predictions with the prefix `PREDICTION`, and features with the prefix `FEATURE`.
    changes
        Whose conditions are looked at.

    Raises
    ------
    MisuseError
        A condition does not fit the columns.
    """
    for change in changes:
        applies = _applies(change)
        is_other = isinstance(change, FeatureChange) and FEATURE + change.feature not in schema
        if applies is not None and applies.where is not None and not is_other:
            parse_expression(applies.where).bind(_scope(schema))


def corrected_rows(rows: pl.DataFrame, changes: Sequence[Change]) -> pl.DataFrame:
    """Return rows with their features and threshold as corrected, `UNREPLACED`, and what each change met (`MET`).

    Parameters
    ----------
    rows
        What was recorded, with the columns of the predictions that the conditions name.
    changes
        In order. Conditions look at what was recorded. A feature that these rows do not have is left alone.

    Raises
    ------
    MisuseError
        A condition or a value does not fit the rows.
    """
    flagged = _with_conditions(rows, changes).with_columns(pl.lit(value=False).alias(UNREPLACED))
    for place, change in enumerate(changes):
        holds, met = pl.col(f"{_HOLDS}{place}"), f"{MET}{place}"
        if isinstance(change, RegisteredVersion):
            # What a prediction states of its threshold is that of the version which decided.
            flagged = flagged.with_columns(pl.lit(CHANGED).alias(met), threshold=pl.lit(None, dtype=pl.Float64))
        elif isinstance(change, Threshold):
            same = pl.col("threshold").eq_missing(pl.lit(change.value))
            word = pl.when(same).then(pl.lit(SAME)).otherwise(pl.lit(CHANGED))
            threshold = pl.when(holds).then(change.value).otherwise("threshold").alias("threshold")
            flagged = flagged.with_columns(threshold, _where(holds, word).alias(met))
        elif isinstance(change, Replacement):
            flagged = _replaced(flagged, change, holds, met)
        elif not isinstance(change, FeatureChange):
            flagged = flagged.with_columns(pl.lit(CHANGED).alias(met))
        elif FEATURE + change.feature in flagged.columns:
            column = FEATURE + change.feature
            new = _new(change, column, flagged.schema[column])
            word = found_by(change, _plain(flagged, column), new, flagged.schema[column])
            flagged = flagged.with_columns(
                pl.when(holds).then(new).otherwise(_plain(flagged, column)).alias(column),
                _where(holds, word).alias(met),
            )
        else:
            flagged = flagged.with_columns(pl.lit(NO_FEATURE).alias(met))
    return flagged.drop(name for name in flagged.columns if name.startswith(_HOLDS))


def widened(signature: Signature, schema: Mapping[str, pl.DataType]) -> Signature:
    """Return a signature that takes as numbers what was whole before it was corrected."""
    features = tuple(
        replace(each, dtype="float")
        if each.dtype == "int" and schema.get(FEATURE + each.name, pl.Int64()).is_float()
        else each
        for each in signature.features
    )
    return signature if features == signature.features else replace(signature, features=features)


def _scope(schema: Mapping[str, pl.DataType]) -> Scope:
    """Return what conditions may name in rows: the predictions' columns that are there, and ``inputs.<feature>``."""
    import narwhals as nw

    dtypes = dict(nw.from_native(pl.DataFrame(schema=schema)).schema)
    paths: dict[tuple[str, ...], str] = {(name,): name for name in _OWN if name in schema}
    for name in schema:
        if name.startswith(PREDICTION):
            paths[name.removeprefix(PREDICTION),] = name
        elif name.startswith(FEATURE):
            paths["inputs", name.removeprefix(FEATURE)] = name
    return Scope(paths, dtypes)


def _applies(change: Change) -> Applies | None:
    return getattr(change, "applies", None)


def _with_conditions(rows: pl.DataFrame, changes: Sequence[Change]) -> pl.DataFrame:
    """Add a column for each change: whether it holds for a row; false where its condition gives neither."""
    import narwhals as nw

    for place, change in enumerate(changes):
        name, applies = f"{_HOLDS}{place}", _applies(change)
        if isinstance(change, FeatureChange) and FEATURE + change.feature not in rows.columns:
            continue
        holds: Any = pl.lit(value=True)
        if applies is not None and applies.where is not None:
            condition = parse_expression(applies.where).bind(_scope(rows.schema))
            rows = nw.from_native(rows).with_columns(condition.alias(name)).to_native()
            holds = pl.col(name).fill_null(value=False)
        if applies is not None and applies.since is not None:
            holds &= (pl.col("occurred_at") >= applies.since).fill_null(value=False)
        if applies is not None and applies.until is not None:
            holds &= (pl.col("occurred_at") < applies.until).fill_null(value=False)
        rows = rows.with_columns(holds.alias(name))
    return rows


def _where(holds: pl.Expr, word: pl.Expr) -> pl.Expr:
    return pl.when(holds).then(word).otherwise(pl.lit(OUTSIDE))


def _new(change: FeatureChange, column: str, dtype: pl.DataType) -> pl.Expr:
    """Return what a feature is under a correction of it."""
    if isinstance(change, Unit):
        if not dtype.is_numeric():
            raise MisuseError(f"{change.feature} is {dtype}, which has no unit", "Name a feature that is a number.")
        return change.conversion.of(pl.col(column))
    if isinstance(change, MissingValue):
        value = _fitting(change.feature, change.value, dtype)
        if not dtype.is_float():
            return _text(column, dtype).fill_null(value)
        return pl.col(column).fill_null(value).fill_nan(value)
    if isinstance(change, Recoding):
        old = [_fitting(change.feature, pair[0], dtype) for pair in change.pairs]
        new = [None if pair[1] is None else _fitting(change.feature, pair[1], dtype) for pair in change.pairs]
        # A whole number may stand for one that is not.
        kind = pl.Float64() if any(isinstance(value, float) for value in new) else _kind(dtype)
        values = _text(column, dtype)
        return values.replace_strict(old, new, default=values, return_dtype=kind)
    raise TypeError(type(change).__name__)


def _replaced(rows: pl.DataFrame, change: Replacement, holds: pl.Expr, met: str) -> pl.DataFrame:
    """Return rows with features of another source; where that has no row for a prediction, they are flagged."""
    there = [name for name in change.features if FEATURE + name in rows.columns]
    if not there:
        return rows.with_columns(pl.lit(NO_FEATURE).alias(met))
    for name in there:
        recorded, given = rows.schema[FEATURE + name], change.frame.schema[name]
        alike = (recorded.is_numeric() and given.is_numeric()) or _kind(recorded) == _kind(given)
        if not alike and pl.Null not in (recorded, given):
            raise MisuseError(
                f"the values of {name} are {given}, and {recorded} on record", "Give values of the recorded type."
            )
    new = change.frame.select("prediction_id", *(pl.col(name).alias(_NEW + name) for name in there))
    found = pl.lit(value=True).alias(_NEW)
    joined = rows.join(new.with_columns(found), on="prediction_id", how="left", maintain_order="left")
    taken = holds & pl.col(_NEW).is_not_null()
    replaced = [
        pl.when(taken)
        .then(_text(_NEW + name, joined.schema[_NEW + name]))
        .otherwise(_plain(joined, FEATURE + name))
        .alias(FEATURE + name)
        for name in there
    ]
    done = joined.with_columns(*replaced, pl.col(UNREPLACED) | (holds & pl.col(_NEW).is_null()))
    moved = pl.Series([False] * done.height)
    for name in there:
        moved |= done[FEATURE + name].ne_missing(joined[FEATURE + name].cast(done.schema[FEATURE + name]))
    word = (
        pl.when(moved).then(pl.lit(CHANGED)).when(pl.col(_NEW).is_null()).then(pl.lit(NO_ROW)).otherwise(pl.lit(SAME))
    )
    return done.with_columns(_where(holds, word).alias(met)).drop(_NEW, *(_NEW + name for name in there))


def _fitting(feature: str, value: Any, dtype: pl.DataType) -> Any:
    """Return a value that a user gives for a feature, as the feature's kind of value.

    Raises
    ------
    MisuseError
        It is of another kind.
    """
    if dtype in _TEXTS:
        fits = isinstance(value, str)
    elif dtype == pl.Boolean:
        fits = isinstance(value, bool)
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        if fits and dtype.is_float():
            return float(value)
    if not fits and dtype != pl.Null:
        raise MisuseError(
            f"{value!r} is no value of {feature}, which is {dtype} on record", "Give a value of the recorded type."
        )
    return value


def _kind(dtype: pl.DataType) -> pl.DataType:
    if dtype in _TEXTS:
        return pl.String()
    return pl.Int64() if dtype.is_integer() else pl.Float64() if dtype.is_float() else dtype


def _text(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column in which any value of its kind can stand: texts are not bound to known categories."""
    kind = _kind(dtype)
    return pl.col(column) if kind == dtype else pl.col(column).cast(kind)


def _plain(rows: pl.DataFrame, column: str) -> pl.Expr:
    return _text(column, rows.schema[column])

"""What every explanation is tested for, whatever its method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.explain.attribution import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.explain.attribution import Value
    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.signature import Signature

__all__ = ["check_additivity", "check_background", "check_familiarity"]

#: Boosters compute in float32: one part in ten million of a margin of a few units.
_ADDITIVITY = 1e-6


def check_additivity(contributions: Sequence[float], base_value: float, prediction_value: float) -> Check:
    """Test that base value and contributions add up to the prediction, within a millionth of it, or of one."""
    distance = abs(base_value + sum(contributions) - prediction_value)
    allowed = _ADDITIVITY * max(1.0, abs(prediction_value), abs(base_value))
    verb = "add up" if distance <= allowed else "do not add up"
    return Check(
        "additivity",
        distance <= allowed,
        f"base value and contributions {verb} to the prediction (difference {distance:.1e}, allowed {allowed:.0e})",
    )


def check_background(background: BackgroundRows) -> Check:
    """Test that the decision is compared with decisions before it, and none that were still to come."""
    rows = len(background.ids)
    if background.later:
        later = f"{background.later} of the {rows} background rows were decided no earlier than this decision"
        return Check("background", passed=False, detail=f"{later}, because too few came before it")
    return Check("background", passed=True, detail=f"all {rows} background rows were decided before this decision")


def check_familiarity(row: pl.DataFrame, background: pl.DataFrame, signature: Signature) -> Check:
    """Test that each value of the decision is of a kind that the background knows.

    Text and yes/no values must occur there, numbers must lie within its range, and a missing value must be missing
    there too. What is unfamiliar still has an exact SHAP value; LIME never draws it again, so its weight means little.
    """
    strange = [
        f"{feature.name} = {_text(value)}"
        for feature in signature.features
        if not _familiar(
            value := row[feature.name].item(), background[feature.name], numeric=feature.dtype in {"float", "int"}
        )
    ]
    detail = f"the background holds nothing like {', '.join(strange)}"
    if not strange:
        detail = "every value of the decision occurs in the background, or lies within its range"
    return Check("familiarity", not strange, detail)


def _familiar(value: Value, background: pl.Series, *, numeric: bool) -> bool:
    if value is None:
        return background.null_count() > 0
    present = background.drop_nulls()
    if not numeric:
        return value in present.to_list()
    numbers = present.cast(pl.Float64).to_list()
    return bool(numbers) and min(numbers) <= float(value) <= max(numbers)


def _text(value: Value) -> str:
    return "missing" if value is None else str(value)

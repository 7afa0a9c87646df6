"""What every explanation is tested for, whatever its method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.explain.attribution import Check
from audit_lab.explain.grouping import group_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from audit_lab.explain.attribution import Value
    from audit_lab.explain.background import BackgroundRows
    from audit_lab.replay.signature import Signature

    Numbers = npt.NDArray[np.float64]

__all__ = ["FLOAT32", "FLOAT64", "check_additivity", "check_background", "check_determinism", "check_familiarity"]

#: How far from additive a sum may be, as a part of prediction or base value, or of one: of values in float64 whose
#: model computes in float32, and of values that are themselves float32.
FLOAT64, FLOAT32 = 1e-6, 1e-5


def check_additivity(
    contributions: Sequence[float], base_value: float, prediction_value: float, precision: float = FLOAT64
) -> Check:
    """Test that base value and contributions add up to the prediction, within `precision` of it, or of one."""
    distance = abs(base_value + sum(contributions) - prediction_value)
    allowed = precision * max(1.0, abs(prediction_value), abs(base_value))
    verb = "add up" if distance <= allowed else "do not add up"
    return Check(
        "additivity",
        distance <= allowed,
        f"base value and contributions {verb} to the prediction (difference {distance:.1e}, allowed {allowed:.0e})",
    )


def check_background(background: BackgroundRows, row: pl.DataFrame | None = None) -> Check:
    """Test that the decision is compared with decisions before it, and none that were still to come.

    Where `row`, the decision's, is given, also that the background's rows are not all equal to it.
    """
    rows = len(background.ids)
    if row is not None and not _varies(background.frame, row):
        same = (
            f"all {rows} background rows have the decision's own values, so there is nothing that it is compared with"
        )
        return Check("background", passed=False, detail=same)
    if background.later:
        later = f"{background.later} of the {rows} background rows were decided no earlier than this decision"
        return Check("background", passed=False, detail=f"{later}, because too few came before it")
    return Check("background", passed=True, detail=f"all {rows} background rows were decided before this decision")


def _varies(frame: pl.DataFrame, row: pl.DataFrame) -> bool:
    # In Python, as in `_familiar`: nearly always the first value differs.
    return any(value != row[name].item() for name in row.columns for value in frame[name].to_list())


def check_determinism(first: Numbers, second: Numbers) -> Check:
    """Test that two runs of the model on the same rows gave the same scores, shape ``(rows,)``, to the bit."""
    differing = int((first != second).sum())
    if differing:
        detail = (
            f"the model gave other scores for {differing} of {len(first)} rows when it was asked twice, up to "
            f"{abs(first - second).max():.3g} apart, so another explanation will have other numbers"
        )
        return Check("determinism", passed=False, detail=detail)
    return Check(
        "determinism", passed=True, detail=f"asked twice for {len(first)} rows, the model gave the same scores"
    )


def check_familiarity(
    row: pl.DataFrame,
    background: pl.DataFrame,
    signature: Signature,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Check:
    """Test that each value of the decision is of a kind that the background knows.

    Text and yes/no values must occur there, numbers must lie within its range, and a missing value must be missing
    there too; of `groups`, which LIME draws as a whole, all values must occur together. What is unfamiliar still has an
    exact SHAP value; LIME never draws it again, so its weight means little.
    """
    strange = [
        f"{feature.name} = {_text(value)}"
        for feature in signature.features
        if not _familiar(
            value := row[feature.name].item(), background[feature.name], numeric=feature.dtype in {"float", "int"}
        )
    ]
    strange += [
        f"{name} = ({group_value(row.select(members).row(0, named=True))})"
        for name, members in (groups or {}).items()
        if row.select(members).row(0) not in background.select(members).rows()
    ]
    detail = f"the background holds nothing like {', '.join(strange)}"
    if not strange:
        detail = "every value of the decision occurs in the background, or lies within its range"
    return Check("familiarity", not strange, detail)


def _familiar(value: Value, background: pl.Series, *, numeric: bool) -> bool:
    # In Python: polars plans a query for each step, and there are a hundred values for each feature.
    known = background.to_list()
    if value is None:
        return None in known
    present = [each for each in known if each is not None]
    if not numeric:
        return value in present
    numbers = [float(each) for each in present]
    return bool(numbers) and min(numbers) <= float(value) <= max(numbers)


def _text(value: Value) -> str:
    return "missing" if value is None else str(value)

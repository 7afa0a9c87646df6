"""Counterfactuals as frames, as a chart and a case keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from audit_lab.explain.counterfactual.result import Counterfactuals

__all__ = ["flip_frames"]

_FLIPS = pl.Schema(
    {
        "rank": pl.Int64(),
        "decision": pl.String(),
        "score": pl.Float64(),
        "rule": pl.String(),
        "distance": pl.Float64(),
        "changes": pl.Int64(),
    }
)
_CHANGES = pl.Schema(
    {
        "rank": pl.Int64(),
        "feature": pl.String(),
        "unit": pl.String(),
        "this": pl.String(),
        "other": pl.String(),
        "part": pl.Float64(),
    }
)


def flip_frames(found: Counterfactuals) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what was found, one row each, and its changes.

    The second has a row for each counterfactual and each feature that any of them changes: recorded and changed value
    as text (``this``, ``other``), and ``part``, which is 0 where this one leaves it as it is.
    """
    flips = [
        (rank, each.decision, each.score, each.rule, each.distance, len(each.changes))
        for rank, each in enumerate(found.found, 1)
    ]
    changed = {change.feature: change for each in found.found for change in each.changes}
    rows = []
    for rank, each in enumerate(found.found, 1):
        own = {change.feature: change for change in each.changes}
        for name in (name for name in found.inputs if name in changed):
            before = _text(found.inputs[name])
            other, part = (_text(own[name].after), own[name].part) if name in own else (before, 0.0)
            rows.append((rank, name, changed[name].unit, before, other, part))
    return pl.DataFrame(flips, schema=_FLIPS, orient="row"), pl.DataFrame(rows, schema=_CHANGES, orient="row")


def _text(value: Any) -> str | None:
    """Return a value with every digit it has, whole numbers without a point."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value).removesuffix(".0")

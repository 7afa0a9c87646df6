"""One change of a counterfactual: a feature, its value before and after, and what that adds to the distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit_lab.explain.describing import with_unit

__all__ = ["Change"]

_WHOLE = 1e15


@dataclass(frozen=True)
class Change:
    """One feature that would have to be another: its value before and after, and what that adds to the distance."""

    feature: str
    unit: str | None
    before: Any
    after: Any
    part: float

    def words(self) -> str:
        """Return the change in words."""
        return f"{self.feature} {_said(self.after, self.unit)} instead of {_said(self.before, self.unit)}"


def _said(value: Any, unit: str | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str | bool):
        return repr(value)
    return with_unit(_number(value), value, unit)


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) and abs(value) < _WHOLE else f"{value:,.12g}"

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
        if isinstance(self.before, str | bool | None) or isinstance(self.after, str | bool):
            return f"{self.feature} {self.after!r} instead of {'nothing' if self.before is None else repr(self.before)}"
        after, before = (with_unit(_number(each), each, self.unit) for each in (self.after, self.before))
        return f"{self.feature} {after} instead of {before}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) and abs(value) < _WHOLE else f"{value:,.12g}"

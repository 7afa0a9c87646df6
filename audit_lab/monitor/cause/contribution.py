"""What one method says: the contribution of each feature to a shift, what they are part of, and what is left over."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ATTRIBUTION", "EXCHANGE", "REWEIGHTING", "Contribution", "Method", "ModelPart", "ranked"]

ATTRIBUTION, REWEIGHTING, EXCHANGE = "attribution", "re-weighting", "exchange"


@dataclass(frozen=True)
class Contribution:
    """What a feature contributes, by one method.

    Parameters
    ----------
    feature
        Its name.
    value
        The contribution, in the unit of the method; None where it cannot be told.
    low, high
        Its interval; None where there is none.
    into, out_of
        By exchange: what its values of the window after change in the window before, and what its values of the window
        before take away from the window after; `value` is their mean.
    effective_rows
        By re-weighting: how many decisions of the window after weigh as much as the weighted ones.
    unsupported
        By re-weighting: the share of the window after in bins without a decision before; they get no weight.
    uncovered
        By re-weighting: the share of the window before in bins without a decision after; nothing stands for them.
    """

    feature: str
    value: float | None
    low: float | None = None
    high: float | None = None
    into: float | None = None
    out_of: float | None = None
    effective_rows: float | None = None
    unsupported: float | None = None
    uncovered: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether the interval excludes nought."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class ModelPart:
    """What of a shift another version does, the decisions being the same, and what the data do.

    Parameters
    ----------
    version_before, version_after
        The versions that took most decisions of each window.
    on_after, on_before
        What the later version changes on the decisions of the window after, and on those of the window before.
    value, low, high
        Their mean, and its interval.
    data
        What remains: the change of the mean from decisions to decisions, averaged over both versions.
    rows_before, rows_after
        How many decisions both versions were run on.
    """

    version_before: str
    version_after: str
    on_after: float
    on_before: float
    value: float
    low: float
    high: float
    data: float
    rows_before: int
    rows_after: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return asdict(self)


@dataclass(frozen=True)
class Method:
    """The contributions by one method, largest first.

    Parameters
    ----------
    name
        `ATTRIBUTION`, `REWEIGHTING` or `EXCHANGE`.
    unit
        What the contributions are in, for example ``score``.
    contributions
        Of each feature; of equal size, by name.
    before, after
        The mean of each window, over the decisions that the method looked at; None where it is absent.
    model
        What of the difference another version does; 0 where one version decided.
    rows_before, rows_after
        How many decisions the method looked at, of each window.
    facts
        What must be known of it, in sentences without an end.
    absent
        Why it could not be used; then there are no contributions.
    """

    name: str
    unit: str
    contributions: tuple[Contribution, ...]
    before: float | None
    after: float | None
    model: float
    rows_before: int
    rows_after: int
    facts: tuple[str, ...] = ()
    absent: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether it gave contributions."""
        return self.absent is None

    @property
    def moved(self) -> float:
        """The shift of the decisions that the method looked at."""
        return (self.after or 0.0) - (self.before or 0.0)

    @property
    def remainder(self) -> float:
        """What of that neither another version nor the contributions add up to."""
        return self.moved - self.model - sum(each.value or 0.0 for each in self.contributions)

    @property
    def first(self) -> Contribution | None:
        """The largest contribution whose interval excludes nought."""
        return next((each for each in self.contributions if each.is_sure), None)

    def of(self, feature: str) -> Contribution | None:
        """Return the contribution of a feature."""
        return next((each for each in self.contributions if each.feature == feature), None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        found = asdict(self)
        own = {"moved": self.moved, "remainder": self.remainder} if self.is_there else {}
        return {**found, **own, "contributions": list(found["contributions"]), "facts": list(self.facts)}

    @classmethod
    def missing(cls, name: str, why: str) -> Method:
        """Return a method that could not be used, and why."""
        return cls(name, "", (), None, None, 0.0, 0, 0, (), why)


def ranked(found: list[Contribution]) -> tuple[Contribution, ...]:
    """Return contributions by size, largest first; those that cannot be told last, of equal ones by name."""
    return tuple(sorted(found, key=lambda each: (each.value is None, -abs(each.value or 0.0), each.feature)))

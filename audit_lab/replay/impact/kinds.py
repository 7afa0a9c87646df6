"""The kinds of change that a correction makes, each with its description and its canonical form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.log.search.expression import parse_expression
from audit_lab.log.search.query import instant
from audit_lab.replay.units import named
from audit_lab.seal.digests import sha256
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.replay.decision_rules import Rule
    from audit_lab.replay.units import Conversion

__all__ = [
    "Applies",
    "Change",
    "FeatureChange",
    "MissingValue",
    "Recoding",
    "RegisteredRules",
    "RegisteredVersion",
    "StatedRules",
    "Threshold",
    "Unit",
    "Value",
    "WithoutRule",
]

Value = str | int | float | bool

_SHOWN = 4


@dataclass(frozen=True)
class Applies:
    """For which predictions a correction holds: all, or those of a time that an expression on what was recorded finds.

    Parameters
    ----------
    where
        An expression, as `AuditLog.find` takes it; inputs in it are the recorded ones, whatever else is corrected.
    since, until
        Only predictions of ``since <= occurred_at < until``.
    """

    where: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, where: str | None, since: Any, until: Any) -> Applies:
        """Read the three as a user gives them.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read.
        """
        if where is not None:
            parse_expression(where)
        return cls(where, instant(since, "since"), instant(until, "until"))

    @property
    def words(self) -> str:
        """What follows the description of a correction; empty where it holds for all."""
        said = [] if self.where is None else [f"where {self.where}"]
        said += [] if self.since is None else [f"from {self.since:%Y-%m-%d %H:%M:%S} UTC on"]
        said += [] if self.until is None else [f"before {self.until:%Y-%m-%d %H:%M:%S} UTC"]
        return f", {', '.join(said)}" if said else ""

    def to_dict(self) -> dict[str, str]:
        """Return what was given as JSON-safe values."""
        given = {"where": self.where}
        given |= {name: None if at is None else at.isoformat() for name, at in self._times()}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def code(self) -> str:
        """The arguments that say the same, as Python that follows other arguments."""
        return "".join(f", {name}={value!r}" for name, value in self.to_dict().items())

    def _times(self) -> list[tuple[str, datetime | None]]:
        return [("since", self.since), ("until", self.until)]


class Change(ABC):
    """One named change to what was decided from, or by; `Correction` makes them."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is changed, in one line."""

    @property
    @abstractmethod
    def code(self) -> str:
        """The Python that makes it."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-safe values; equal changes give equal ones."""

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of its canonical JSON (RFC 8785); the same change has the same."""
        return sha256(canonical_json(self.to_dict()))

    def __str__(self) -> str:
        """Return the description."""
        return self.description


@dataclass(frozen=True)
class FeatureChange(Change):
    """A change of one feature.

    Parameters
    ----------
    feature
        Its name.
    """

    feature: str


@dataclass(frozen=True)
class Unit(FeatureChange):
    """A feature is converted to another unit."""

    conversion: Conversion
    applies: Applies

    @property
    def description(self) -> str:
        """Feature, conversion and numbers."""
        return f"the unit of {self.feature} is corrected: {self.conversion}{self.applies.words}"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        given = f"{self.feature!r}, {str(self.conversion)!r}"
        if named(str(self.conversion)) != self.conversion:
            given = f"{self.feature!r}, {self.conversion!r}"
        return f"al.Correction.unit({given}{self.applies.code})"

    def to_dict(self) -> dict[str, Any]:
        """Return feature and conversion."""
        names = ("name", "factor", "divisor", "before", "after")
        conversion = {name: getattr(self.conversion, name) for name in names}
        return {"kind": "unit", "feature": self.feature, **conversion, **self.applies.to_dict()}


@dataclass(frozen=True)
class MissingValue(FeatureChange):
    """A missing value of a feature is read as another one."""

    value: Value
    applies: Applies

    @property
    def description(self) -> str:
        """Feature and value."""
        return f"a missing value of {self.feature} is read as {self.value!r}{self.applies.words}"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.missing({self.feature!r}, {self.value!r}{self.applies.code})"

    def to_dict(self) -> dict[str, Any]:
        """Return feature and value."""
        return {"kind": "missing", "feature": self.feature, "value": self.value, **self.applies.to_dict()}


@dataclass(frozen=True)
class Recoding(FeatureChange):
    """Some values of a feature are read as others; `pairs` are the recorded and the right one, in order."""

    pairs: tuple[tuple[Any, Any], ...]
    applies: Applies

    @property
    def description(self) -> str:
        """Feature and the first few values."""
        shown = [f"{old!r} as {new!r}" for old, new in self.pairs[:_SHOWN]]
        more = f" and {len(self.pairs) - _SHOWN} more" if len(self.pairs) > _SHOWN else ""
        return f"{self.feature} is read otherwise: {', '.join(shown)}{more}{self.applies.words}"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.recode({self.feature!r}, {dict(self.pairs)!r}{self.applies.code})"

    def to_dict(self) -> dict[str, Any]:
        """Return feature and pairs."""
        pairs = [list(pair) for pair in self.pairs]
        return {"kind": "recode", "feature": self.feature, "pairs": pairs, **self.applies.to_dict()}


@dataclass(frozen=True)
class Threshold(Change):
    """Another threshold decides."""

    value: float
    applies: Applies

    @property
    def description(self) -> str:
        """The threshold."""
        return f"the threshold is {self.value:g}{self.applies.words}"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.threshold({self.value!r}{self.applies.code})"

    def to_dict(self) -> dict[str, Any]:
        """Return the threshold."""
        return {"kind": "threshold", "value": self.value, **self.applies.to_dict()}


@dataclass(frozen=True)
class RegisteredVersion(Change):
    """Another registered version decides, by its own threshold and rules."""

    model_version: str

    @property
    def description(self) -> str:
        """The version."""
        return f"version {self.model_version} decides, by its own threshold and rules"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.version({self.model_version!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return the version."""
        return {"kind": "version", "version": self.model_version}


@dataclass(frozen=True)
class StatedRules(Change):
    """These rules decide, in place of the version's."""

    stated: tuple[Rule, ...]

    @property
    def description(self) -> str:
        """Each rule, or that there is none."""
        shown = [f"{rule.name} ({rule.when}: {rule.decision})" for rule in self.stated[:_SHOWN]]
        more = f" and {len(self.stated) - _SHOWN} more" if len(self.stated) > _SHOWN else ""
        return f"the rules are {', '.join(shown)}{more}" if shown else "no rule is applied"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.rules({self.to_dict()['rules']!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return the rules in the registry's form."""
        rules = [{"name": rule.name, "when": rule.when, "decision": rule.decision} for rule in self.stated]
        return {"kind": "rules", "rules": rules}


@dataclass(frozen=True)
class RegisteredRules(Change):
    """The rules of another version decide, in place of the version's."""

    model_version: str

    @property
    def description(self) -> str:
        """Whose rules."""
        return f"the rules of version {self.model_version} are applied"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.rules_of({self.model_version!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return whose rules."""
        return {"kind": "rules-of", "version": self.model_version}


@dataclass(frozen=True)
class WithoutRule(Change):
    """The version's rules decide without one of them."""

    name: str

    @property
    def description(self) -> str:
        """Which rule."""
        return f"the rule {self.name} is not applied"

    @property
    def code(self) -> str:
        """The Python that makes it."""
        return f"al.Correction.without_rule({self.name!r})"

    def to_dict(self) -> dict[str, Any]:
        """Return which rule."""
        return {"kind": "without-rule", "rule": self.name}

"""What is watched, and who is told: the rules of a watch as values, and those of a watch without a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.seal.digests import sha256
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEVERITIES", "MailCommand", "Rule", "RuleSet", "Target", "Webhook", "default_rules"]

#: How urgent an alert is, from the least. None of them is a severity by which a log says that a job failed.
SEVERITIES = ("low", "medium", "high")


@dataclass(frozen=True)
class Rule:
    """One rule: its name, its kind, how urgent its alerts are, who is told, of which model, and the kind's own keys.

    `options` holds every key of the kind that the file gave or that has a default; a `model` of None means each model.
    """

    name: str
    kind: str
    options: Mapping[str, Any]
    severity: str = "medium"
    notify: tuple[str, ...] = ()
    model: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values: what `audit_lab.monitor.alerts.rule_file.rule_of` reads again."""
        own = {name: value for name, value in self.options.items() if value is not None}
        said: dict[str, Any] = {"name": self.name, "kind": self.kind, "severity": self.severity, **own}
        if self.model is not None:
            said["model"] = self.model
        if self.notify:
            said["notify"] = list(self.notify)
        return said


@dataclass(frozen=True)
class Webhook:
    """An address that alerts are posted to; `headers` name the environment variables that hold their values."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    attempts: int = 3


@dataclass(frozen=True)
class MailCommand:
    """A program that takes alerts on its standard input: as a mail where `to` names somebody, else as plain text."""

    name: str
    command: tuple[str, ...]
    to: tuple[str, ...] = ()
    timeout_s: float = 30.0
    attempts: int = 3


Target = Webhook | MailCommand


@dataclass(frozen=True)
class RuleSet:
    """Rules, whom they can tell, where they come from, and the SHA-256 that names them."""

    rules: tuple[Rule, ...]
    targets: tuple[Target, ...] = ()
    source: str = "the rules of a watch without a file"

    @property
    def sha256(self) -> str:
        """The digest of the rules: the same for two files that watch for the same."""
        return sha256(canonical_json([rule.to_dict() for rule in self.rules]))

    def target(self, name: str) -> Target:
        """Return whom a rule names."""
        return next(one for one in self.targets if one.name == name)


def default_rules() -> RuleSet:
    """Return what is watched where no file says: drift that matters, failures, and predictions that stay away."""
    from audit_lab.monitor.alerts.rule_file import rule_of

    given = (
        {"name": "drift", "kind": "drift", "at_least": "moderate"},
        {
            "name": "failures",
            "kind": "operations",
            "findings": ["failed-predictions", "failed-job"],
            "severity": "high",
        },
        {"name": "volume gone", "kind": "volume", "below": 0.1, "severity": "high"},
    )
    return RuleSet(tuple(rule_of(one) for one in given))

"""An alert: which rule fired, on which window of which model, by what value, and how to see it again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_lab.log.files.printable import printable
from audit_lab.seal.digests import sha256
from audit_lab.seal.strict_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit_lab.monitor.alerts.rules import Rule

__all__ = ["ALERT_FORMAT", "Alert", "alert_id", "bounded", "number_or_none"]

ALERT_FORMAT = "audit_lab.alert/2"
_ID_LENGTH = 16
_LONGEST = 120


@dataclass(frozen=True)
class Alert:
    """What one rule saw in one window.

    Attributes
    ----------
    rule, model
        The rule, and the model that it was asked of; None where the rule is about the whole log.
    version
        The model version, where the rule looks at versions apart.
    window_start, window_end
        Half-open; None where the rule looks at everything.
    column
        What it was seen in: a column, a measure's subject, a grouping or a code.
    measure, value, low, high, threshold
        What was measured, its interval where it has one, and the limit that it is beyond.
    rows
        How many rows the value speaks of; None where that is not known.
    what
        A sentence. It holds numbers, and names that the log or the rule gives to columns and versions; no input value.
    query
        Python that asks the same of `log` again.
    reference
        Digest of what the window was compared with, where it was.
    versions
        Model versions of the window's predictions, and their rows.
    lineage
        Of each of these versions: run, artifact and datasets, as the registry names them.
    """

    rule: Rule
    model: str | None
    version: str | None
    window_start: datetime | None
    window_end: datetime | None
    column: str
    measure: str
    value: float | None
    threshold: str
    rows: int | None
    what: str
    query: str
    low: float | None = None
    high: float | None = None
    reference: str | None = None
    versions: Mapping[str, int] | None = None
    lineage: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        """The alert's name: the same whenever the same rule sees the same window, of the same model and version."""
        start = None if self.window_start is None else self.window_start.isoformat()
        return alert_id(self.rule.name, self.model, self.version, start, self.column)

    def payload(self, software: str, continues: str | None = None) -> dict[str, Any]:
        """Return what is kept of it, JSON-safe: all that an incident case needs, and no value of a person.

        Parameters
        ----------
        software
            audit_lab and its version.
        continues
            The id of the alert that it is a further window of; None where it begins one.
        """
        times = (self.window_start, self.window_end)
        start, end = (None if moment is None else moment.isoformat() for moment in times)
        return {
            "format": ALERT_FORMAT,
            "alert": self.id,
            "continues": continues,
            "rule": self.rule.to_dict(),
            "model": self.model,
            "version": self.version,
            "window_start": start,
            "window_end": end,
            "column": self.column,
            "measure": self.measure,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "threshold": self.threshold,
            "rows": self.rows,
            "what": self.what,
            "query": self.query,
            "reference": self.reference,
            "versions": None if self.versions is None else dict(self.versions),
            "lineage": [dict(one) for one in self.lineage],
            "software": software,
        }

    def with_lineage(self, versions: Mapping[str, int], lineage: tuple[Mapping[str, Any], ...]) -> Alert:
        """Return it with the versions of its window, and where they come from."""
        return replace(self, versions=versions, lineage=lineage)


def alert_id(rule: str, model: str | None, version: str | None, window_start: str | None, column: str) -> str:
    """Return the id of an alert: the first 16 digits of the SHA-256 of what it is of, as canonical JSON."""
    return sha256(canonical_json([rule, model, version, window_start, column]))[:_ID_LENGTH]


def number_or_none(value: Any) -> float | None:
    """Return a finite number as float; None for everything else."""
    return float(value) if value is not None and math.isfinite(value) else None


def bounded(text: str) -> str:
    """Return a name that the log gave: as it is, or, where it is long or cannot be printed, cut, with its digest."""
    if len(text) <= _LONGEST and text.isprintable():
        return text
    return f"{printable(text, _LONGEST)} #{sha256(text.encode('utf-8', 'backslashreplace'))[:8]}"

"""What a round of a watch came to: alerts with their state, what was looked at, and what could not be evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.log.schema import TIME
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit_lab.monitor.alerts.alert import Alert
    from audit_lab.monitor.alerts.rules import RuleSet

__all__ = ["CLOSED", "CONTINUES", "NEW", "UNEVALUATED", "Looked", "Watch"]

NEW, CONTINUES, CLOSED, UNEVALUATED = "new", "continues", "closed", "not evaluated"
_TOLD = 10
_LONGEST = 400
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "alert", "state", "severity", "rule", "kind", "model", "version"), pl.String),
    "window_start": TIME,
    "window_end": TIME,
    **dict.fromkeys(("column", "measure"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "threshold": pl.String,
    "rows": pl.Int64,
    "what": pl.String,
    "query": pl.String,
}


@dataclass(frozen=True)
class Looked:
    """What was looked at for one rule and model.

    `state` is "quiet", "alerts" or "not evaluated", which is no silence: `why` then says why. `windows` and `rows` are
    those that a verdict was possible on.
    """

    rule: str
    kind: str
    model: str | None
    state: str
    alerts: int
    windows: int
    rows: int
    why: str | None
    facts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Watch:
    """One round of a watch; `AuditLog.watch` makes it.

    Attributes
    ----------
    alerts
        What fired, in order of the rules, then of time.
    looked
        What was looked at, for each rule and model.
    rules
        The rules.
    states
        The state of each alert that is in a record already, by id: "open", "acknowledged" or "closed".
    origin, at, since, until
        The log, the time of the round, and the period whose windows could raise an alert.
    facts
        What must be known of the record of alerts.
    belongs
        Which alert each window belongs to, by id: one that goes on over adjoining windows is one alert. What is not
        named begins one.
    renewed
        The ids of windows that are in a record, and have worsened or grown since.
    """

    alerts: tuple[Alert, ...]
    looked: tuple[Looked, ...]
    rules: RuleSet
    states: Mapping[str, str]
    origin: str
    at: datetime
    since: datetime | None = None
    until: datetime | None = None
    facts: tuple[str, ...] = ()
    belongs: Mapping[str, str] = field(default_factory=dict)
    renewed: frozenset[str] = frozenset()

    @property
    def new(self) -> tuple[Alert, ...]:
        """What no record has: alerts that begin, further windows of some that go on, and windows that have worsened."""
        return tuple(one for one in self.alerts if one.id not in self.states or one.id in self.renewed)

    @property
    def standing(self) -> tuple[Alert, ...]:
        """The alerts that nobody has closed, or that have worsened since."""
        return tuple(one for one in self.alerts if self.states.get(one.id) != CLOSED or one.id in self.renewed)

    @property
    def unevaluated(self) -> tuple[Looked, ...]:
        """The rules that could not be evaluated."""
        return tuple(one for one in self.looked if one.state == UNEVALUATED)

    @property
    def exit_code(self) -> int:
        """1 where something fires that is not closed; else 3 where a rule could not be evaluated; else 0."""
        if self.standing:
            return 1
        return 3 if self.unevaluated else 0

    def belongs_to(self, alert: Alert) -> str:
        """Return the id of the alert that a window belongs to: its own where it begins one."""
        return self.belongs.get(alert.id, alert.id)

    def continues(self, alert: Alert) -> str | None:
        """Return the id of the alert that a window continues; None where it begins one."""
        begun = self.belongs_to(alert)
        return None if begun == alert.id else begun

    @property
    def table(self) -> pl.DataFrame:
        """One row for each window that fires: id, state, the id of the alert that it belongs to, and what it states.

        The state is "new" (or "continues", where it is a further window of an alert that is kept, or one of its windows
        that has worsened), "open", "acknowledged" or "closed".
        """
        rows = []
        for one in self.alerts:
            own = {name: getattr(one, name) for name in _SCHEMA if hasattr(one, name)}
            rows.append(
                {
                    **own,
                    "alert": self.belongs_to(one),
                    "state": self._state(one),
                    "severity": one.rule.severity,
                    "rule": one.rule.name,
                    "kind": one.rule.kind,
                }
            )
        return pl.DataFrame(rows, schema=_SCHEMA)

    def only_new(self) -> Watch:
        """Return it with the alerts alone that no record has."""
        return replace(self, alerts=self.new)

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences: what fires, by rule and column; what was looked at; what could not be evaluated."""
        said = [self._first(), *self._groups()]
        for one in self.looked:
            name = _named(one)
            if one.state == UNEVALUATED:
                said.append(f"{name} could not be evaluated, which is no silence: {one.why}.")
            else:
                facts = "".join(f"; {fact}" for fact in one.facts)
                said.append(f"{name} was evaluated; windows: {one.windows:,}, rows: {one.rows:,}{facts}.")
        return [printable(sentence, _LONGEST) for sentence in (*said, *self.facts)]

    def to_dict(self) -> dict[str, Any]:
        """Return the round JSON-safe: alerts with all that they keep, what was looked at, and the rules' digest."""
        from audit_lab import __version__

        times = {"at": self.at, "since": self.since, "until": self.until}
        return {
            "log": self.origin,
            **{name: None if moment is None else moment.isoformat() for name, moment in times.items()},
            "rules": {"source": self.rules.source, "sha256": self.rules.sha256},
            "exit_code": self.exit_code,
            "summary": self.summary(),
            "alerts": [
                {**one.payload(f"audit_lab {__version__}", self.continues(one)), "state": self._state(one)}
                for one in self.alerts
            ],
            "looked": [{**vars(one), "facts": list(one.facts)} for one in self.looked],
            "facts": list(self.facts),
        }

    def _state(self, alert: Alert) -> str:
        if alert.id in self.states and alert.id not in self.renewed:
            return self.states[alert.id]
        return CONTINUES if self.belongs_to(alert) in self.states else NEW

    def _first(self) -> str:
        blind = len(self.unevaluated)
        unseen = f" {blind} of {len(self.looked)} rules could not be evaluated." if blind else ""
        if not self.alerts:
            return f"No alert.{unseen}"
        states = {self.belongs_to(one): self.states.get(self.belongs_to(one), NEW) for one in self.alerts}
        states |= {self.belongs_to(one): CONTINUES for one in self.alerts if one.id in self.renewed}
        closed = sum(state == CLOSED for state in states.values())
        parts = [f"{sum(state == NEW for state in states.values())} new"]
        worse = len({self.belongs_to(one) for one in self.alerts if one.id in self.renewed})
        parts += [f"{worse} worse than before or longer"] if worse else []
        parts += [f"{closed} closed by a review"] if closed else []
        windows = f" over {len(self.alerts)} windows" if len(self.alerts) > len(states) else ""
        return f"{len(states)} alert{'s' if len(states) > 1 else ''}{windows}, {', '.join(parts)}.{unseen}"

    def _groups(self) -> list[str]:
        """Return a sentence for each alert, of its first window here, with how many there are."""
        groups: dict[str, list[Alert]] = {}
        for one in self.alerts:
            groups.setdefault(self.belongs_to(one), []).append(one)
        said = []
        for name, mine in list(groups.items())[:_TOLD]:
            more = f"; {len(mine)} windows in all" if len(mine) > 1 else ""
            said.append(f"{mine[0].rule.severity}: {mine[0].rule.name}: {mine[0].what}{more} ({name}).")
        if len(groups) > _TOLD:
            said.append(f"And {len(groups) - _TOLD} more; see Watch.table.")
        return said

    @spelling
    def _repr_html_(self) -> str:
        """Return summary and alerts as HTML; every text of the log is escaped."""
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.summary())
        names = ("severity", "state", "rule", "column", "window_start", "value", "threshold", "rows", "id")
        head = "".join(f"<th>{name}</th>" for name in names)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(printable(_cell(value)))}</td>' for value in row)}</tr>"
            for row in self.table.select(names).iter_rows()
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.alerts else ""
        return f"<div><ul>{said}</ul>{table}</div>"


def _named(one: Looked) -> str:
    return f"Rule {one.rule} ({one.kind})" if one.model is None else f"Rule {one.rule} ({one.kind}) of {one.model}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)

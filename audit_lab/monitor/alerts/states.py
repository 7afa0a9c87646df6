"""The state of every alert that was ever kept, derived from its entries: open, acknowledged or closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import NotFoundError
from audit_lab.log.files.printable import printable
from audit_lab.log.schema import TIME
from audit_lab.monitor.alerts.alert import bounded

if TYPE_CHECKING:
    from audit_lab.monitor.alerts.entry import Entry

__all__ = ["ACKNOWLEDGED", "CLOSED", "OPEN", "Alerts", "derived"]

OPEN, ACKNOWLEDGED, CLOSED = "open", "acknowledged", "closed"
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("id", "state", "severity", "rule", "kind", "model", "version"), pl.String),
    "window_start": TIME,
    "window_end": TIME,
    **dict.fromkeys(("column", "measure"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "threshold": pl.String,
    "rows": pl.Int64,
    **dict.fromkeys(("what", "query", "digest"), pl.String),
    "raised_at": TIME,
    "kept": pl.String,
    "told": pl.List(pl.String),
    "not_told": pl.List(pl.String),
    **dict.fromkeys(("conclusion", "reviewed_by", "reason"), pl.String),
}
_SHOWN = ("severity", "state", "rule", "column", "window_start", "value", "threshold", "raised_at", "conclusion", "id")


@dataclass(frozen=True, eq=False)
class Alerts:
    """The alerts of a log, each with its state; `AuditLog.alerts` makes it.

    Attributes
    ----------
    table
        One row for each alert, in order of when it was raised: ``id``, ``state``, what it states, ``digest`` (of its
        payload), ``raised_at``, ``kept`` ("journal" or "log"), ``told`` and ``not_told`` (whom), ``conclusion``,
        ``reviewed_by`` and ``reason`` of the last review.
    entries
        All that is kept, in order of time.
    facts
        What must be known of the record.
    """

    table: pl.DataFrame
    entries: tuple[Entry, ...]
    facts: tuple[str, ...]

    @property
    def states(self) -> dict[str, str]:
        """The state of each alert, by id."""
        return dict(self.table.select("id", "state").iter_rows())

    def raised(self, alert: str) -> Entry:
        """Return the entry that raised an alert, named by its id or the first eight or more digits of it.

        Raises
        ------
        NotFoundError
            There is none, or there are several.
        """
        named = [entry for entry in self.entries if entry.kind == "alert" and entry.alerts[0].startswith(alert)]
        ids = {entry.alerts[0] for entry in named}
        if len(ids) != 1 or len(alert) < _SHORTEST_ID:
            what = "is no alert of this log" if not ids else "names several alerts"
            raise NotFoundError(f"{printable(alert)!r} {what}", "`audit-lab alerts list` shows each with its id.")
        return named[0]

    def summary(self) -> list[str]:
        """Return plain sentences: how many are open, acknowledged and closed, who could not be told, and facts."""
        counts = {state: self.table.filter(state=state).height for state in (OPEN, ACKNOWLEDGED, CLOSED)}
        said = [f"{self.table.height} alerts: {', '.join(f'{count} {state}' for state, count in counts.items())}."]
        untold = self.table.filter(pl.col("not_told").list.len() > 0).height
        if untold:
            said.append(f"Of {untold} alerts somebody could not be told.")
        return [*said, *self.facts]

    def to_dict(self) -> dict[str, Any]:
        """Return them JSON-safe, with every entry."""
        return {
            "summary": self.summary(),
            "facts": list(self.facts),
            "alerts": [
                {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
                for row in self.table.to_dicts()
            ],
            "entries": [
                {
                    "kind": one.kind,
                    "at": one.at.isoformat(),
                    "actor": one.actor,
                    "kept": one.kept,
                    "digest": one.digest,
                    "payload": dict(one.payload),
                }
                for one in self.entries
            ],
        }

    def _repr_html_(self) -> str:
        """Return them as a table in HTML; every text is escaped."""
        said = "".join(f"<li>{escape(printable(sentence, 400))}</li>" for sentence in self.summary())
        head = "".join(f"<th>{name}</th>" for name in _SHOWN)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(printable(str(value)))}</td>' for value in row)}</tr>"
            for row in self.table.select(_SHOWN).iter_rows()
        )
        return f"<div><ul>{said}</ul><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


_SHORTEST_ID = 8


def derived(entries: list[Entry], facts: tuple[str, ...] = ()) -> Alerts:
    """Derive the state of each alert: closed by its last review, acknowledged, or else open."""
    raised: dict[str, Entry] = {}
    acknowledged: set[str] = set()
    reviews: dict[str, Entry] = {}
    told: dict[str, dict[str, bool]] = {}
    strays = 0
    for entry in entries:
        if entry.kind == "alert":
            raised.setdefault(entry.alerts[0], entry)
            continue
        for name in entry.alerts:
            if entry.kind == "notification":
                told.setdefault(name, {})[str(entry.payload["target"])] = bool(entry.payload["sent"])
            elif name not in raised or entry.payload["digest"] != raised[name].digest:
                strays += 1
            elif entry.kind == "review":
                reviews[name] = entry
            else:
                acknowledged.add(name)
    rows = [_row(entry, acknowledged, reviews.get(name), told.get(name, {})) for name, entry in raised.items()]
    stray = f"{strays} acknowledgements or reviews name no alert that is kept, or another digest of it, and close none."
    return Alerts(pl.DataFrame(rows, schema=_SCHEMA), tuple(entries), (*facts, *((stray,) if strays else ())))


def _row(entry: Entry, acknowledged: set[str], review: Entry | None, told: dict[str, bool]) -> dict[str, Any]:
    payload, name = entry.payload, entry.alerts[0]
    state = CLOSED if review is not None else ACKNOWLEDGED if name in acknowledged else OPEN
    texts = ("model", "version", "column", "measure", "threshold", "what", "query")
    stated = {text: None if payload[text] is None else bounded(payload[text]) for text in texts}
    times = ("window_start", "window_end")
    return {
        **stated,
        "what": printable(payload["what"], 600),
        "query": payload["query"],
        **{each: None if payload[each] is None else datetime.fromisoformat(payload[each]) for each in times},
        **{number: payload[number] for number in ("value", "low", "high")},
        "rows": None if payload["rows"] is None else int(payload["rows"]),
        "id": name,
        "state": state,
        "severity": entry.severity,
        "rule": payload["rule"]["name"],
        "kind": payload["rule"]["kind"],
        "digest": entry.digest,
        "raised_at": entry.at,
        "kept": entry.kept,
        "told": sorted(target for target, sent in told.items() if sent),
        "not_told": sorted(target for target, sent in told.items() if not sent),
        "conclusion": None if review is None else review.payload["conclusion"],
        "reviewed_by": None if review is None else review.payload["actor"],
        "reason": None if review is None else review.payload["reason"],
    }

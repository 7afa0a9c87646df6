"""What is kept of an alert: that it was raised, acknowledged, reviewed, and who was told, each an entry of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.monitor.alerts.alert import ALERT_FORMAT, alert_id
from audit_lab.monitor.alerts.rule_file import rule_of
from audit_lab.seal.digests import DIGEST, sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import canonical_json, members, parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENTRY_KINDS", "ENTRY_MEMBERS", "JOURNAL", "LOG", "Entry", "entry_of", "raised_entry"]

#: The kinds of entries, which are kinds of events too, and the format of each one's payload.
ENTRY_KINDS = {
    "alert": ALERT_FORMAT,
    "acknowledgement": "audit_lab.acknowledgement/1",
    "review": "audit_lab.review/1",
    "notification": "audit_lab.notification/1",
}
#: Where an entry is kept.
JOURNAL, LOG = "journal", "log"
_LONGEST_PAYLOAD = 19_000
_ALERT = frozenset(
    {
        *(
            "format",
            "alert",
            "continues",
            "rule",
            "model",
            "version",
            "window_start",
            "window_end",
            "column",
            "measure",
            "value",
        ),
        *("low", "high", "threshold", "rows", "what", "query", "reference", "versions", "lineage", "software"),
    }
)
#: The members of each kind's payload.
ENTRY_MEMBERS: dict[str, frozenset[str]] = {
    "alert": _ALERT,
    "acknowledgement": frozenset({"format", "alert", "digest", "actor", "role", "reason"}),
    "review": frozenset(
        {
            *("format", "alert", "digest", "actor", "role", "conclusion", "reason", "although", "evidence"),
            *("measured", "software"),
        }
    ),
    "notification": frozenset({"format", "alerts", "target", "by", "sent", "attempts", "why"}),
}
#: Alerts were kept so before they could continue one another; each of them stands by itself.
_FORMER_FORMAT, _FORMER = "audit_lab.alert/1", _ALERT - {"continues"}
_TEXTS = {"alert", "column", "measure", "threshold", "what", "query", "software", "actor", "role", "reason"}
_TEXTS |= {"conclusion", "although", "target", "by", "digest", "why"}
_OPTIONAL_TEXTS = {"continues", "model", "version", "window_start", "window_end", "reference"}
_NUMBERS = {"value", "low", "high"}
_MOST_ROWS = 2**53 - 1
_WRONG = "Ask whoever wrote the log what it is"


@dataclass(frozen=True)
class Entry:
    """One entry: its kind, when it was made and by whom, a sentence, and its payload, JSON-safe.

    `kept` says where: "journal" or "log"; `renews`, as it is made, whether an alert of that id is kept already.
    """

    kind: str
    at: datetime
    actor: str
    severity: str
    summary: str
    payload: Mapping[str, Any]
    kept: str = JOURNAL
    renews: bool = False

    @property
    def alerts(self) -> tuple[str, ...]:
        """The ids of the alerts that it is about."""
        named = self.payload.get("alerts")
        return tuple(named) if named is not None else (str(self.payload["alert"]),)

    @property
    def digest(self) -> str:
        """SHA-256 of the payload's canonical JSON."""
        return sha256(canonical_json(self.payload))

    @property
    def event_id(self) -> str:
        """The id of the event: of an alert the same whoever raises it, unless it is kept once more as worse."""
        if self.renews:
            return f"{self.kind}-{self.alerts[0]}-{self.digest[:8]}"
        name = self.alerts[0] if self.kind == "alert" else sha256(f"{self.at.isoformat()} {self.digest}".encode())[:16]
        return f"{self.kind}-{name}"

    @property
    def text(self) -> str:
        """The payload's canonical JSON, short enough for a line: without lineage and versions where it is not."""
        payload = dict(self.payload)
        for left_out in ("lineage", "versions"):
            text = canonical_json(payload).decode()
            if len(text) <= _LONGEST_PAYLOAD:
                return text
            if left_out in payload:
                payload[left_out] = [] if left_out == "lineage" else None
        text = canonical_json(payload).decode()
        if len(text) > _LONGEST_PAYLOAD:
            raise MisuseError(f"a record of {len(text):,} characters is too long to be kept", "Say it in fewer words.")
        return text


def raised_entry(payload: Mapping[str, Any], severity: str, at: datetime, actor: str) -> Entry:
    """Return the entry of an alert that was raised, from its payload."""
    entry = Entry("alert", at, actor, severity, str(payload["what"]), payload)
    return Entry("alert", at, actor, severity, entry.summary, parse_json(entry.text.encode(), "the alert"))


def entry_of(kind: str, text: str, at: datetime, actor: str, kept: str) -> Entry:
    """Read an entry back from the JSON that was kept of it.

    Raises
    ------
    MalformedError
        It is not of the kind's format, or an alert is not what its id says (codes ``alert...`` and ``json...``).
    """
    parsed = parse_json(text.encode(), f"the {kind}")
    is_former = kind == "alert" and isinstance(parsed, dict) and parsed.get("format") == _FORMER_FORMAT
    value = members(parsed, _FORMER if is_former else ENTRY_MEMBERS[kind], f"the {kind}")
    if (value["format"] != ENTRY_KINDS[kind] and not is_former) or not all(
        _is_sound(name, each) for name, each in value.items()
    ):
        raise MalformedError(f"the {kind} is not of the format {ENTRY_KINDS[kind]}", _WRONG, "alert.malformed")
    if kind != "alert":
        summary = value.get("reason") or value.get("why") or kind
        return Entry(kind, at, actor, "low", str(summary), value, kept)
    try:
        rule = rule_of(value["rule"])
    except AuditLabError as error:
        raise MalformedError(f"the alert's rule: {error.message}", _WRONG, "alert.malformed") from error
    stated = alert_id(rule.name, value["model"], value["version"], value["window_start"], value["column"])
    if stated != value["alert"] or value.get("continues") == stated:
        raise MalformedError("the alert's id is not that of what it states", _WRONG, "alert.forged")
    return Entry(kind, at, actor, rule.severity, value["what"], value, kept)


def _is_sound(name: str, value: Any) -> bool:  # noqa: PLR0911 - one return for each kind of member
    if name == "rows":
        return value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_ROWS)
    if name in _NUMBERS:
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    if name in {"window_start", "window_end"} and value is not None:
        return isinstance(value, str) and _is_time(value)
    if name in _OPTIONAL_TEXTS:
        return value is None or isinstance(value, str)
    if name == "digest":
        return isinstance(value, str) and DIGEST.fullmatch(value) is not None
    if name in _TEXTS:
        return isinstance(value, str)
    if name in {"alerts", "evidence"}:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name in {"rule", "measured"}:
        return isinstance(value, dict)
    return True


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False

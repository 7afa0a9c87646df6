"""Closing an alert: by whom, on what grounds, and what the same rule saw at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.monitor.alerts.entry import ENTRY_KINDS, Entry
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from audit_lab.monitor.alerts.continuing import Course
    from audit_lab.monitor.alerts.watch_result import Watch

__all__ = ["CONCLUSIONS", "Review", "acknowledgement_of", "review_of"]

#: What a re-validation can conclude.
CONCLUSIONS = ("no action", "false alarm", "data corrected", "retrain", "roll back", "retire", "change the rule")
_LONGEST = 2_000
_LONGEST_NAME = 200
_MOST_EVIDENCE = 50
_FIRES, _QUIET, _BLIND = "fires", "quiet", "not evaluated"
_LATER_NAMED = 10


@dataclass(frozen=True, eq=False)
class Review:
    """A re-validation that closed an alert, with what the rule saw when it was closed.

    `state` is "fires", "quiet" or "not evaluated": the same rule on the same windows, of which one that fires is
    enough; `later` are the windows after them in which the rule fires on the same column.
    """

    alert: str
    conclusion: str
    state: str
    later: tuple[str, ...]
    entry: Entry
    facts: tuple[str, ...] = ()

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences."""
        payload = self.entry.payload
        said = [f"{self.alert} is closed: {self.conclusion} ({payload['actor']}, {payload['role']})."]
        if self.state == _FIRES:
            measured = payload["measured"]
            more = f", the last of {measured['windows']} windows" if measured["windows"] > 1 else ""
            said.append(f"It STILL FIRES: {measured['what']}{more}. It was closed although: {payload['although']}.")
        elif self.state == _BLIND:
            why, although = payload["measured"]["why"], payload["although"]
            said.append(f"It could NOT be measured anew: {why}. It was closed although: {although}.")
        else:
            said.append("Measured anew, its rule does not fire on any of its windows any more.")
        later = f"in {len(self.later)} later windows" if self.later else "in no later window"
        said.append(f"On the same column, the rule fires {later}.")
        return [printable(sentence, _LONGEST) for sentence in (*said, *self.facts)]

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-safe, with the payload that was kept."""
        return {
            "alert": self.alert,
            "conclusion": self.conclusion,
            "state": self.state,
            "later": list(self.later),
            "summary": self.summary(),
            "payload": dict(self.entry.payload),
            "digest": self.entry.digest,
        }

    @spelling
    def _repr_html_(self) -> str:
        """Return the summary as HTML; every text is escaped."""
        return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in self.summary())}</ul>"


def acknowledgement_of(raised: Entry, *, actor: str, role: str, reason: str, at: datetime) -> Entry:
    """Return the entry by which somebody takes an alert on.

    Raises
    ------
    MisuseError
        Actor or role are empty or too long.
    """
    payload = {
        "format": ENTRY_KINDS["acknowledgement"],
        "alert": raised.alerts[0],
        "digest": raised.digest,
        "actor": _said("actor", actor, _LONGEST_NAME),
        "role": _said("role", role, _LONGEST_NAME),
        "reason": _said("reason", reason, _LONGEST) if reason else "",
    }
    return Entry("acknowledgement", at, payload["actor"], "low", reason or "acknowledged", payload)


def review_of(
    course: Course,
    anew: Watch,
    *,
    actor: str,
    role: str,
    conclusion: str,
    reason: str,
    although: str | None,
    evidence: Sequence[str],
    at: datetime,
    software: str,
) -> Review:
    """Return the review that closes an alert.

    Parameters
    ----------
    course
        The alert as it was kept, with all of its windows.
    anew
        The same rule, evaluated now on the alert's windows and all later ones.

    Raises
    ------
    MisuseError
        The conclusion is none of `CONCLUSIONS`, a text is empty or too long, or the alert still fires (or cannot be
        measured) and nobody says why it is closed all the same.
    """
    if conclusion not in CONCLUSIONS:
        raise MisuseError(f"the conclusion is {printable(str(conclusion))!r}", f"Use one of: {', '.join(CONCLUSIONS)}.")
    raised, mine = course.begun, {one.alerts[0] for one in course.entries}
    name, column = raised.alerts[0], raised.payload["column"]
    same = [one for one in anew.alerts if one.id in mine]
    later = tuple(one.id for one in anew.alerts if one.id not in mine and one.column == column)
    blind = anew.unevaluated
    state = _FIRES if same else _BLIND if blind else _QUIET
    measured: dict[str, Any] = {
        "state": state,
        "at": at.isoformat(),
        "later": len(later),
        "ids": list(later[:_LATER_NAMED]),
    }
    if same:
        one = same[-1]
        measured |= {"what": one.what, "value": one.value, "low": one.low, "high": one.high, "rows": one.rows}
        measured["windows"] = len(same)
    elif blind:
        measured["why"] = blind[0].why
    if state != _QUIET and not (although or "").strip():
        seen = measured.get("what") or f"it could not be measured anew ({measured.get('why')})"
        raise MisuseError(
            f"the alert {name} still stands: {printable(str(seen), _LONGEST)}",
            "Say why it is closed all the same, as although=... (--although).",
        )
    if len(evidence) > _MOST_EVIDENCE:
        raise MisuseError(f"{len(evidence)} pieces of evidence are too many", f"Name at most {_MOST_EVIDENCE}.")
    payload: dict[str, Any] = {
        "format": ENTRY_KINDS["review"],
        "alert": name,
        "digest": raised.digest,
        "actor": _said("actor", actor, _LONGEST_NAME),
        "role": _said("role", role, _LONGEST_NAME),
        "conclusion": conclusion,
        "reason": _said("reason", reason, _LONGEST),
        "although": "" if not although else _said("although", although, _LONGEST),
        "evidence": [_said("evidence", one, _LONGEST_NAME) for one in evidence],
        "measured": measured,
        "software": software,
    }
    summary = f"closed: {conclusion}; when it was closed, the rule was: {state}"
    return Review(name, conclusion, state, later, Entry("review", at, payload["actor"], "low", summary, payload))


def _said(name: str, text: str, longest: int) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        raise MisuseError(f"the {name} is empty or longer than {longest} characters", f"Say it in words, as {name}=...")
    return text.strip().encode("utf-8", "backslashreplace").decode()

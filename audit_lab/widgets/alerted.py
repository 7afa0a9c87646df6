"""The decisions that an alert is about: the rows that it names, or those of its worst window that matter most."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.widgets.chosen_decisions import MOST_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from audit_lab.face.decisions import Decisions
    from audit_lab.monitor.alerts import Alerts
    from audit_lab.widgets.chosen_decisions import Led

__all__ = ["decisions_of_alert"]

#: What such a question may be given by name, and of which type.
_ARGUMENTS = {"since": str, "until": str, "model": str, "limit": int}


@dataclass(frozen=True)
class _Fetched:
    """The rows that an alert's own question fetches."""

    ask: Callable[[], Decisions]

    @property
    def sentence(self) -> str:
        return f"The first {MOST_DECISIONS} at most of the rows that the alert names."

    @property
    def decisions(self) -> Decisions:
        return self.ask()


def decisions_of_alert(
    alerts: Alerts, row: Mapping[str, Any]
) -> tuple[str, Callable[[], Led] | None, Callable[[object], list[str]]]:
    """Return what leads to an alert's decisions: a title, the question, and the Python that asks the same.

    Where the alert names its rows, as ``log.find(...)``, these are asked for. That text may come from a log: it is
    parsed, and counts only where it is such a call with nothing but literals. Else those decisions are asked for that
    matter most in the window where the alert was worst; the question is None where it has no window, or no log was
    asked.

    Parameters
    ----------
    alerts, row
        The alerts, and a row of ``alerts.table``.
    """
    ask, choose = alerts.decisions_of, alerts.foremost_of
    fetching = _literal_call(row["query"] or "")
    if fetching is not None and ask is not None:
        given, named = fetching
        named = {**named, "limit": min(named.get("limit") or MOST_DECISIONS, MOST_DECISIONS)}
        words = ", ".join([*map(repr, given), *(f"{name}={value!r}" for name, value in named.items())])
        title = "Decisions that the alert names"
        return title, lambda: _Fetched(lambda: ask(*given, **named)), lambda _: [f"decisions = log.decisions({words})"]
    since, until = row["window_start"], row["window_end"]
    if since is None or until is None or choose is None:
        return "", None, lambda _: []
    asked = {"since": since.isoformat(), "until": until.isoformat(), "model": row["model"], "version": row["version"]}
    asked = {name: value for name, value in asked.items() if value is not None}
    words = ", ".join(f"{name}={value!r}" for name, value in asked.items())
    code = [f"chosen = log.foremost({words}, limit={MOST_DECISIONS})", "decisions = chosen.decisions"]
    title = f"Decisions from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC, where it was worst"
    return title, lambda: choose(**asked, limit=MOST_DECISIONS), lambda _: code


def _literal_call(query: str) -> tuple[list[Any], dict[str, Any]] | None:
    """Return the arguments of a question that fetches rows; None where it is anything else."""
    try:
        call = ast.parse(query, mode="eval").body
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != "log.find":
            return None
        given = [ast.literal_eval(each) for each in call.args]
        named = {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg is not None}
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    usual = len(given) <= 1 and all(isinstance(each, str) for each in given)
    usual = usual and all(isinstance(value, _ARGUMENTS.get(name, ())) for name, value in named.items())
    return (given, named) if usual else None

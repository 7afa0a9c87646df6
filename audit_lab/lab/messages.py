"""What the server tells the Audit Lab panel; ``messages.ts`` of the extension is the same, checked on arrival."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

__all__ = ["DecisionAnswer", "LogEntry", "LogsAnswer", "PredictionRow", "PredictionsAnswer", "Problem"]


class Problem(TypedDict):
    """What went wrong, and what to do about it; `places` when an id stands in more than one place."""

    message: str
    next_step: str
    places: NotRequired[list[str]]


class LogEntry(TypedDict):
    """One log under the server's root folder; what could not be read is null, and `problem` says why."""

    path: str
    origin: str | None
    description: str | None
    notes: list[str]
    predictions: int | None
    models: list[str]
    first_time: str | None
    last_time: str | None
    problem: Problem | None


class LogsAnswer(TypedDict):
    """The logs found; `complete` is false where the search stopped at one of its bounds."""

    logs: list[LogEntry]
    complete: bool


class PredictionRow(TypedDict):
    """One line of the panel's list of predictions."""

    prediction_id: str
    occurred_at: str | None
    model_name: str | None
    model_version: str | None
    decision: str | None
    score: float | None


class PredictionsAnswer(TypedDict):
    """The newest predictions of a log, newest first; only those whose id contains `search` where it is not empty."""

    log: str
    search: str
    predictions: list[PredictionRow]


class DecisionAnswer(TypedDict):
    """One reconstructed decision, as `Decision.to_dict` gives it."""

    log: str
    decision: dict[str, Any]

"""What the server tells the Audit Lab panel; ``messages.ts`` of the extension is the same, checked on arrival."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

__all__ = [
    "Answer",
    "CaseAnswer",
    "CaseEntry",
    "CasesAnswer",
    "DecisionAnswer",
    "Integrity",
    "JobAnswer",
    "JobsAnswer",
    "LetterAnswer",
    "LineageAnswer",
    "LogEntry",
    "LogsAnswer",
    "NotebookAnswer",
    "PredictionRow",
    "PredictionsAnswer",
    "Problem",
    "Progress",
    "SourceAnswer",
]


class Problem(TypedDict):
    """What went wrong, and what to do about it; `places` when an id stands in more than one place."""

    message: str
    next_step: str
    places: NotRequired[list[str]]


class Integrity(TypedDict):
    """A log's badge; the last three speak of the last verification here of the state that the log is in now."""

    sealed: bool
    verdict: str | None
    verified_at: str | None
    findings: int


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
    integrity: Integrity
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


class LineageAnswer(TypedDict):
    """The way back from one decision, as `LineageGraph.to_dict` gives it, in sentences, and as an SVG picture."""

    log: str
    id: str
    lineage: dict[str, Any]
    summary: list[str]
    picture: str


class SourceAnswer(TypedDict):
    """The stored rows behind one decision, as `SourceRows.to_dict` gives them, values by name; a sentence on each."""

    log: str
    source: dict[str, Any]
    summary: list[str]


class LetterAnswer(TypedDict):
    """The decisions that a letter may speak of, as `Letter.to_dict` gives them, and what was searched in sentences."""

    log: str
    letter: dict[str, Any]
    summary: list[str]


class CaseEntry(TypedDict):
    """One case below the server's root folder; what could not be read is null or nothing, and `problem` says why."""

    path: str
    case_id: str | None
    question: str | None
    log: str | None
    actor: str | None
    status: str | None
    exhibits: int
    findings: int
    open_actions: int
    is_concluded: bool
    edited: list[str]
    sign_offs: list[str]
    void_sign_offs: list[str]
    problem: Problem | None


class CasesAnswer(TypedDict):
    """The cases found; `complete` is false where the search stopped at one of its bounds."""

    cases: list[CaseEntry]
    complete: bool


class CaseAnswer(TypedDict):
    """One case, as `Case.to_dict` gives it."""

    path: str
    case: dict[str, Any]


class Progress(TypedDict):
    """How far a job is: how much of `what` is done, of a total that may not be known."""

    what: str
    done: int
    total: int | None


class JobAnswer(TypedDict):
    """One job; its state is waiting, running, done, failed or cancelled."""

    id: str
    kind: str
    about: str
    state: str
    started_at: str
    ended_at: str | None
    progress: Progress | None
    result: dict[str, Any] | None
    problem: Problem | None


class JobsAnswer(TypedDict):
    """The jobs that the server remembers, newest first, without their results."""

    jobs: list[JobAnswer]


class NotebookAnswer(TypedDict):
    """The notebook that was written, by the name that the file browser has for it."""

    path: str


Answer = (
    CaseAnswer
    | CasesAnswer
    | DecisionAnswer
    | JobAnswer
    | JobsAnswer
    | LetterAnswer
    | LineageAnswer
    | LogsAnswer
    | NotebookAnswer
    | PredictionsAnswer
    | SourceAnswer
)

"""The logs that a server shows: opened once, kept until their manifest changes, answered as messages."""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from audit_lab.errors import AmbiguousIdError, AuditLabError
from audit_lab.lab.badges import Badges
from audit_lab.lab.folders import check_segments, find_logs, inside, name_in, segments_in
from audit_lab.lab.shortening import shortened
from audit_lab.log.files.reading import collect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from audit_lab.lab.messages import (
        DecisionAnswer,
        LetterAnswer,
        LineageAnswer,
        LogEntry,
        LogsAnswer,
        PredictionRow,
        PredictionsAnswer,
        Problem,
        SourceAnswer,
    )

__all__ = ["MAX_ROWS", "OpenedLog", "ServedLogs"]

MAX_ROWS = 200

_MAX_OPEN = 32
#: What is told of a stored value.
_VALUE = ("column", "type", "bytes")


class _Told(Protocol):
    def to_dict(self) -> dict[str, Any]: ...

    def summary(self) -> list[str]: ...


class _Graph(_Told, Protocol):
    @property
    def origin(self) -> str: ...

    def to_frames(self) -> tuple[pl.DataFrame, pl.DataFrame]: ...


class _Reconstructed(Protocol):
    def to_dict(self) -> dict[str, Any]: ...

    def lineage_graph(self) -> _Graph: ...

    def source_rows(self) -> _Told: ...


class OpenedLog(Protocol):
    """What the panel needs of an opened log; `audit_lab.open` returns one."""

    @property
    def predictions(self) -> pl.LazyFrame:
        """The predictions table."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return the log's origin, notes, rows by table, models and time range."""
        ...

    def newest(self, count: int = 50) -> pl.DataFrame:
        """Return the newest predictions, newest first."""
        ...

    def decision(self, prediction_id: str) -> _Reconstructed:
        """Reconstruct one prediction."""
        ...

    def letter(
        self,
        customer: str | None = None,
        *,
        subject: str | None = None,
        around: str | None = None,
        zone: str | None = None,
        within: str = "2h",
        amount: str | None = None,
        decision: str | None = None,
        model: str | None = None,
    ) -> _Told:
        """Search for the decisions that a letter may speak of."""
        ...


@dataclass(frozen=True)
class _Kept:
    """A log as it was opened: what told its manifest from others, and where that says its segments are."""

    stamp: tuple[int, int]
    segments: tuple[str, ...]
    log: OpenedLog


class ServedLogs:
    """The logs below one root folder.

    Parameters
    ----------
    root
        The server's root folder.
    open_log
        Opens the log in a folder: `audit_lab.open`.
    """

    def __init__(self, root: Path, open_log: Callable[[Path], OpenedLog]) -> None:
        self._root = root.resolve()
        self._open_log = open_log
        self._opened: OrderedDict[Path, _Kept] = OrderedDict()
        self._lock = Lock()
        self.badges = Badges()

    def list_logs(self) -> LogsAnswer:
        """Find every log and say what it holds, or why it cannot be read."""
        found = find_logs(self._root)
        return {"logs": [self._entry(folder) for folder in found.folders], "complete": found.complete}

    def newest(self, name: str, limit: int, search: str) -> PredictionsAnswer:
        """Return at most `limit` (and at most 200) predictions, newest first, whose id contains `search`."""
        log = self._open(inside(self._root, name))
        rows = min(limit, MAX_ROWS)
        frame = _matching(log.predictions, name, search, rows) if search else log.newest(rows)
        return {"log": name, "search": search, "predictions": _rows(frame)}

    def decide(self, name: str, prediction_id: str) -> DecisionAnswer:
        """Reconstruct one decision; `prediction_id` may also be a place, ``id@segment:row``."""
        log = self._open(inside(self._root, name))
        return {"log": name, "decision": shortened(log.decision(prediction_id).to_dict())}

    def source(self, name: str, prediction_id: str) -> SourceAnswer:
        """Return the stored rows behind one decision: files, bytes, and whether they are as they were sealed."""
        log = self._open(inside(self._root, name))
        found = log.decision(prediction_id).source_rows()
        source = found.to_dict()
        for row in source["rows"]:
            row["values"] = [dict(zip(_VALUE, value, strict=True)) for value in row["values"]]
        return {"log": name, "source": shortened(source), "summary": found.summary()}

    def lineage(self, name: str, prediction_id: str) -> LineageAnswer:
        """Return the way back from one decision to runs, data and code, with its picture."""
        log = self._open(inside(self._root, name))
        graph = log.decision(prediction_id).lineage_graph()
        from audit_lab.charts import svg
        from audit_lab.charts.lineage import lineage_graph

        picture = svg(lineage_graph(*graph.to_frames(), subtitle=graph.origin))
        return {
            "log": name,
            "id": prediction_id,
            "lineage": shortened(graph.to_dict()),
            "summary": graph.summary(),
            "picture": picture,
        }

    def letter(self, name: str, clues: Mapping[str, str]) -> LetterAnswer:
        """Search a log by what a letter says; clues as for `AuditLog.letter`, of which the empty ones are none."""
        log = self._open(inside(self._root, name))
        found = log.letter(**{clue: text for clue, text in clues.items() if text})
        return {"log": name, "letter": found.to_dict(), "summary": found.summary()}

    def problem(self, error: AuditLabError) -> Problem:
        """Return what the panel shows of an error; its paths are those of the file browser."""
        here = f"{self._root}{os.sep}"
        problem: Problem = {
            "message": error.message.replace(here, ""),
            "next_step": error.next_step.replace(here, ""),
        }
        if isinstance(error, AmbiguousIdError):
            problem["places"] = list(error.places)
        return problem

    def _open(self, folder: Path) -> OpenedLog:
        """Open the log in a folder, or return it as it was opened while its manifest is the same file.

        Where its files lie is looked at each time: one that was swapped for a link since is not followed.
        """
        stamp = _stamp(folder / "manifest.json")
        with self._lock:
            kept = self._opened.get(folder)
            if kept is not None and kept.stamp == stamp:
                self._opened.move_to_end(folder)
        if kept is not None and kept.stamp == stamp:
            check_segments(self._root, folder, kept.segments)
            return kept.log
        segments = segments_in(folder)
        check_segments(self._root, folder, segments)
        log = self._open_log(folder)
        with self._lock:
            self._opened[folder] = _Kept(stamp, segments, log)
            self._opened.move_to_end(folder)
            while len(self._opened) > _MAX_OPEN:
                self._opened.popitem(last=False)
        return log

    def _entry(self, folder: Path) -> LogEntry:
        name = name_in(self._root, folder)
        integrity = self.badges.of(folder)
        try:
            about = self._open(folder).describe()
        except AuditLabError as error:
            return {
                "path": name,
                "origin": None,
                "description": None,
                "notes": [],
                "predictions": None,
                "models": [],
                "first_time": None,
                "last_time": None,
                "integrity": integrity,
                "problem": self.problem(error),
            }
        return {
            "path": name,
            "origin": about["origin"],
            "description": about["description"],
            "notes": list(about["notes"]),
            "predictions": about["tables"].get("predictions", 0),
            "models": list(about["models"]),
            "first_time": about["first_time"],
            "last_time": about["last_time"],
            "integrity": integrity,
            "problem": None,
        }


def _stamp(manifest: Path) -> tuple[int, int]:
    """Return what tells one writing of a manifest from the next: its time in ns and its size in bytes."""
    try:
        status = manifest.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _matching(predictions: pl.LazyFrame, name: str, search: str, rows: int) -> pl.DataFrame:
    matching = predictions.filter(pl.col("prediction_id").str.contains(search, literal=True))
    newest = matching.sort("occurred_at", "prediction_id", descending=True, nulls_last=True).head(rows)
    return collect(newest, f"the predictions of {name}")


def _rows(frame: pl.DataFrame) -> list[PredictionRow]:
    """Return rows without their longest texts."""
    told: list[PredictionRow] = shortened({"rows": [_row(row) for row in frame.iter_rows(named=True)]})["rows"]
    return told


def _row(row: Mapping[str, Any]) -> PredictionRow:
    return {
        "prediction_id": row["prediction_id"],
        "occurred_at": _instant(row["occurred_at"]),
        "model_name": row["model_name"],
        "model_version": row["model_version"],
        "decision": row["decision"],
        "score": _finite((row["outputs"] or {}).get("score")),
    }


def _instant(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _finite(score: float | None) -> float | None:
    """Return a score that JSON can carry."""
    return score if score is not None and math.isfinite(score) else None

"""The alerts beside the predictions that are looked at: those that were raised, and those that the log tells of."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.schema import TIME
from audit_lab.monitor.alerts.entry import JOURNAL, LOG, entry_of
from audit_lab.monitor.alerts.keeping import alerts_file, entries_of
from audit_lab.monitor.alerts.states import derived
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore

__all__ = ["alerts_of_log", "raised_alerts", "within"]

#: So many alerts of the log's own events are read, the last ones.
_MOST_EVENTS = 10_000
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("alert", "severity", "state", "model", "what"), pl.String),
    **dict.fromkeys(("since", "until"), TIME),
    "kept": pl.String,
}


def raised_alerts(store: LogStore) -> pl.DataFrame:
    """Return the alerts that the log's alerts journal holds, each once, from its first window to its last.

    An alert without a window stands where it was raised.

    Returns
    -------
    pl.DataFrame
        ``alert`` (id), ``severity``, ``state``, ``model``, ``what``, ``since``, ``until`` and ``kept`` ("journal").

    Raises
    ------
    IntegrityError
        The alerts journal does not hold.
    """
    path = alerts_file(store.origin)
    if not path.is_file():
        return pl.DataFrame(schema=_SCHEMA)
    rows = derived(*entries_of(store, path, in_log=False)).table
    since = pl.coalesce("first_seen", "raised_at")
    return rows.select(
        pl.col("id").alias("alert"),
        *("severity", "state", "model", "what"),
        since.alias("since"),
        pl.coalesce("last_seen", since).alias("until"),
        pl.lit(JOURNAL).alias("kept"),
    )


def alerts_of_log(store: LogStore) -> pl.DataFrame:
    """Return what the log's own events call an alert, whoever wrote it; of what was corrected the correction.

    Their ``state`` is null: whoever writes a log could close its alerts there. Only those of `audit-lab` itself have a
    window, all others the moment at which they were raised; those without a time are left out.

    Raises
    ------
    LogError
        The log's events cannot be read.
    """
    at = pl.col("at")
    corrected = pl.col("event_id").is_in(pl.col("supersedes").drop_nulls().implode())
    asked = (
        store.table("events")
        .filter(~corrected.fill_null(value=False))
        .filter((pl.col("kind") == "alert") & at.is_not_null())
        .select("event_id", "at", "severity", "actor", "subject_kind", "subject", "summary", "payload")
        .top_k(_MOST_EVENTS, by="at")
        .sort("at", "event_id")
    )
    events = collect(asked, f"the events of {store.location}")
    return pl.DataFrame([_told(event) for event in events.iter_rows(named=True)], schema=_SCHEMA)


def within(alerts: pl.DataFrame, question: Question) -> pl.DataFrame:
    """Return the alerts of the model and the stretch of time that are asked for, in order of time."""
    kept = pl.lit(value=True)
    if question.model is not None:
        kept &= pl.col("model").is_null() | (pl.col("model") == question.model)
    if question.since is not None:
        kept &= (pl.col("until") > question.since) | (pl.col("since") >= question.since)
    if question.until is not None:
        kept &= pl.col("since") < question.until
    return alerts.filter(kept).sort("since", "until", "alert", maintain_order=True)


def _told(event: dict[str, Any]) -> dict[str, Any]:
    since = until = event["at"]
    model, name = event["subject"] if event["subject_kind"] == "model" else None, event["event_id"]
    try:
        stated = entry_of("alert", event["payload"] or "", event["at"], event["actor"] or "", LOG).payload
    except MalformedError:
        pass
    else:
        model, name = stated["model"], stated["alert"]
        if stated["window_start"] is not None and stated["window_end"] is not None:
            since, until = (datetime.fromisoformat(stated[each]) for each in ("window_start", "window_end"))
    known = {"alert": name, "severity": event["severity"], "state": None, "model": model, "what": event["summary"]}
    return {**known, "since": since, "until": until, "kept": LOG}

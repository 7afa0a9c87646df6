"""How one model's service ran, as a user asks for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.face.windowed_rows import windowed_rows
from audit_lab.log.files.reading import collect
from audit_lab.monitor.operations.measured import SPLITS, measure_operations

if TYPE_CHECKING:
    from datetime import date, datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.operations.measured import Operations

__all__ = ["operations_of"]

_EVENT = ("event_id", "at", "kind", "severity", "subject", "summary")


def operations_of(
    store: LogStore,
    *,
    every: str,
    by: str,
    since: str | date | datetime | None,
    until: str | date | datetime | None,
    model: str | None,
    zone: str,
) -> tuple[Operations, set[str]]:
    """Return how the service ran, and the columns that it comes from; parameters as for `AuditLog.operations`.

    Raises
    ------
    MisuseError
        There is no such split.
    """
    if by not in SPLITS:
        raise MisuseError(f"operations are not split by {by!r}", f"Use one of {', '.join(SPLITS)}.")
    rows = windowed_rows(store, model, since, until, even=False)
    columns = [SPLITS[by], "error", "latency_ms"]
    events = collect(store.table("events").select(_EVENT), f"the events of {store.location}")
    # An event without a time may lie in any period.
    if rows.since is not None:
        events = events.filter((pl.col("at") >= rows.since).fill_null(value=True))
    if rows.until is not None:
        events = events.filter((pl.col("at") < rows.until).fill_null(value=True))
    read = rows.reader(columns, weights=rows.is_sampled)
    found = measure_operations(
        read, rows.hours_of(zone), events, every=every, by=by, zone=zone, untimed=rows.untimed(SPLITS[by])
    )
    facts = (
        *found.facts,
        *rows.weighted_facts,
        "events of all models count: a log does not say which model a job is of",
    )
    return replace(found, facts=facts), rows.touched(columns)
